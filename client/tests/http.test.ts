import { describe, expect, test } from 'vitest';
import { type Environment, httpApi } from '../src/index.js';
import { CHANNEL, pass, scene } from './fake/setup.js';

const overHttp = { http: httpApi('https://api.test/') };

describe('the HTTP API', () => {
  test('provides the tickets if there are no other access options', async () => {
    const it = scene({ ...overHttp, url: undefined as never });
    it.client.connect();
    await pass(100);
    expect(it.server.socket.url).toBe('wss://fake.test/dev?ticket=t1');
  });

  test('receives the token', async () => {
    const calls: [string, RequestInit][] = [];
    const fetch = async (url: string, init: RequestInit) => {
      calls.push([url, init]);
      return Response.json({ error: { code: 'unauthorized', message: 'no' } }, { status: 401 });
    };
    const it = scene({
      http: httpApi('https://api.test', { token: async () => 'a.b.c' }),
      url: undefined as never,
    });
    const client = scene({
      http: httpApi('https://api.test', { token: async () => 'a.b.c' }),
      url: undefined as never,
      environment: { ...it.server.environment, fetch },
    }).client;
    client.connect();
    await pass(100);
    expect(calls[0]?.[0]).toBe('https://api.test/api/websocket/connect');
    expect(calls[0]?.[1].headers).toMatchObject({ authorization: 'Bearer a.b.c' });
    expect(client.state).toBe('closed');
    expect(client.error).toMatchObject({ code: 'unauthorized' });
  });

  test.each([
    [429, 'rate_limited'],
    [413, 'too_large'],
    [502, 'internal'],
    [408, 'internal'],
    [425, 'internal'],
    [418, 'bad_request'],
  ])('a status of %i without a body of ours is `%s`', async (status, code) => {
    const it = scene(overHttp);
    const fetch = async () => new Response('<html>', { status });
    const { link } = overHttp.http({ ...baseEnvironment(), ...it.server.environment, fetch });
    await expect(link.request('history', { channel: CHANNEL, limit: 1 })).rejects.toMatchObject({ code });
  });

  test.each([
    [403, '<html>'],
    [403, '{"message":"Forbidden"}'],
    [400, '{"error":"Bad Request"}'],
    [404, ''],
    [408, ''],
    [425, ''],
    [200, '<html>'],
    [200, '{}'],
  ])(
    'what a proxy answers to the request for a ticket, such as %i and %s, is not final',
    async (status, text) => {
      const { server } = scene();
      const { fetch: ask, ...rest } = server.environment;
      const door = { isOpen: false };
      const fetch: Environment['fetch'] = async (url, init) =>
        door.isOpen && ask ? ask(url, init) : new Response(text, { status });
      const { client } = scene({ ...overHttp, url: undefined as never, environment: { ...rest, fetch } });
      client.connect();
      await pass(100);
      expect(client.state).toBe('waiting');
      door.isOpen = true;
      await pass(2_000);
      expect(client.state).toBe('connected');
    },
  );

  test.each([
    [401, '<html>', 'unauthorized'],
    [403, '{"error":{"code":"forbidden","message":"no"}}', 'forbidden'],
  ])('a status of %i with %s is final', async (status, text, code) => {
    const { server } = scene();
    const fetch = async () => new Response(text, { status });
    const environment = { ...server.environment, fetch };
    const { client } = scene({ ...overHttp, url: undefined as never, environment });
    client.connect();
    await pass(100);
    expect([client.state, client.error?.code]).toEqual(['closed', code]);
  });

  test('a page in place of a response, such as one to sign in, is no response', async () => {
    const { server } = scene();
    const { fetch: ask, ...rest } = server.environment;
    const door = { isOpen: true };
    const fetch: Environment['fetch'] = async (url, init) =>
      door.isOpen && ask ? ask(url, init) : new Response('<html>');
    const it = scene({ ...overHttp, environment: { ...rest, fetch } });
    server.door = 'closed';
    it.client.connect();
    await pass(20_000);
    expect([it.client.state, it.client.isConnected]).toEqual(['polling', true]);
    door.isOpen = false;
    const sent = it.client.send(CHANNEL, 'chat.message', { content: 'hello' });
    await pass(20_000);
    expect(it.client.isConnected).toBe(false);
    door.isOpen = true;
    await pass(30_000);
    await expect(sent).resolves.toMatchObject({ seq: 1 });
  });

  test('a response that never arrives times out', async () => {
    const it = scene(overHttp);
    const fetch = () => new Promise<never>(() => {});
    const { link } = overHttp.http({ ...baseEnvironment(), ...it.server.environment, fetch });
    const outcome = Promise.allSettled([link.request('history', { channel: CHANNEL, limit: 1 })]);
    await pass(15_100);
    expect((await outcome)[0]).toMatchObject({ reason: { code: 'timeout' } });
  });

  test('what has been read is acknowledged while the client polls, with the grant of the channel', async () => {
    const it = scene(overHttp);
    it.server.append(CHANNEL, 'hello');
    it.server.door = 'closed';
    it.server.admits = grant => grant === 'grant-1';
    it.client.subscribe(CHANNEL, () => {}, { grant: async () => 'grant-1' });
    it.client.connect();
    await pass(10_000);
    const acked = it.client.ack(CHANNEL, 1, 'read');
    await pass(1_000);
    await expect(acked).resolves.toBe(1);
    expect([it.client.state, it.server.reads.get(CHANNEL)]).toEqual(['polling', new Map([['user_1', 1]])]);
  });
});

function baseEnvironment() {
  return scene().client.environment;
}
