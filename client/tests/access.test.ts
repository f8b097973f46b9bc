import { describe, expect, test } from 'vitest';
import { FunnelcastError } from '../src/index.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, joinedScene, pass, say, scene } from './fake/setup.js';

describe('access', () => {
  test('a token travels as a subprotocol, never in the URL', async () => {
    const { server } = await joinedScene({ token: async () => 'a.b.c' });
    expect(server.socket.url).toBe('wss://fake.test/dev');
    expect(server.socket.protocols).toEqual(['funnelcast.v1', 'token.a.b.c']);
  });

  test('each attempt gets a new ticket', async () => {
    let tickets = 0;
    const ticket = async () => ({ url: 'wss://fake.test/dev', ticket: `t${++tickets}` });
    const { server } = await joinedScene({ ticket });
    await pass(10_000);
    server.socket.cut();
    await pass(100);
    expect(server.sockets.map(({ url }) => url)).toEqual([
      'wss://fake.test/dev?ticket=t1',
      'wss://fake.test/dev?ticket=t2',
    ]);
  });

  test('an error that no retry can fix closes the client', async () => {
    const ticket = async () => {
      throw new FunnelcastError('unauthorized', 'sign in first');
    };
    const { client, states } = scene({ ticket });
    client.connect();
    await pass(60_000);
    expect(states).toEqual(['connecting', 'closed']);
    expect(client.error).toMatchObject({ code: 'unauthorized', message: 'sign in first' });
  });

  test('a ticket that fails for another reason is requested again', async () => {
    let calls = 0;
    const ticket = async () => {
      if (++calls === 1) throw new TypeError('fetch failed');
      return { url: 'wss://fake.test/dev', ticket: 't' };
    };
    const { client } = scene({ ticket });
    client.connect();
    await pass(1_000);
    expect(client.state).toBe('connected');
  });

  test('a ticket that never arrives fails the attempt', async () => {
    const signals: AbortSignal[] = [];
    const ticket = (signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<never>(() => {});
    };
    const { client } = scene({ ticket });
    client.connect();
    await pass(10_100);
    expect(client.state).toBe('waiting');
    expect(signals[0]?.aborted).toBe(true);
  });

  test('a client without access options is not made', () => {
    expect(() => scene({ url: undefined as never })).toThrow('give `ticket`, `url` or `http`');
  });
});

describe('when the server replies `unauthorized`', () => {
  test('the connection is replaced, and unfinished requests are made again', async () => {
    const { server, client } = await joinedScene();
    await pass(10_000);
    let refusals = 0;
    server.intercept = ({ action }) => {
      if (action === 'history' && refusals++ === 0) throw new Refusal('unauthorized');
      return undefined;
    };
    const history = client.history(CHANNEL);
    await pass(1_000);
    await expect(history).resolves.toMatchObject({ more: false });
    expect(server.sockets).toHaveLength(2);
  });
});

describe('when the server ends the connection because the user has too many', () => {
  const displaced = { type: 'reply', ok: false, error: { code: 'conflict', message: 'more than 50' } };

  test('the client closes, and does not reconnect by itself', async () => {
    const { server, client, states } = await joinedScene();
    await pass(10_000);
    server.socket.deliver(displaced);
    await pass(600_000);
    expect(states).toEqual(['connecting', 'connected', 'closed']);
    expect(client.error).toMatchObject({ code: 'conflict', message: 'more than 50' });
    expect(server.sockets).toHaveLength(1);
    client.connect();
    await pass(100);
    expect(client.state).toBe('connected');
  });

  test('a connection that is being replaced does not matter', async () => {
    const { server, client } = await joinedScene();
    server.opened = () => server.socket.deliver(displaced); // the new socket, which is replaced first
    await pass(111 * 60_000);
    expect(server.sockets.length).toBeGreaterThan(1);
    server.opened = () => {};
    await pass(60_000);
    expect(client.state).toBe('connected');
    expect(server.sockets[0]?.wasClosedByClient).toBe(true);
  });
});

describe('invalid access options', () => {
  test.each([
    ['no WebSocket', { environment: { WebSocket: never(undefined) } }, 'environment.WebSocket'],
    [
      'a WebSocket that rejects the protocol',
      {
        environment: {
          WebSocket: never(
            class {
              constructor() {
                throw new SyntaxError('invalid protocol');
              }
            },
          ),
        },
      },
      'invalid protocol',
    ],
    ['a token with `+/=`', { token: 'a+/=.b.c' }, 'base64url'],
    ['a token that is a number', { token: never(() => 7) }, 'token must be'],
  ])('%s closes the client with the reason', async (_, options, why) => {
    const it = scene(options);
    const outcome = Promise.allSettled([say(it, 'hello')]);
    it.client.connect();
    await pass(60_000);
    expect(it.client.state).toBe('closed');
    expect(it.client.error).toMatchObject({ code: 'bad_request', message: expect.stringContaining(why) });
    expect((await outcome)[0]).toMatchObject({
      reason: { code: 'closed', message: expect.stringContaining(why) },
    });
  });
});

test.each([
  { message: 'Service Unavailable' },
  { error: { code: 'internal', message: 'try again' } },
  { url: 'nowhere', ticket: 't' },
  null,
])('what the backend answers in place of a ticket, such as %o, is not final', async answer => {
  const door = { isOpen: false };
  const ticket = async () => (door.isOpen ? { url: 'wss://fake.test/dev', ticket: 't1' } : never(answer));
  const { client } = scene({ ticket });
  client.connect();
  await pass(100);
  expect([client.state, client.error?.code]).toEqual(['waiting', 'internal']);
  door.isOpen = true;
  await pass(2_000);
  expect(client.state).toBe('connected');
});

/** A value that the types do not allow. */
function never(value: unknown): never {
  return value as never;
}
