import { describe, expect, test } from 'vitest';
import type { StateChange } from '../src/index.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, joinedScene, pass, scene } from './fake/setup.js';

describe('a dead network', () => {
  test('is detected when a request is not answered', async () => {
    const { server, client, states } = await joinedScene();
    await pass(12_000);
    server.socket.isDead = true;
    states.length = 0;
    const history = client.history(CHANNEL);
    await pass(13_200);
    expect(states).toEqual(['connecting', 'connected']);
    await expect(history).resolves.toMatchObject({ events: [] });
  });

  test('is not assumed when a ping is answered with an error', async () => {
    const { server, states, heard } = await joinedScene();
    server.intercept = ({ action }) => {
      if (action === 'ping') throw new Refusal('internal');
      return undefined;
    };
    states.length = 0;
    await pass(49_300);
    server.say(CHANNEL, 'hello');
    await pass(30_000);
    expect(states).toEqual([]);
    expect(heard).toEqual(['hello']);
  });
});

describe('offline', () => {
  test('the client tries rarely, because the device may be wrong, and at once when the network is back', async () => {
    const { server, client } = scene();
    const changes: StateChange[] = [];
    client.on('state', change => changes.push(change));
    server.isOnline = false;
    server.door = 'closed';
    client.connect();
    await pass(29_000);
    expect(server.sockets).toHaveLength(0);
    expect(changes).toEqual([{ state: 'waiting', previous: 'idle', retryInMs: 30_000 }]);
    await pass(61_500);
    expect(server.sockets).toHaveLength(3);
    server.door = 'open';
    server.sign('online');
    await pass(10);
    expect(client.state).toBe('connected');
  });

  test('the client connects even if the device never reports that it is back online', async () => {
    const { server, client } = await joinedScene();
    await pass(12_000);
    server.isOnline = false;
    server.socket.cut();
    await pass(30_100);
    expect(client.state).toBe('connected');
  });

  test('the back-off starts anew when the network is back', async () => {
    const { server, client } = scene();
    server.door = 'closed';
    client.connect();
    await pass(120_000);
    const waits: (number | undefined)[] = [];
    client.on('state', ({ retryInMs }) => retryInMs !== undefined && waits.push(retryInMs));
    server.sign('online');
    await pass(10);
    expect(waits).toEqual([500]);
  });

  test('cancels the wait for the next attempt', async () => {
    const { server, client } = scene();
    server.door = 'closed';
    client.connect();
    await pass(10);
    server.sign('offline');
    await pass(29_000);
    expect(server.sockets).toHaveLength(1);
    expect(client.state).toBe('waiting');
  });

  test('a socket that still works is kept', async () => {
    const { server, client, states } = await joinedScene();
    states.length = 0;
    server.sign('offline');
    await pass(10_000);
    expect(client.state).toBe('connected');
    expect(states).toEqual([]);
  });

  test('a tab that becomes visible does not wait for the next attempt', async () => {
    const { server, client } = scene();
    server.door = 'closed';
    client.connect();
    await pass(20_000);
    server.door = 'open';
    const tries = server.sockets.length;
    server.sign('visible');
    await pass(10);
    expect(client.state).toBe('connected');
    expect(server.sockets).toHaveLength(tries + 1);
  });
});
