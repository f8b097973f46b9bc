import { describe, expect, test, vi } from 'vitest';
import { FunnelcastError } from '../src/index.js';
import { CHANNEL, joinedScene, pass, scene } from './fake/setup.js';

describe('from idle', () => {
  test('nothing happens before connect()', async () => {
    const { server, client } = scene();
    await pass(60_000);
    expect(client.state).toBe('idle');
    expect(server.sockets).toHaveLength(0);
    expect(server.watchers).toBe(0);
  });

  test('the first attempt is immediate', async () => {
    const { server, client, states } = scene();
    client.connect();
    await pass(0);
    expect(server.sockets).toHaveLength(1);
    await pass(10);
    expect(states).toEqual(['connecting', 'connected']);
    client.connect(); // a second call has no effect
    await pass(1_000);
    expect(server.sockets).toHaveLength(1);
  });
});

describe('while the server does not answer', () => {
  test('the back-off doubles up to 30 s, with jitter', async () => {
    const { server, client } = scene();
    server.door = 'closed';
    const waits: (number | undefined)[] = [];
    client.on('state', ({ state, retryInMs }) => state === 'waiting' && waits.push(retryInMs));
    client.connect();
    await pass(120_000);
    // Random numbers are 0.5 here, so each wait is half of its bound.
    expect(waits.slice(0, 8)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    server.door = 'open';
    await pass(15_000);
    expect(client.state).toBe('connected');
    expect(client.error).toBeUndefined();
  });

  test('a ticket that is refused for now is requested again when the server allows it', async () => {
    let requested = 0;
    const { client } = scene({
      ticket: () => {
        if (requested++ === 0) throw new FunnelcastError('rate_limited', 'too many requests', 60_000);
        return Promise.resolve({ url: 'wss://fake.test/dev', ticket: 't' });
      },
    });
    client.connect();
    await pass(60_000);
    expect([requested, client.state]).toEqual([1, 'waiting']);
    await pass(1_000);
    expect([requested, client.state]).toEqual([2, 'connected']);
  });

  test('a socket that never opens is given up after 10 s', async () => {
    const { server, client } = scene();
    server.door = 'silent';
    client.connect();
    await pass(9_900);
    expect(client.state).toBe('connecting');
    await pass(200);
    expect(client.state).toBe('waiting');
    expect(client.error?.code).toBe('timeout');
    expect(server.socket.wasClosedByClient).toBe(true);
  });
});

describe('when the connection is lost', () => {
  test('the next attempt is immediate if it lasted 10 s', async () => {
    const { server, client, states } = await joinedScene();
    await pass(10_000);
    states.length = 0;
    server.socket.cut();
    await pass(10);
    expect(states).toEqual(['connecting', 'connected']);
    expect(client.state).toBe('connected');
  });

  test('it counts as a failure if it lasted less', async () => {
    const { server, states } = await joinedScene();
    await pass(5_000);
    states.length = 0;
    server.socket.cut();
    await pass(1_000);
    expect(states).toEqual(['waiting', 'connecting', 'connected']);
  });

  test('failures add up over connections that do not last', async () => {
    const { server, client } = await joinedScene();
    const waits: number[] = [];
    client.on('state', ({ retryInMs }) => retryInMs !== undefined && waits.push(retryInMs));
    for (let i = 0; i < 3; i++) {
      server.socket.cut();
      await pass(4_000);
    }
    expect(waits).toEqual([500, 1_000, 2_000]);
  });
});

describe('close and reconnect', () => {
  test('close ends everything, and connect starts again', async () => {
    const { server, client, states } = await joinedScene();
    client.close('the user left');
    expect(client.error).toMatchObject({ code: 'closed', message: 'the user left' });
    expect(server.socket.wasClosedByClient).toBe(true);
    expect(server.watchers).toBe(0);
    await pass(3_600_000);
    expect(server.sockets).toHaveLength(1);
    client.connect();
    await pass(100);
    expect(states).toEqual(['connecting', 'connected', 'closed', 'connecting', 'connected']);
    expect(server.socket.channels).toContain(CHANNEL);
  });

  test('close while connecting leaves nothing behind', async () => {
    const { server, client } = scene();
    client.connect();
    await pass(2);
    client.close();
    await pass(60_000);
    expect(client.state).toBe('closed');
    expect(server.sockets).toHaveLength(1);
    expect(server.socket.wasClosedByClient).toBe(true);
  });

  test.each(['connecting', 'connected', 'waiting'])('close from a listener of the state `%s`', async last => {
    const { server, client } = scene();
    if (last === 'waiting') server.door = 'closed';
    client.on('state', ({ state }) => state === last && client.close());
    client.connect();
    await pass(4 * 3_600_000);
    expect(client.state).toBe('closed');
    expect(server.sockets.every(({ state }) => state === 'closed')).toBe(true);
    expect(server.sockets.length).toBeLessThanOrEqual(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('close at the moment at which a socket opens', async () => {
    const { server, client } = scene();
    server.opened = () => client.close();
    client.connect();
    await pass(60_000);
    expect(client.state).toBe('closed');
    expect(server.sockets.map(({ wasClosedByClient }) => wasClosedByClient)).toEqual([true]);
  });

  test('reconnect makes a new socket at once, from any state', async () => {
    const { server, client } = scene();
    client.reconnect();
    await pass(10);
    expect(client.state).toBe('connected');
    client.reconnect();
    await pass(10);
    expect(client.state).toBe('connected');
    expect(server.sockets).toHaveLength(2);
    expect(server.sockets[0]?.wasClosedByClient).toBe(true);
    server.door = 'closed';
    server.socket.cut();
    await pass(5_000);
    server.door = 'open';
    client.reconnect();
    await pass(10);
    expect(client.state).toBe('connected');
  });
});

test('frames can be observed', async () => {
  const { client } = scene();
  const frames: string[] = [];
  client.on('frame', ({ direction, text }) => frames.push(`${direction} ${JSON.parse(text).type ?? ''}`));
  client.connect();
  await pass(100);
  expect(frames).toEqual(['out ', 'in reply']); // `status`, and its reply
});

test('a listener that throws does not affect the others', async () => {
  const { client } = scene();
  const errors: unknown[] = [];
  const original = console.error;
  console.error = error => errors.push(error);
  try {
    const reported: string[] = [];
    client.on('state', () => {
      throw new Error('oops');
    });
    client.on('state', ({ state }) => reported.push(state));
    client.connect();
    await pass(10);
    client.close();
    expect(errors).toHaveLength(3);
    expect(reported).toEqual(['connecting', 'connected', 'closed']);
  } finally {
    console.error = original;
  }
});
