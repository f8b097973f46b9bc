/** Rooms: events of the app's own, of which `app.event` is kept and `app.signal` is not. */

import { describe, expect, test } from 'vitest';
import { type ChannelEvent, httpApi, type SendOptions, watchPresence } from '../src/index.js';
import { pass, type Scene, scene, sends } from './fake/setup.js';

const ROOM = 'room:lobby';
type RoomEvent = ChannelEvent<typeof ROOM>;

const vote = ({ client }: Scene, option: number, options: SendOptions = {}) =>
  client.send(ROOM, 'app.event', { name: 'poll.vote', payload: { option } }, options);
const point = ({ client }: Scene) =>
  client.send(ROOM, 'app.signal', { name: 'cursor', payload: { x: 1, y: 2 } });
const optionOf = ({ event, data }: RoomEvent) =>
  event === 'app.event' && data.name === 'poll.vote' ? data.payload.option : undefined;

/** Makes a client that is in the room, and records what happens there. */
async function room(options: Parameters<typeof scene>[0] = {}) {
  const it = scene(options);
  const events: RoomEvent[] = [];
  it.client.subscribe(ROOM, event => events.push(event));
  it.client.connect();
  await pass(100);
  return { ...it, events, votes: () => events.map(optionOf) };
}

/** The options in the server's log. */
const logged = ({ server }: Scene) => server.log(ROOM).map(event => optionOf(event as RoomEvent));

describe('an app.event', () => {
  test('is acknowledged with its place in the log, and is delivered here as to everybody else', async () => {
    const it = await room();
    const other = scene({ environment: it.server.environment });
    const theirs: RoomEvent[] = [];
    other.client.subscribe(ROOM, event => theirs.push(event));
    other.client.connect();
    await pass(100);
    const sent = [vote(it, 1, { key: 'k1' }), vote(it, 2)];
    await pass(200);
    await expect(sent[0]).resolves.toMatchObject({ seq: 1, key: 'k1', duplicate: false });
    const from = { userId: 'user_1', name: 'Ann' };
    expect(it.events[0]).toMatchObject({
      from,
      key: 'k1',
      data: { name: 'poll.vote', payload: { option: 1 } },
    });
    expect(theirs).toHaveLength(2);
    expect(it.events).toEqual(theirs);
  });

  test('is made from the acknowledgement, which has the name that others see, without a read of the log', async () => {
    const it = await room();
    for (const option of [1, 2, 3]) {
      void vote(it, option);
      await pass(100);
    }
    expect(it.votes()).toEqual([1, 2, 3]);
    expect(it.events.map(({ from }) => from?.name)).toEqual(['Ann', 'Ann', 'Ann']);
    expect(it.server.count('history')).toBe(0);
  });

  test('keeps the order in which it was sent, among those of others', async () => {
    const it = await room();
    it.server.delay = ({ action }) => (action === 'send' ? it.server.count('send') * 40 : 0);
    const sent = Promise.all([1, 2, 3].map(option => vote(it, option)));
    const data = { name: 'poll.vote', payload: { option: 9 } };
    it.server.post(it.server.append(ROOM, '', { event: 'app.event', data } as never));
    await pass(1_000);
    await sent;
    expect(logged(it)).toEqual([9, 1, 2, 3]);
    expect(it.votes()).toEqual([9, 1, 2, 3]);
  });

  test.each([1, 2, 3])('is published once, although the connection is lost %i times', async losses => {
    const it = await room();
    let tries = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action === 'send' && ++tries <= losses) queueMicrotask(() => socket?.cut()); // no acknowledgement
      return undefined;
    };
    const sent = Promise.all([vote(it, 1), vote(it, 2)]);
    await pass(60_000);
    expect((await sent).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(logged(it)).toEqual([1, 2]);
    expect(it.votes()).toEqual([1, 2]);
  });

  test('waits for a connection, and is published by HTTP while WebSockets fail', async () => {
    const it = scene({ http: httpApi('https://api.test') });
    const votes: unknown[] = [];
    it.client.subscribe(ROOM, event => votes.push(optionOf(event)), { grant: () => 'a.grant' });
    it.server.admits = grant => grant === 'a.grant';
    it.server.door = 'closed';
    const sent = vote(it, 1, { key: 'k1' });
    it.client.connect();
    await pass(12_000);
    await expect(sent).resolves.toMatchObject({ seq: 1 });
    await expect(point(it)).rejects.toMatchObject({ code: 'disconnected' });
    await pass(10_000);
    it.server.door = 'open';
    await pass(40_000);
    expect([it.client.state, votes, logged(it)]).toEqual(['connected', [1], [1]]);
    expect(sends(it)).toMatchObject([{ event: 'app.event', key: 'k1', socket: undefined }]);
  });

  test('has the data that the server reads: without `undefined`, and without `null` as payload', async () => {
    const it = await room();
    const client = it.client;
    void vote(it, 1);
    void client.send(ROOM, 'app.event', { name: 'poll.closed', payload: undefined });
    void client.send(ROOM, 'app.event', { name: 'poll.closed', payload: null as never });
    void client.send(ROOM, 'app.event', { name: 'poll.vote', payload: { option: Number.NaN } });
    await pass(200);
    const data = it.events.map(({ data }) => data);
    expect(data.slice(1)).toStrictEqual([
      { name: 'poll.closed' },
      { name: 'poll.closed' },
      { name: 'poll.vote', payload: { option: null } },
    ]);
    expect(sends(it).map(({ data }) => data)).toStrictEqual(data);
  });

  test('without an acknowledgement is reported by drain, and can be sent again', async () => {
    const it = await room();
    it.server.intercept = ({ action }) => {
      if (action === 'send') it.server.socket.isDead = true;
      return undefined;
    };
    const outcome = Promise.allSettled([vote(it, 1, { key: 'k1' })]);
    const drained = it.client.drain({ timeoutMs: 1_000 });
    await pass(2_000);
    expect((await outcome)[0]).toMatchObject({ reason: { code: 'closed' } });
    const [lost] = await drained;
    expect(lost).toMatchObject({ channel: ROOM, event: 'app.event', key: 'k1', error: { code: 'closed' } });
    it.server.intercept = () => undefined;
    it.client.connect();
    const again = lost && it.client.send(lost.channel, lost.event, lost.data, { key: lost.key });
    await pass(1_000);
    await expect(again).resolves.toMatchObject({ seq: 1, duplicate: true });
    expect(it.votes()).toEqual([1]);
  });

  test('has a key for rendering', async () => {
    const it = await room();
    void vote(it, 1, { key: 'k1' });
    await pass(100);
    const [event] = it.events;
    expect(event && it.client.renderKey(event)).toBe('k1');
  });

  test('of another user is not the own one', async () => {
    const it = await room();
    it.server.user = 'user_2'; // the server knows the sender as somebody else
    void vote(it, 1);
    await pass(500);
    it.server.user = 'user_1';
    void vote(it, 2);
    await pass(500);
    expect(it.events.map(({ from }) => from?.userId)).toEqual(['user_2', 'user_1']);
  });
});

describe('an app.signal', () => {
  test('is sent at once or not at all, and has no key', async () => {
    const it = scene();
    await expect(point(it)).rejects.toMatchObject({ code: 'disconnected' });
    it.client.connect();
    await pass(100);
    void point(it);
    await pass(100);
    expect(sends(it)[0]).not.toHaveProperty('key');
    expect(sends(it)).toMatchObject([{ channel: ROOM, event: 'app.signal', data: { name: 'cursor' } }]);
    expect(it.server.log(ROOM)).toEqual([]);
  });
});

describe('presence', () => {
  test("the user's status in a room is sent again on each new socket", async () => {
    const it = await room();
    void it.client.send(ROOM, 'presence.update', { status: 'away' });
    await pass(12_000);
    it.server.socket.cut();
    await pass(1_000);
    const statuses = sends(it).map(({ channel, data, socket }) => [channel, data, socket]);
    expect(statuses).toEqual(it.server.sockets.map(socket => [ROOM, { status: 'away' }, socket]));
    expect(statuses).toHaveLength(2);
  });

  test.each([ROOM, 'experience:exp_1'] as const)('who is in %s can be followed', async channel => {
    const it = scene();
    it.server.presence.set(channel, [{ userId: 'user_2', name: 'Bob', status: 'online', lastSeen: '1' }]);
    const names: string[][] = [];
    watchPresence(it.client, channel, ({ users }) => names.push(users.map(({ name }) => name)));
    it.client.connect();
    await pass(100);
    expect(names).toEqual([['Bob']]);
  });
});

test('events of an experience are recovered after a lost connection', async () => {
  const it = scene();
  const heard: unknown[] = [];
  it.client.subscribe('experience:exp_1', ({ seq, data }) => heard.push([seq, data]));
  it.client.connect();
  await pass(12_000);
  it.server.socket.cut();
  const data = { name: 'poll.vote', payload: { option: 1 } };
  it.server.append('experience:exp_1', '', { event: 'app.event', data } as never);
  await pass(5_000);
  expect(heard).toEqual([[1, data]]);
});
