/** The route of a Next.js app on the real local stack: its pages connect through it, as the user whom the app names. */

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import {
  createClient,
  defaultEnvironment,
  type Environment,
  type FunnelcastError,
  httpApi,
} from '../../src/index.js';
import { createRouteHandlers, type RouteHandler } from '../../src/next/index.js';
import { createTokenIssuer } from '../../src/server/index.js';
import type { ActionName } from '../../src/wire.js';
import { patience, Stack, unique } from './stack.js';

const ORIGIN = 'http://my-app.test';
const issuer = { iss: 'my-app', aud: 'funnelcast', alg: 'HS256' } as const;
const key = 'a secret of at least thirty-two bytes';

let stack: Stack;
let route: Record<'GET' | 'POST' | 'DELETE', RouteHandler>;
/** The user who is signed in. */
let signedIn: { id: string; name: string } | undefined = { id: unique('user'), name: 'Ann' };

beforeAll(async () => {
  const issuers = [{ kind: 'app', ...issuer, keys: { secret: 'funnelcast/dev/my-app' } }];
  const parameters = ['--parameter', `Issuers=${JSON.stringify(issuers)}`];
  stack = await Stack.start(...parameters, '--secret', `funnelcast/dev/my-app=${key}`);
  route = createRouteHandlers({
    http: `${stack.addresses.http}/`,
    issuer: createTokenIssuer({ ...issuer, key }),
    user: () => signedIn,
  });
});

afterAll(() => stack?.stop());

/** Handles a request as Next.js does. */
const serve = (request: Request): Promise<Response> => {
  const path = new URL(request.url).pathname.replace('/api/websocket/', '').split('/');
  return route[request.method as 'GET'](request, { params: Promise.resolve({ path }) });
};

const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
  const response = await serve(new Request(`${ORIGIN}/api/websocket/${path}`, { method, headers }));
  return [response.status, ((await response.json()) as { error?: { code: string } }).error?.code];
};

test('a page connects through its own origin, as the user whom the app names', async () => {
  const environment: Environment = {
    ...defaultEnvironment,
    WebSocket: WebSocket as unknown as Environment['WebSocket'],
    fetch: (url, init) => serve(new Request(url as string, init)),
  };
  const client = createClient({ http: httpApi(ORIGIN), environment });
  client.connect();
  await vi.waitFor(() => expect(client.state).toBe('connected'), patience);
  // No other user may join that channel.
  await client.subscribe(`user:${signedIn?.id}`, () => {}).joined;
  client.close();
});

test('variables are enough to configure it', async () => {
  vi.stubEnv('FUNNELCAST_HTTP', stack.addresses.http);
  vi.stubEnv('TOKEN_KEY', key); // of the issuer `my-app`, for `funnelcast`
  const { POST } = createRouteHandlers({ user: () => ({ id: unique('user') }) });
  const request = new Request(`${ORIGIN}/api/websocket/connect`, { method: 'POST' });
  const response = await POST(request, { params: Promise.resolve({ path: ['connect'] }) });
  vi.unstubAllEnvs();
  expect(await response.json()).toMatchObject({ url: stack.addresses.websocket, ticket: expect.any(String) });
});

test('a file is asked for through the origin of the page, and the way to it is passed back', async () => {
  const files = createRouteHandlers({
    api: 'files',
    http: stack.addresses.http,
    issuer: createTokenIssuer({ ...issuer, key }),
    user: () => signedIn,
  });
  const at = (method: 'GET' | 'POST' | 'DELETE', ...path: string[]) => {
    const url = [`${ORIGIN}/api/files`, ...path].join('/');
    return files[method](new Request(url, { method, ...(method === 'POST' && { body: '{}' }) }), {
      params: Promise.resolve({ path: path.length > 0 ? path : undefined }),
    });
  };
  expect((await at('POST')).status, 'it lacks its fields').toBe(400);
  expect((await at('POST', 'file_of_nobody')).status).toBe(404);
  expect((await at('GET', 'file_of_nobody', 'link')).status).toBe(404);
  expect((await at('DELETE', 'file_of_nobody')).status).toBe(404);
  expect((await at('GET')).status, 'there is no list').toBe(405);
  expect((await at('GET', 'a', 'b')).status).toBe(404);
});

test('the servers of a call are asked for through the origin of the page', async () => {
  const { POST } = createRouteHandlers({
    api: 'calls',
    http: stack.addresses.http,
    issuer: createTokenIssuer({ ...issuer, key }),
    user: () => signedIn,
  });
  const at = (...path: string[]) =>
    POST(new Request([`${ORIGIN}/api/calls`, ...path].join('/'), { method: 'POST', body: '{}' }), {
      params: Promise.resolve({ path }),
    });
  expect((await at('ice')).status, 'it lacks its channel').toBe(400);
  expect((await at('other')).status).toBe(404);
});

/** All actions, and no other, or it would not compile. */
const ACTIONS: Record<ActionName, true> = {
  ack: true,
  call: true,
  history: true,
  inbox: true,
  join: true,
  leave: true,
  ping: true,
  presence: true,
  receipts: true,
  search: true,
  send: true,
  status: true,
};

test('whatever the client asks for by HTTP is passed on', async () => {
  const options = {
    http: stack.addresses.http,
    issuer: createTokenIssuer({ ...issuer, key }),
    user: () => signedIn,
  };
  const routes = (['websocket', 'files', 'calls', 'conversations'] as const).map(
    api => [api, createRouteHandlers({ ...options, api })] as const,
  );
  const environment: Environment = {
    ...defaultEnvironment,
    fetch: async (url, init) => {
      const request = new Request(url as string, init);
      const [, , api, ...path] = new URL(request.url).pathname.split('/');
      const route = routes.find(([name]) => name === api)?.[1];
      if (!route) throw new Error(`there is no handler for ${request.url}`);
      return route[request.method as 'GET'](request, {
        params: Promise.resolve(path.length > 0 ? { path } : {}),
      });
    },
  };
  const http = httpApi(ORIGIN)(environment);
  const channel = `user:${signedIn?.id}` as const;
  // Refused or not, the stack has answered, and not the route.
  const fields = {
    channel,
    seq: 1,
    state: 'read',
    event: 'app.event',
    data: {},
    query: 'one',
    limit: 1,
  } as never;
  for (const action of (Object.keys(ACTIONS) as ActionName[]).filter(action => http.link.can(action))) {
    const answer = await http.link.request(action, fields).catch((error: FunnelcastError) => error.code);
    expect(answer, action).not.toBe('not_found');
    expect(answer, action).not.toBe('disconnected');
  }
  expect(await http.link.request('inbox', { limit: 1 })).toEqual({ conversations: [] });
});

describe('refuses', () => {
  test('a user who is not signed in', async () => {
    const before = signedIn;
    signedIn = undefined;
    expect(await ask('POST', 'connect')).toEqual([401, 'unauthorized']);
    signedIn = before;
  });

  test.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example', host: 'my-app.test' },
    { origin: 'null', host: 'my-app.test' },
  ])('a page of another origin: %o', async headers => {
    expect(await ask('POST', 'connect', headers as Record<string, string>)).toEqual([403, 'forbidden']);
  });

  test.each([
    ['GET', 'elsewhere', 404, 'not_found'],
    ['GET', 'toString', 404, 'not_found'],
    ['POST', 'webhooks/../connect', 404, 'not_found'],
    ['GET', 'connect', 405, 'bad_request'],
  ])('%s %s', async (method, path, status, code) => {
    const request = new Request(`${ORIGIN}/api/websocket/x`, { method });
    const response = await route[method as 'GET'](request, { params: { path: path.split('/') } });
    expect([response.status, (await response.json()).error.code]).toEqual([status, code]);
  });

  test('a body that is larger than any route accepts', async () => {
    const request = new Request(`${ORIGIN}/api/websocket/x`, { method: 'POST', body: 'x'.repeat(131_073) });
    const response = await route.POST(request, { params: { path: ['messages'] } });
    expect(response.status).toBe(413);
  });

  test('with a response when there is no stack', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { GET } = createRouteHandlers({ http: 'http://127.0.0.1:9' });
    const response = await GET(new Request(`${ORIGIN}/api/websocket/status`), {
      params: { path: ['status'] },
    });
    expect(response.status).toBe(502);
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });
});

test("passes on the stack's responses, with their status and codes", async () => {
  const same = { 'sec-fetch-site': 'same-origin' };
  expect(await ask('GET', 'status', same)).toEqual([200, undefined]);
  expect(await ask('GET', 'messages?channel=conversation:c&limit=0', same)).toEqual([400, 'bad_request']);
  expect(await ask('GET', 'messages?channel=company:biz_1&limit=9', same)).toEqual([403, 'forbidden']);
});

test("passes on Whop's token if the app names no user", async () => {
  const { GET } = createRouteHandlers({ http: stack.addresses.http });
  const status = async (headers: Record<string, string>) => {
    const request = new Request(`${ORIGIN}/api/websocket/status`, { headers });
    return (await GET(request, { params: { path: ['status'] } })).status;
  };
  const token = await createTokenIssuer({ ...issuer, key }).token({ id: unique('user') });
  expect(await status({ 'x-whop-user-token': token })).toBe(200);
  expect(await status({ authorization: `Bearer ${token}` })).toBe(200);
  expect(await status({})).toBe(401);
});
