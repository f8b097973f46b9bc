import { describe, expect, test } from 'vitest';
import type { JoinInfo } from '../src/index.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, joinedScene, listen, pass, passUntil, scene } from './fake/setup.js';

describe('joining', () => {
  test('delivers events that arrive before the reply, and none from before the join', async () => {
    const it = scene();
    const { server, client, heard } = it;
    server.append(CHANNEL, 'before');
    const { joined } = listen(it);
    server.intercept = ({ action }, socket) => {
      if (action === 'join') {
        socket?.channels.add(CHANNEL);
        server.say(CHANNEL, 'meanwhile'); // is posted before the reply, whose head precedes it
        return {
          channel: CHANNEL,
          head: 1,
          recovered: true,
          events: [],
          more: false,
          latest: [],
          presence: [],
        };
      }
      return undefined;
    };
    client.connect();
    await pass(100);
    expect(heard).toEqual(['meanwhile']);
    await expect(joined).resolves.toMatchObject({ head: 1, recovered: true }); // the events after it are delivered
  });

  test('delivers the events after `since`', async () => {
    const { server, client } = scene();
    for (const content of ['one', 'two', 'three']) server.append(CHANNEL, content);
    const heard: (number | undefined)[] = [];
    client.subscribe(CHANNEL, event => heard.push(event.seq), { since: 1 });
    client.connect();
    await pass(100);
    expect(heard).toEqual([2, 3]);
  });

  test('misses no event that was posted only to the first of two sockets', async () => {
    const { server, client } = await joinedScene();
    await pass(105 * 60_000 - 200);
    await passUntil(() => server.sockets.length === 2);
    await pass(4);
    const heard: (number | undefined)[] = [];
    client.subscribe('user:user_1', event => heard.push(event.seq));
    let joins = 0;
    server.intercept = ({ action, channel }, socket) => {
      if (action !== 'join' || channel !== 'user:user_1') return undefined;
      if (++joins === 2) server.append(channel, 'posted to the first, which did not get it');
      socket?.channels.add(channel);
      const head = server.head(channel);
      return { channel, head, recovered: true, events: [], more: false, latest: [], presence: [] };
    };
    await pass(1_000);
    expect(joins).toBe(2);
    expect(heard).toEqual([1]);
  });

  test('reports the head of the channel to a later listener', async () => {
    const { server, client, heard } = await joinedScene();
    server.say(CHANNEL, 'one');
    await pass(100);
    const late = client.subscribe(CHANNEL, () => {});
    await expect(late.joined).resolves.toEqual({ head: 1, recovered: true, mute: null });
    expect(server.count('join')).toBe(1);
    expect(heard).toEqual(['one']);
  });

  test('reports a refusal to the listener and to the client', async () => {
    const { server, client } = await joinedScene();
    server.intercept = ({ action }) => {
      if (action === 'join') throw new Refusal('forbidden');
      return undefined;
    };
    const refusals: string[] = [];
    client.on('error', ({ error, channel }) => refusals.push(`${error.code} ${channel}`));
    const { joined } = client.subscribe('funnel_updates:biz_1', () => {}, {
      onError: error => refusals.push(error.code),
    });
    await expect(Promise.all([joined, pass(100)])).rejects.toMatchObject({ code: 'forbidden' });
    expect(refusals).toEqual(['forbidden funnel_updates:biz_1', 'forbidden']);
    server.intercept = () => undefined;
    const again = client.subscribe('funnel_updates:biz_1', () => {});
    await pass(100);
    await expect(again.joined).resolves.toMatchObject({ head: 0 });
  });

  test('tries again when a busy server allows it', async () => {
    const { server, client } = scene();
    server.intercept = ({ action }) => {
      if (action === 'join' && server.count('join') === 1) throw new Refusal('rate_limited', 2_000);
      return undefined;
    };
    const { joined } = client.subscribe(CHANNEL, () => {});
    client.connect();
    await pass(2_000);
    expect(server.count('join')).toBe(1);
    await pass(1_000);
    await expect(joined).resolves.toMatchObject({ recovered: true });
  });

  test('gets a new grant for each join', async () => {
    const { server, client } = scene();
    let grants = 0;
    client.subscribe(CHANNEL, () => {}, { grant: async () => `grant-${++grants}` });
    client.connect();
    await pass(15_000);
    server.socket.cut();
    await pass(100);
    const joins = server.requests.filter(({ action }) => action === 'join');
    expect(joins.map(join => join['grant'])).toEqual(['grant-1', 'grant-2']);
  });
});

test('a grant that the backend does not issue is a refusal', async () => {
  const { server, client } = await joinedScene();
  const { joined } = client.subscribe('user:user_9', () => {}, {
    grant: () => Promise.reject(new Error('no such user')),
  });
  await expect(Promise.all([joined, pass(100)])).rejects.toMatchObject({
    code: 'forbidden',
    message: 'Error: no such user',
  });
  expect(server.count('join')).toBe(1);
});

test('a missing grant does not refuse a listener who needs none', async () => {
  const { server, client } = await joinedScene();
  const grant = () => Promise.reject(new Error('no such user'));
  client.subscribe('user:user_9', () => {}, { grant });
  const { joined } = client.subscribe('user:user_9', () => {});
  await pass(100);
  await expect(joined).resolves.toMatchObject({ head: 0 });
  expect(server.socket.channels).toContain('user:user_9');
});

describe('leaving', () => {
  test('happens a while after the last listener has unsubscribed', async () => {
    const { server, client } = scene();
    client.connect();
    await pass(100);
    const one = client.subscribe(CHANNEL, () => {});
    const two = client.subscribe(CHANNEL, () => {});
    await pass(100);
    one.unsubscribe();
    one.unsubscribe();
    await pass(10_000);
    expect(server.count('leave')).toBe(0);
    two.unsubscribe();
    await pass(4_000);
    const three = client.subscribe(CHANNEL, () => {});
    await pass(10_000);
    expect(server.count('leave')).toBe(0);
    three.unsubscribe();
    await pass(6_000);
    expect(server.count('leave')).toBe(1);
    expect(server.count('join')).toBe(1);
  });

  test('a signal ends a subscription', async () => {
    const { server, client } = await joinedScene();
    const abort = new AbortController();
    const heard: unknown[] = [];
    client.subscribe(CHANNEL, event => heard.push(event.event), { signal: abort.signal });
    server.say(CHANNEL, 'one');
    await pass(10);
    abort.abort();
    server.say(CHANNEL, 'two');
    await pass(10);
    expect(heard).toEqual(['chat.message']);
  });

  test('a user who is removed is told, and does not join again by accident', async () => {
    const { server, client } = await joinedScene();
    const told: string[] = [];
    client.subscribe(CHANNEL, event => told.push(event.event));
    const revoked = { userId: 'user_1', reason: 'refunded' };
    server.post({ type: 'event', channel: CHANNEL, event: 'access.revoked', at: '', data: revoked });
    await pass(100);
    expect(told).toEqual(['access.revoked']);
    await pass(60_000);
    expect(server.count('join')).toBe(1);
    client.subscribe(CHANNEL, () => {}); // the server decides whether they may join again
    await pass(100);
    expect(server.count('join')).toBe(2);
  });
});

test('a removal does not affect a membership that was requested later', async () => {
  const OTHER = 'conversation:c2';
  const { server, client } = await joinedScene();
  const first = client.subscribe(OTHER, () => {});
  await pass(100);
  first.unsubscribe();
  await pass(6_000); // its join, the second of the socket, is followed by a leave
  const told: string[] = [];
  client.subscribe(OTHER, event => told.push(event.event));
  await pass(100);
  const data = { userId: 'user_1', reason: 'refunded', order: 2 };
  server.post({ type: 'event', channel: OTHER, event: 'access.revoked', at: '', data });
  await pass(100);
  server.say(OTHER, 'still here');
  await pass(100);
  expect(told).toEqual(['chat.message']);
});

test('the next listener of a channel from which the user was removed asks the server again', async () => {
  const it = await joinedScene();
  const data = { userId: 'user_1', reason: 'refunded' };
  it.server.post({ type: 'event', channel: CHANNEL, event: 'access.revoked', at: '', data });
  await pass(100);
  it.server.intercept = ({ action }) => {
    if (action === 'join') throw new Refusal('forbidden');
    return undefined;
  };
  const infos: JoinInfo[] = [];
  const { joined } = it.client.subscribe(CHANNEL, () => {}, { onJoined: info => infos.push(info) });
  const outcome = joined.catch(error => error);
  await pass(100);
  expect(await outcome).toMatchObject({ code: 'forbidden' });
  expect(infos).toEqual([]);
});
