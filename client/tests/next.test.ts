/** The route handlers for Next.js, with a stack that answers everything. `stack/next.test.ts` has them on a real one. */

import { expect, test, vi } from 'vitest';
import { createRouteHandlers, type RouteOptions } from '../src/next/index.js';
import { createTokenIssuer } from '../src/server/index.js';
import { WEBHOOK_BYTES_MAX } from '../src/wire.js';

const ORIGIN = 'http://my-app.test';

/** Handlers whose requests to the stack are kept. */
function route(options: Partial<RouteOptions> = {}) {
  const asked: Request[] = [];
  const handlers = createRouteHandlers({
    http: 'http://stack.test',
    issuer: createTokenIssuer({ key: 'a secret of at least thirty-two bytes' }),
    user: () => ({ id: 'user_1' }),
    fetch: async (url, init) => {
      asked.push(new Request(url as string, init));
      return Response.json({});
    },
    ...options,
  });
  return { ...handlers, asked };
}

/** A request whose body comes in pieces and does not say how long it is. `pieces` counts those that were read. */
function chunked(path: string, pieceBytes: number, piecesMax: number) {
  const read = { pieces: 0, isCancelled: false };
  const body = new ReadableStream({
    pull(controller) {
      if (read.pieces === piecesMax) return controller.close();
      read.pieces++;
      controller.enqueue(new Uint8Array(pieceBytes).fill(120));
    },
    cancel() {
      read.isCancelled = true;
    },
  });
  const init = { method: 'POST', body, duplex: 'half' };
  return { request: new Request(`${ORIGIN}/api/websocket/${path}`, init as RequestInit), read };
}

test.each([undefined, {}, { params: undefined }, { params: null }, { params: Promise.resolve(undefined) }])(
  'a route without a dynamic segment, for which Next.js gives %o',
  async context => {
    const { GET, asked } = route({ api: 'conversations' });
    const response = await GET(new Request(`${ORIGIN}/api/conversations?limit=1`), context);
    expect(response.status).toBe(200);
    expect(asked.map(({ url }) => url)).toEqual(['http://stack.test/api/conversations?limit=1']);
  },
);

test('a body in pieces is passed on as it came', async () => {
  const { POST, asked } = route();
  const { request } = chunked('messages', 1_000, 3);
  expect((await POST(request, { params: { path: ['messages'] } })).status).toBe(200);
  expect(await asked[0]?.text()).toBe('x'.repeat(3_000));
});

test('no more of a body is read than any route accepts', async () => {
  const { POST, asked } = route({ user: undefined });
  const { request, read } = chunked('webhooks/whop', 16_384, 10_000);
  const response = await POST(request, { params: { path: ['webhooks', 'whop'] } });
  expect([response.status, asked.length, read.isCancelled]).toEqual([413, 0, true]);
  expect(read.pieces * 16_384).toBeLessThan(2 * WEBHOOK_BYTES_MAX);
});

test('the body of a user who is not signed in is not read', async () => {
  const { POST } = route({ user: () => null });
  const { request, read } = chunked('messages', 16_384, 10_000);
  expect((await POST(request, { params: { path: ['messages'] } })).status).toBe(401);
  expect(read.pieces).toBeLessThan(2); // a stream reads one piece ahead
});

test('a browser that goes away ends the request to the stack, also in the Edge runtime, which has no `AbortSignal.any`', async () => {
  vi.stubGlobal('AbortSignal', class extends AbortSignal {});
  Object.assign(AbortSignal, { any: undefined, timeout: undefined });
  const passedOn: (AbortSignal | null | undefined)[] = [];
  const { GET } = route({
    fetch: (_, init) =>
      new Promise((_, reject) => {
        passedOn.push(init?.signal);
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      }),
  });
  const browser = new AbortController();
  const request = new Request(`${ORIGIN}/api/websocket/status`, { signal: browser.signal });
  const response = GET(request, { params: Promise.resolve({ path: ['status'] }) });
  await vi.waitFor(() => expect(passedOn).toHaveLength(1));
  browser.abort();
  expect((await response).status).toBe(502);
  expect(passedOn[0]?.aborted).toBe(true);
  vi.unstubAllGlobals();
});
