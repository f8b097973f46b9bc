/** Every listener of a channel on its own: where it starts, what it receives, and when that ends. */

import { describe, expect, test } from 'vitest';
import type { Loss, SubscribeOptions } from '../src/index.js';
import { CHANNEL, joinedScene, pass, passUntil, type Scene, scene } from './fake/setup.js';

/** What a listener receives, in order: `joined 2`, `lost 1..4`, or the seq of an event. */
function record({ client }: Scene, options: SubscribeOptions = {}) {
  const told: (string | number)[] = [];
  const losses: Loss[] = [];
  const { joined, unsubscribe } = client.subscribe(CHANNEL, ({ seq }) => told.push(seq ?? 'moment'), {
    ...options,
    onJoined: ({ head, recovered }) => told.push(`joined ${head}${recovered ? '' : ' with losses'}`),
    onLost: loss => losses.push(loss) && told.push(`lost ${loss.after}..${loss.next}`),
  });
  return { told, joined, unsubscribe };
}

const append = ({ server }: Scene, count: number) => {
  for (let i = 0; i < count; i++) server.append(CHANNEL, `${i}`);
};

describe('since', () => {
  test('counts for a listener who arrives when another one has just left', async () => {
    const it = scene();
    append(it, 3);
    it.client.connect();
    const first = record(it);
    await pass(100);
    first.unsubscribe();
    for (let i = 0; i < 2; i++) it.server.say(CHANNEL, 'meanwhile');
    await pass(1_000);
    const second = record(it, { since: 1 });
    await pass(100);
    expect(second.told).toEqual([2, 3, 4, 5, 'joined 5']);
    it.server.say(CHANNEL, 'live');
    await pass(100);
    expect(second.told.at(-1)).toBe(6);
  });

  test('counts for each listener, in whatever order they arrive', async () => {
    const it = scene();
    append(it, 3);
    const all = [record(it), record(it, { since: 0 }), record(it, { since: 2 }), record(it, { since: 3 })];
    it.client.connect();
    await pass(100);
    all.push(record(it, { since: 1 }));
    await pass(100);
    it.server.say(CHANNEL, 'live');
    await pass(100);
    expect(all.map(({ told }) => told)).toEqual([
      ['joined 3', 4],
      [1, 2, 3, 'joined 3', 4],
      [3, 'joined 3', 4],
      ['joined 3', 4],
      [2, 3, 'joined 3', 4],
    ]);
  });

  test('is read in pages while new events arrive', async () => {
    const it = await joinedScene();
    append(it, 450);
    it.server.say(CHANNEL, 'the client learns of them');
    await pass(1_000);
    const late = record(it, { since: 0 });
    for (let i = 0; i < 50; i++) {
      it.server.say(CHANNEL, `${i}`);
      await pass(1);
    }
    await pass(1_000);
    const seqs = late.told.filter(told => typeof told === 'number');
    expect(seqs).toEqual(Array.from({ length: 501 }, (_, i) => i + 1));
    expect(late.told.filter(told => typeof told === 'string')).toHaveLength(1);
  });

  test('reports a loss to the listener whom it concerns', async () => {
    const it = await joinedScene();
    append(it, 6);
    it.server.say(CHANNEL, 'the client learns of them');
    await pass(1_000);
    it.server.logs.set(CHANNEL, it.server.log(CHANNEL).slice(3)); // 1 to 3 have expired
    const [old, recent] = [record(it, { since: 0 }), record(it, { since: 5 })];
    await pass(100);
    expect(old.told).toEqual(['lost 0..4', 4, 5, 6, 7, 'joined 7 with losses']);
    expect(recent.told).toEqual([6, 7, 'joined 7']);
  });

  test('reports a loss from before the first join', async () => {
    const it = scene();
    append(it, 6);
    it.server.logs.set(CHANNEL, it.server.log(CHANNEL).slice(3));
    const [old, recent] = [record(it, { since: 1 }), record(it, { since: 4 })];
    it.client.connect();
    await pass(1_000);
    expect(old.told).toEqual(['lost 1..7', 'joined 6 with losses']);
    expect(recent.told).toEqual([5, 6, 'joined 6']);
  });

  test('may be beyond the end of a log that has restarted', async () => {
    const it = await joinedScene();
    append(it, 2);
    it.server.say(CHANNEL, 'three');
    await pass(1_000);
    const late = record(it, { since: 40 });
    await pass(100);
    expect(late.told).toEqual(['lost 40..4', 'joined 3 with losses']);
    it.server.say(CHANNEL, 'four');
    await pass(100);
    expect(late.told.at(-1)).toBe(4);
  });

  test('may be a little ahead of what this client has received', async () => {
    const it = await joinedScene();
    append(it, 2); // posted, and on their way
    const late = record(it, { since: 2 });
    await pass(100);
    expect(late.told).toEqual(['joined 2']);
    it.server.say(CHANNEL, 'three');
    await pass(1_000);
    expect(late.told).toEqual(['joined 2', 3]);
  });

  test('survives a connection that is lost while the log is read', async () => {
    const it = await joinedScene();
    append(it, 250);
    it.server.say(CHANNEL, 'the client learns of them');
    await pass(12_000);
    const late = record(it, { since: 0 });
    await passUntil(() => late.told.length > 0);
    it.server.socket.cut();
    await pass(5_000);
    expect(late.told).toEqual([...Array.from({ length: 251 }, (_, i) => i + 1), 'joined 251']);
  });
});

describe('onJoined', () => {
  test('is called before the events after its head', async () => {
    const it = scene();
    append(it, 2);
    const one = record(it);
    it.server.intercept = ({ action }, socket) => {
      if (action !== 'join') return undefined;
      const joined = {
        channel: CHANNEL,
        head: 2,
        recovered: true,
        events: [],
        more: false,
        latest: [],
        presence: [],
      };
      socket?.channels.add(CHANNEL);
      it.server.say(CHANNEL, 'three'); // is posted before the reply
      return { ...joined, at: new Date().toISOString() };
    };
    it.client.connect();
    await pass(100);
    expect(one.told).toEqual(['joined 2', 3]);
  });
});

describe('the end of a subscription', () => {
  test('comes at once for a listener that another one unsubscribes', async () => {
    const it = await joinedScene();
    const told: string[] = [];
    const ends = { second: () => {} };
    it.client.subscribe(CHANNEL, () => {
      told.push('first');
      ends.second();
    });
    ends.second = it.client.subscribe(CHANNEL, () => told.push('second')).unsubscribe;
    await pass(100);
    it.server.say(CHANNEL, 'one');
    it.server.say(CHANNEL, 'two');
    await pass(100);
    expect(told).toEqual(['first', 'first']);
    const states: string[] = [];
    let stop = () => {};
    it.client.on('state', () => stop());
    stop = it.client.on('state', ({ state }) => states.push(state));
    it.client.close();
    expect(states).toEqual([]);
  });

  test('comes at once with close() in a handler, even within a batch, and connect() continues without a loss', async () => {
    const it = await joinedScene();
    await pass(12_000);
    const [first, second] = [record(it), record(it)];
    let closed = 0;
    it.client.subscribe(CHANNEL, () => closed++ === 0 && it.client.close());
    await pass(100);
    const events = ['one', 'two', 'three'].map(content => it.server.append(CHANNEL, content));
    const last = record(it);
    await pass(1);
    it.server.socket.deliver({ type: 'batch', events });
    await pass(1_000);
    expect([it.heard, first.told, second.told, last.told]).toEqual([
      ['one'],
      ['joined 0', 1],
      ['joined 0', 1],
      ['joined 0'],
    ]);
    it.client.connect();
    await pass(1_000);
    expect(it.heard).toEqual(['one', 'two', 'three']);
    expect(first.told).toEqual(['joined 0', 1, 2, 3, 'joined 3']);
    expect(last.told).toEqual(['joined 0', 1, 2, 3, 'joined 3']);
  });

  test('comes at once with close() while the log is read, and connect() continues without a loss', async () => {
    const it = await joinedScene();
    append(it, 4);
    it.server.say(CHANNEL, 'the client learns of them');
    await pass(1_000);
    const told: unknown[] = [];
    const listen = ({ seq }: { seq?: number }) => told.push(seq) === 1 && it.client.close();
    it.client.subscribe(CHANNEL, listen, { since: 0, onLost: loss => told.push(loss) });
    await pass(1_000);
    expect(told).toEqual([1]);
    it.client.connect();
    await pass(1_000);
    expect(told).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('ephemeral events', () => {
  test('arrive as often as they happened, even if they are equal', async () => {
    const it = await joinedScene();
    const names: string[] = [];
    it.client.subscribe(CHANNEL, event => event.event === 'signal' && names.push(event.data.name));
    const signal = { type: 'event', channel: CHANNEL, event: 'signal', at: 'now', data: { name: 'ring' } };
    for (let i = 0; i < 60; i++) it.server.post(signal);
    await pass(100);
    expect(names).toHaveLength(60);
  });

  test('arrive as often as they happened during a rotation, although each arrives on both sockets', async () => {
    const it = await joinedScene();
    const names: string[] = [];
    it.client.subscribe(CHANNEL, event => event.event === 'signal' && names.push(event.data.name));
    await pass(105 * 60_000 - 200);
    await passUntil(() => it.server.sockets[1]?.channels.has(CHANNEL) ?? false);
    const signal = { type: 'event', channel: CHANNEL, event: 'signal', at: 'now', data: { name: 'ring' } };
    for (let i = 0; i < 3; i++) for (const socket of it.server.sockets) socket.deliver(signal);
    await pass(4);
    expect(it.server.sockets.map(({ state }) => state)).toEqual(['open', 'open']);
    await pass(1_000);
    expect(names).toEqual(['ring', 'ring', 'ring']);
  });
});
