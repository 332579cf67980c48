import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** As much of an OCI registry as Helm needs to fetch a chart from it. */
export async function startChartRegistry(
  charts: ReadonlyArray<{ name: string; version: string; archive: Buffer }>,
): Promise<{ host: string; stop: () => void }> {
  const blobs = new Map<string, { type: string; body: Buffer }>();
  const tags = new Map<string, string>();
  const keep = (type: string, body: Buffer): { mediaType: string; digest: string; size: number } => {
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    blobs.set(digest, { type, body });
    return { mediaType: type, digest, size: body.length };
  };
  for (const { name, version, archive } of charts) {
    const config = keep(
      'application/vnd.cncf.helm.config.v1+json',
      Buffer.from(JSON.stringify({ name, version, apiVersion: 'v2' })),
    );
    const layers = [keep('application/vnd.cncf.helm.chart.content.v1.tar+gzip', archive)];
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers });
    tags.set(`${name}:${version}`, keep(manifestType, Buffer.from(manifest)).digest);
  }
  const server = createServer((request, response) => {
    const [, name = '', kind = '', reference = ''] =
      /^\/v2\/(?:.*\/)?([^/]+)\/(manifests|blobs|tags)\/([^/?]+)/.exec(request.url ?? '') ?? [];
    if (kind === 'tags') {
      const own = [...tags.keys()].filter((tag) => tag.startsWith(`${name}:`)).map((tag) => tag.slice(name.length + 1));
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ name, tags: own }));
      return;
    }
    const digest = tags.get(`${name}:${reference}`) ?? reference;
    const blob = blobs.get(digest);
    response.statusCode = blob === undefined && request.url !== '/v2/' ? 404 : 200;
    if (blob === undefined) return void response.end();
    response.setHeader('content-type', blob.type).setHeader('docker-content-digest', digest);
    response.setHeader('content-length', blob.body.length).end(request.method === 'HEAD' ? undefined : blob.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => void server.close() };
}
