import { describe, expect, test } from 'vitest';
import { type PresenceState, watchPresence } from '../src/index.js';
import { CHANNEL, pass, scene } from './fake/setup.js';

const user = (userId: string, lastSeen: number, status = 'online') => ({
  userId,
  name: userId,
  status,
  lastSeen: `2026-01-01T00:00:${String(lastSeen).padStart(2, '0')}.000Z`,
});
const news = (kind: string, data: object) => ({
  type: 'event',
  channel: CHANNEL,
  event: `presence.${kind}`,
  at: '1',
  data,
});

/** Who is here, after `users` were named by the join. */
async function watched(...users: object[]) {
  const it = scene();
  it.server.presence.set(CHANNEL, users);
  let state: PresenceState = { users: [], count: 0 };
  let changes = 0;
  const stop = watchPresence(it.client, CHANNEL, now => {
    state = now;
    changes++;
  });
  it.client.connect();
  await pass(100);
  const here = () => state.users.map(({ userId, status }) => `${userId} ${status}`).sort();
  return { ...it, here, stop, count: () => state.count, changes: () => changes };
}

describe('a roster, and the news after it', () => {
  test('who comes, who changes, who goes', async () => {
    const { server, here, count } = await watched(user('ann', 1));
    server.post(news('join', user('bob', 2)));
    server.post(news('update', user('ann', 3, 'away')));
    await pass(10);
    expect(here()).toEqual(['ann away', 'bob online']);
    expect(count()).toBe(2);
    server.post(news('leave', user('bob', 4, 'offline')));
    await pass(10);
    expect(here()).toEqual(['ann away']);
  });

  test('of two words on a user the later counts, whatever comes first', async () => {
    const { server, here, changes } = await watched(user('ann', 1));
    server.post(news('leave', user('bob', 5, 'offline')));
    server.post(news('join', user('bob', 4)));
    server.post(news('update', user('ann', 7, 'away')));
    server.post(news('update', user('ann', 6)));
    await pass(10);
    expect(here()).toEqual(['ann away']);
    server.post(news('join', user('bob', 6)));
    server.post(news('join', user('bob', 6))); // told twice
    await pass(10);
    expect(here()).toEqual(['ann away', 'bob online']);
    expect(changes()).toBe(4); // the roster, a leave, an update, a join
  });

  test('who went while we were away is gone', async () => {
    const { server, here } = await watched(user('ann', 1), user('bob', 1));
    server.post(news('update', user('bob', 2)));
    await pass(12_000);
    server.presence.set(CHANNEL, [user('ann', 1), user('cat', 3)]);
    server.socket.cut();
    await pass(100);
    expect(here()).toEqual(['ann online', 'cat online']);
  });

  test('who came while the roster was on its way stays', async () => {
    const { server, here } = await watched(user('ann', 1));
    await pass(12_000);
    server.intercept = ({ action }, socket) => {
      if (action === 'join') socket?.deliver(news('join', user('bob', 9)));
      return undefined;
    };
    server.socket.cut();
    await pass(100);
    expect(here()).toEqual(['ann online', 'bob online']);
  });

  test('a rotation makes nobody go', async () => {
    const { server, here } = await watched(user('ann', 1), user('bob', 1));
    await pass(106 * 60_000);
    expect(server.sockets).toHaveLength(2);
    expect(here()).toEqual(['ann online', 'bob online']);
  });
});

describe('a channel with too many to name', () => {
  test('tells how many', async () => {
    const { server, here, count } = await watched();
    expect(here()).toEqual([]);
    expect(count()).toBe(250); // asked for, because the roster was empty
    server.post(news('count', { count: 300 }));
    await pass(10);
    expect(count()).toBe(300);
  });

  test('tells how many when it has become one', async () => {
    const { server, here, count } = await watched(user('ann', 1));
    server.post(news('count', { count: 101 }));
    await pass(10);
    expect(here()).toEqual([]);
    expect(count()).toBe(101);
  });
});

test('when it is over, it is over', async () => {
  const { server, stop, changes } = await watched(user('ann', 1));
  stop();
  server.post(news('join', user('bob', 2)));
  await pass(10);
  expect(changes()).toBe(1);
});
