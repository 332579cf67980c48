import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Middleware } from 'koa';
import type { Router } from '@koa/router';
import { koaSwagger } from 'koa2-swagger-ui';
import { openApiDocument } from '../openapi/document.ts';
import type { GatewayState } from '../state.ts';

const assetDirectory = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const assets = [
  // koa2-swagger-ui asks for the name that a public CDN gives the file.
  { path: 'swagger-ui.min.css', file: 'swagger-ui.css', type: 'text/css; charset=utf-8' },
  { path: 'swagger-ui-bundle.js', file: 'swagger-ui-bundle.js', type: 'text/javascript; charset=utf-8' },
  {
    path: 'swagger-ui-standalone-preset.js',
    file: 'swagger-ui-standalone-preset.js',
    type: 'text/javascript; charset=utf-8',
  },
  { path: 'favicon.png', file: 'favicon-32x32.png', type: 'image/png' },
] as const;

// The page's own script is inline. Whatever it asks for elsewhere, the browser does not send.
const contentSecurityPolicy =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** The OpenAPI document, and Swagger UI with every file from this machine. */
export function addDocsRoutes(router: Router<GatewayState>): void {
  const document = JSON.stringify(openApiDocument);
  router.get('/swagger/doc.json', (ctx) => {
    ctx.type = 'application/json';
    ctx.body = document;
  });

  const page = swaggerPage();
  router.get('/docs', async (ctx, next) => {
    await page(ctx, next);
    ctx.set('Content-Security-Policy', contentSecurityPolicy);
    // koa2-swagger-ui's page names a font server whatever its options say.
    ctx.body = String(ctx.body).replace(/<link href="https:[^>]*>/, '');
  });

  for (const { path, file, type } of assets) {
    // In memory, 2 MB: files could be missing from an image, and that must show at the start.
    const bytes = readFileSync(join(assetDirectory, file));
    router.get(`/docs/assets/${path}`, (ctx) => {
      ctx.set('Cache-Control', 'public, max-age=3600');
      ctx.type = type;
      ctx.body = bytes;
    });
  }
}

function swaggerPage(): Middleware<GatewayState> {
  return koaSwagger({
    title: openApiDocument.info.title,
    routePrefix: false,
    hideTopbar: true,
    favicon: '/docs/assets/favicon.png',
    // The page asks for "<url>/<version>/<file>".
    swaggerCdnUrl: '/docs',
    swaggerVersion: 'assets',
    swaggerOptions: {
      url: '/swagger/doc.json',
      // Null, or the page would send the document to a public validator.
      validatorUrl: null,
      docExpansion: 'list',
      tryItOutEnabled: true,
    },
  });
}
