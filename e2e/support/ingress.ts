import { namespace, read, release } from './commands.ts';
import { execute, startGuest } from './guest.ts';
import type { Answer, GatewayClient } from './gateway-client.ts';

interface Ingress {
  readonly spec: {
    readonly ingressClassName?: string;
    readonly rules: ReadonlyArray<{
      readonly host?: string;
      readonly http: {
        readonly paths: ReadonlyArray<{
          readonly path: string;
          readonly pathType: string;
          readonly backend: { readonly service: { readonly name: string; readonly port: { readonly name?: string; readonly number?: number } } };
        }>;
      };
    }>;
  };
} // prettier-ignore

/** One rule of the Ingress, with its backend as a controller would resolve it. */
export interface Route {
  readonly host: string;
  readonly path: string;
  readonly pathType: string;
  readonly service: string;
  readonly port: number;
}

/** What the Ingress says, as the API server has it. Throws where a rule leads nowhere. */
export async function ingressRoutes(): Promise<Route[]> {
  const { spec } = await read<Ingress>(['get', 'ingress', `${release}-gateway`]);
  const rules = spec.rules.flatMap(({ host = '', http }) => http.paths.map((path) => ({ host, ...path })));
  return await Promise.all(
    rules.map(async ({ host, path, pathType, backend: { service } }) => {
      const { spec } = await read<{ spec: { ports: Array<{ name?: string; port: number }> } }>(['get', 'service', service.name]);
      const { name, number } = service.port;
      const found = spec.ports.find((entry) => (name === undefined ? entry.port === number : entry.name === name));
      if (found === undefined) throw new Error(`Service ${service.name} has no port ${name ?? number}.`);
      return { host, path, pathType, service: service.name, port: found.port };
    }),
  ); // prettier-ignore
}

/** The gateway as an Ingress controller reaches it: from another namespace, through the rule's Service and port, with its host. */
export async function connectAsController(route: Route, fromNamespace: string): Promise<GatewayClient> {
  const guest = 'ingress-controller';
  await startGuest({ name: guest, namespace: fromNamespace, command: ['node', '-e', 'setInterval(() => {}, 1000)'] });
  const url = `http://${route.service}.${namespace}.svc:${route.port}${route.path.replace(/\/$/, '')}`;
  const script = `
    const { request } = require('node:http');
    const [url, method, headers, body] = process.argv.slice(1);
    const sent = request(url, { method, headers: JSON.parse(headers), timeout: 15000 }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => console.log(JSON.stringify({ status: response.statusCode, headers: response.headers, text })));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in 15 s')));
    sent.end(body);`;
  const send = async (method: string, path: string, headers: object, body = ''): Promise<Answer> => {
    const asked = JSON.stringify({ ...headers, host: route.host, 'x-forwarded-host': route.host });
    const output = await execute(guest, ['node', '-e', script, `${url}${path}`, method, asked, body], fromNamespace);
    const answer = JSON.parse(output) as { status: number; headers: Record<string, string>; text: string };
    const told = JSON.parse(answer.text) as Record<string, unknown>;
    return { status: answer.status, headers: new Headers(answer.headers), body: told };
  };
  return {
    url,
    get: async (path) => await send('GET', path, {}),
    post: async (path, body, headers = {}) =>
      await send('POST', path, { 'content-type': 'application/json', ...headers }, JSON.stringify(body)),
    close: () => undefined,
  };
}
