/** The HTTP API of the fake server, and the uploads to its storage. */

import { Refusal } from './refusal.js';
import { actionOf, type Frame } from './requests.js';
import { LATENCY_MS } from './socket.js';
import type { FakeStorage } from './storage.js';

/** The server, as an HTTP request sees it. */
interface HttpHost {
  http: 'open' | 'closed';
  httpCalls: number;
  readonly storage: FakeStorage;
  readonly requests: object[];
  readonly admits: (grant: string | null) => boolean;
  count(action: string): number;
  serve(frame: Frame, socket: undefined): object | undefined;
}

/** Serves a request, after the time that it takes. */
export async function serveHttp(server: HttpHost, url: string, init: RequestInit): Promise<Response> {
  if (init.method === 'PUT') return put(server, url, init);
  server.httpCalls++;
  await new Promise(resolve => setTimeout(resolve, LATENCY_MS));
  if (server.http === 'closed') throw new TypeError('fetch failed');
  const { pathname, searchParams } = new URL(url);
  if (pathname.endsWith('/connect')) {
    server.requests.push({ action: 'connect', id: '', channel: '', socket: undefined });
    return Response.json({ url: 'wss://fake.test/dev', ticket: `t${server.count('connect')}` });
  }
  if (pathname.endsWith('/status')) return Response.json({ connections: [] });
  const isPost = init.method === 'POST';
  const body: object = isPost && init.body ? JSON.parse(String(init.body)) : {};
  try {
    const grant = new Headers(init.headers).get('funnelcast-grant');
    if (pathname.startsWith('/api/files'))
      return Response.json(server.storage.serve(String(init.method), new URL(url), body, grant));
    if (!server.admits(grant)) throw new Refusal('forbidden');
    const fields = isPost ? body : Object.fromEntries(searchParams.entries());
    const action = actionOf(init.method, pathname);
    return Response.json(server.serve({ action, id: 'http', ...fields } as Frame, undefined));
  } catch (error) {
    const { code, message, terms } = error as Refusal;
    return Response.json({ error: { code, message, ...terms } }, { status: 400 });
  }
}

async function put({ storage }: HttpHost, url: string, { headers, body, signal }: RequestInit) {
  const given = headers as Record<string, string>;
  const sending = storage.put(url, given, body as Blob, () => {}, signal as AbortSignal);
  const { status, text } = await sending;
  return new Response(text, { status });
}
