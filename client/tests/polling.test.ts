import { describe, expect, test } from 'vitest';
import { httpApi, type StateChange } from '../src/index.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, joinedScene, listen, pass, say, scene } from './fake/setup.js';

const overHttp = { http: httpApi('https://api.test/') };

describe('after three failures', () => {
  test('the client polls, reports that, and keeps trying to open a socket', async () => {
    const it = scene(overHttp);
    const changes: StateChange[] = [];
    it.client.on('state', change => changes.push(change));
    it.server.door = 'closed';
    it.client.connect();
    await pass(60_000);
    expect(changes.map(({ state }) => state)).toEqual([
      'connecting',
      'waiting',
      'connecting',
      'waiting',
      'connecting',
      'polling',
    ]);
    expect(changes.at(-1)).toMatchObject({ error: { code: 'disconnected' }, retryInMs: 2_000 });
    expect(it.server.sockets.length).toBeGreaterThan(5);
  });

  test('the client is connected only if the server answers', async () => {
    const it = scene(overHttp);
    const reported: boolean[] = [];
    it.client.on('connected', isConnected => reported.push(isConnected));
    it.server.door = 'closed';
    it.server.http = 'closed';
    it.client.connect();
    await pass(10_000);
    expect([it.client.state, it.client.isConnected]).toEqual(['polling', false]);
    it.server.http = 'open';
    await pass(4_000); // without a subscription
    expect(it.client.isConnected).toBe(true);
    it.server.door = 'open';
    await pass(31_000);
    expect(it.client.state).toBe('connected');
    it.client.close();
    expect([it.client.isConnected, reported]).toEqual([false, [true, false]]);
  });

  test('what a listener of the state does is reported last', async () => {
    const it = scene();
    const reported: boolean[] = [];
    it.client.on('connected', isConnected => reported.push(isConnected));
    it.client.on('state', ({ state }) => state === 'connected' && it.client.close());
    it.client.connect();
    await pass(100);
    expect(reported.at(-1) ?? false).toBe(false);
  });

  test('without an HTTP API the client keeps waiting', async () => {
    const { server, client } = scene();
    server.door = 'closed';
    client.connect();
    await pass(60_000);
    expect(client.state).toBe('waiting');
  });

  test('a client that is offline does not poll', async () => {
    const it = scene(overHttp);
    it.server.door = 'closed';
    it.client.connect();
    await pass(10_000);
    it.server.sign('offline');
    const polls = it.server.count('history');
    await pass(60_000);
    expect(it.client.state).toBe('waiting');
    expect(it.server.count('history')).toBe(polls);
  });
});

describe('while the client polls', () => {
  test('nothing is lost or duplicated, before, during and after', async () => {
    const it = await joinedScene(overHttp);
    const { server, client, heard } = it;
    server.say(CHANNEL, 'by socket');
    await pass(12_000);
    server.door = 'closed';
    server.socket.cut();
    server.append(CHANNEL, 'in between');
    await pass(20_000);
    expect(client.state).toBe('polling');
    expect(heard).toEqual(['by socket', 'in between']);
    const many = Array.from({ length: 250 }, (_, i) => `${i}`);
    for (const content of many) server.append(CHANNEL, content);
    await pass(4_000);
    expect(heard).toEqual(['by socket', 'in between', ...many]);
    server.append(CHANNEL, 'just before');
    server.door = 'open';
    await pass(31_000);
    expect(client.state).toBe('connected');
    server.say(CHANNEL, 'by socket again');
    await pass(100);
    expect(heard).toEqual(['by socket', 'in between', ...many, 'just before', 'by socket again']);
    const polls = server.count('history');
    await pass(20_000);
    expect(server.count('history')).toBe(polls);
  });

  test('a channel that was never joined starts at the end of its log', async () => {
    const it = scene(overHttp);
    it.server.append(CHANNEL, 'before');
    it.server.door = 'closed';
    const { joined } = listen(it);
    it.client.connect();
    await pass(10_000);
    await expect(joined).resolves.toMatchObject({ head: 1 });
    it.server.append(CHANNEL, 'after');
    await pass(4_000);
    expect(it.heard).toEqual(['after']);
  });

  test('messages are sent by HTTP, and each arrives once', async () => {
    const it = scene(overHttp);
    it.server.door = 'closed';
    listen(it);
    it.client.connect();
    await pass(10_000);
    const sent = it.client.send(CHANNEL, 'chat.message', { content: 'hello' }, { key: 'k1' });
    await pass(1_000);
    await expect(sent).resolves.toMatchObject({ seq: 1, duplicate: false });
    await pass(10_000);
    expect(it.heard).toEqual(['hello']);
    expect(it.server.requests.find(({ action }) => action === 'send')).toMatchObject({ key: 'k1' });
  });

  test('a message that was first sent over a socket arrives by HTTP with the same key', async () => {
    const it = await joinedScene(overHttp);
    await pass(12_000);
    let tries = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action !== 'send' || ++tries > 1) return undefined;
      it.server.door = 'closed';
      queueMicrotask(() => socket?.cut()); // added to the log, but without a reply
      return undefined;
    };
    const sent = it.client.send(CHANNEL, 'chat.message', { content: 'hello' }, { key: 'k1' });
    await pass(20_000);
    await expect(sent).resolves.toMatchObject({ seq: 1 });
    expect(it.server.log(CHANNEL)).toHaveLength(1);
    expect(it.heard).toEqual(['hello']);
  });

  test('a message arrives although HTTP fails too for a while', async () => {
    const it = scene(overHttp);
    it.server.door = 'closed';
    it.client.connect();
    await pass(10_000);
    it.server.http = 'closed';
    const sent = it.client.send(CHANNEL, 'chat.message', { content: 'hello' });
    const calls = it.server.httpCalls;
    await pass(300_000);
    expect(it.server.httpCalls - calls).toBeLessThan(200);
    it.server.http = 'open';
    await pass(31_000);
    await expect(sent).resolves.toMatchObject({ seq: 1, duplicate: false });
  });

  test('history can be read', async () => {
    const it = scene(overHttp);
    for (const content of ['one', 'two']) it.server.append(CHANNEL, content);
    it.server.door = 'closed';
    it.client.connect();
    await pass(10_000);
    const page = it.client.history(CHANNEL, { limit: 1 });
    await pass(100);
    await expect(page).resolves.toMatchObject({ events: [{ seq: 2 }], more: true, next: 2 });
  });

  test('a refused channel is reported once, and the others continue', async () => {
    const it = scene(overHttp);
    it.server.door = 'closed';
    const refusals: string[] = [];
    it.client.subscribe('user:user_9', () => {}, { onError: ({ code }) => refusals.push(code) });
    listen(it);
    it.server.intercept = ({ channel }) => {
      if (channel === 'user:user_9') throw new Refusal('forbidden');
      return undefined;
    };
    it.client.connect();
    await pass(20_000);
    it.server.append(CHANNEL, 'hello');
    await pass(10_000);
    expect(refusals).toEqual(['forbidden']);
    expect(it.heard).toEqual(['hello']);
  });

  test('a channel that the user has lost is reported once', async () => {
    const it = await joinedScene(overHttp);
    const refusals: string[] = [];
    it.client.subscribe(CHANNEL, () => {}, { onError: ({ code }) => refusals.push(code) });
    await pass(12_000);
    it.server.door = 'closed';
    it.server.socket.cut();
    await pass(10_000);
    it.server.intercept = () => {
      throw new Refusal('forbidden');
    };
    await pass(20_000);
    expect(refusals).toEqual(['forbidden']);
  });

  test('a grant is sent as long as it is valid, and then a new one', async () => {
    const it = scene(overHttp);
    it.server.door = 'closed';
    let granted = 0;
    const refusals: string[] = [];
    listen(it);
    it.client.subscribe(CHANNEL, () => {}, {
      grant: async () => `grant-${++granted}`,
      onError: ({ code }) => refusals.push(code),
    });
    it.server.admits = grant => grant === 'grant-1';
    it.client.connect();
    const sent = say(it, 'by grant');
    await pass(30_000);
    await expect(sent).resolves.toMatchObject({ seq: 1 });
    expect([it.client.state, granted, it.heard]).toEqual(['polling', 1, ['by grant']]);

    it.server.admits = grant => grant === 'grant-2';
    it.server.append(CHANNEL, 'by another');
    await pass(10_000);
    expect([granted, it.heard, refusals]).toEqual([2, ['by grant', 'by another'], []]);

    it.server.admits = () => false;
    await pass(30_000);
    expect([granted, refusals]).toEqual([3, ['forbidden']]);
  });

  test('requests that HTTP does not serve wait for the socket', async () => {
    const it = scene(overHttp);
    it.server.read(CHANNEL, 'user_2', 3);
    it.server.door = 'closed';
    it.client.connect();
    await pass(10_000);
    const receipts = it.client.receipts(CHANNEL);
    await pass(10_000);
    expect(it.server.count('receipts')).toBe(0);
    it.server.door = 'open';
    await pass(31_000);
    await expect(receipts).resolves.toMatchObject([{ userId: 'user_2', read: 3 }]);
  });
});
