/** Each listener of a channel for itself: where it begins, what it is told, and when that ends. */

import { describe, expect, test } from 'vitest';
import type { Loss, SubscribeOptions } from '../src/index.js';
import { CHANNEL, joinedScene, pass, passUntil, type Scene, scene } from './fake/setup.js';

/** What one listener is told, in order: `joined 2`, `lost 1..4`, or the seq of an event. */
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
  test('of one who comes while another has just gone', async () => {
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

  test('of each counts, whatever the others have, and in whatever order they come', async () => {
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

  test('is read in pages, while new events come', async () => {
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

  test('of which a part is gone: the loss is told to the one whose it is', async () => {
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

  test('of which a part is gone before anybody has joined', async () => {
    const it = scene();
    append(it, 6);
    it.server.logs.set(CHANNEL, it.server.log(CHANNEL).slice(3));
    const [old, recent] = [record(it, { since: 1 }), record(it, { since: 4 })];
    it.client.connect();
    await pass(1_000);
    expect(old.told).toEqual(['lost 1..7', 'joined 6 with losses']);
    expect(recent.told).toEqual([5, 6, 'joined 6']);
  });

  test('beyond the end of a log that has begun anew', async () => {
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

  test('a little ahead of what this client has heard', async () => {
    const it = await joinedScene();
    append(it, 2); // posted, and on their way to us
    const late = record(it, { since: 2 });
    await pass(100);
    expect(late.told).toEqual(['joined 2']);
    it.server.say(CHANNEL, 'three');
    await pass(1_000);
    expect(late.told).toEqual(['joined 2', 3]);
  });

  test('survives a connection that is lost while it is read', async () => {
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
  test('comes before what comes after its head', async () => {
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

describe('when it ends', () => {
  test('a listener that another has just unsubscribed is not called any more', async () => {
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

  test('close() in a handler is the end, in a batch too; and after connect() nothing is missing', async () => {
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
});

describe('what is of the moment', () => {
  test('is told as often as it happened, though equal', async () => {
    const it = await joinedScene();
    const names: string[] = [];
    it.client.subscribe(CHANNEL, event => event.event === 'signal' && names.push(event.data.name));
    const signal = { type: 'event', channel: CHANNEL, event: 'signal', at: 'now', data: { name: 'ring' } };
    for (let i = 0; i < 60; i++) it.server.post(signal);
    await pass(100);
    expect(names).toHaveLength(60);
  });

  test('is told as often as it happened over a rotation, where each comes on both sockets', async () => {
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
