import { describe, expect, test } from 'vitest';
import { type PresenceState, watchPresence } from '../src/index.js';
import { CHANNEL, joinedScene, pass, scene, sends } from './fake/setup.js';

/** The presence of a user. `lastSeen` does not determine which of two events is later. */
const user = (userId: string, status = 'online', lastSeen = '2026-01-01T00:00:00.000Z') => ({
  userId,
  name: userId,
  status,
  lastSeen,
});

/** The time a number of milliseconds from now. */
const later = (ms: number) => new Date(Date.now() + ms).toISOString();

const presenceEvent = (kind: string, at: string, data: object) => ({
  type: 'event',
  channel: CHANNEL,
  event: `presence.${kind}`,
  at,
  data,
});

/** Follows presence in a channel whose join returned `users`. */
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

describe('a roster and the events after it', () => {
  test('users join, change their status and leave', async () => {
    const { server, here, count } = await watched(user('ann'));
    server.post(presenceEvent('join', later(0), user('bob')));
    server.post(presenceEvent('update', later(1), user('ann', 'away')));
    await pass(10);
    expect(here()).toEqual(['ann away', 'bob online']);
    expect(count()).toBe(2);
    server.post(presenceEvent('leave', later(2), user('bob', 'offline')));
    await pass(10);
    expect(here()).toEqual(['ann away']);
  });

  test('of two updates of a user the later one counts, whatever the order of arrival and `lastSeen`', async () => {
    const { server, here, changes } = await watched(user('ann'));
    const at = (ms: number) => new Date(Date.parse(later(0)) + ms).toISOString();
    const [one, two, three, four, five] = [1, 2, 3, 4, 5].map(at) as [string, string, string, string, string];
    server.post(presenceEvent('leave', two, user('bob', 'offline', '2026-01-01T00:00:09.000Z')));
    server.post(presenceEvent('join', one, user('bob')));
    server.post(presenceEvent('update', four, user('ann', 'away')));
    server.post(presenceEvent('update', three, user('ann')));
    await pass(10);
    expect(here()).toEqual(['ann away']);
    server.post(presenceEvent('join', five, user('bob'))); // another device, which was seen before this one left
    server.post(presenceEvent('join', five, user('bob'))); // repeated
    await pass(10);
    expect(here()).toEqual(['ann away', 'bob online']);
    expect(changes()).toBe(4); // the roster, a leave, an update, a join
  });

  test('events that are not later than the roster are part of it', async () => {
    const { server, here } = await watched(user('ann'));
    server.post(presenceEvent('leave', later(-150), user('ann', 'offline')));
    server.post(presenceEvent('join', later(-150), user('bob')));
    await pass(10);
    expect(here()).toEqual(['ann online']);
  });

  test('a user who left while the client was away is absent', async () => {
    const { server, here } = await watched(user('ann'), user('bob'));
    server.post(presenceEvent('update', later(0), user('bob')));
    await pass(12_000);
    server.presence.set(CHANNEL, [user('ann'), user('cat')]);
    server.socket.cut();
    await pass(100);
    expect(here()).toEqual(['ann online', 'cat online']);
  });

  test('a user who left while the client was away is absent, even if the roster was read before they joined', async () => {
    const { server, here } = await watched(user('ann'));
    server.post(presenceEvent('join', later(5_000), user('bob'))); // by a clock that is ahead
    server.post(presenceEvent('update', later(5_000), user('ann', 'away')));
    await pass(10);
    expect(here()).toEqual(['ann away', 'bob online']);
    server.socket.cut();
    await pass(2_000);
    expect(here()).toEqual(['ann online']);
  });

  test('a user who joined while the roster was on its way is present', async () => {
    const { server, here } = await watched(user('ann'));
    await pass(12_000);
    server.intercept = ({ action }, socket) => {
      if (action === 'join') socket?.deliver(presenceEvent('join', later(1), user('bob')));
      if (action === 'presence') server.presence.set(CHANNEL, [user('ann'), user('bob')]);
      return undefined;
    };
    server.socket.cut();
    await pass(100);
    expect(here()).toEqual(['ann online', 'bob online']);
  });

  test('what a dying connection delivers while the roster is on its way counts only if it is not in it', async () => {
    const { server, here } = await watched(user('ann'), user('bob'), user('cid'));
    await pass(12_000);
    const [before, after] = ['2026-01-01T00:00:01.000Z', '2026-01-01T00:00:02.000Z'];
    server.intercept = ({ action }, socket) => {
      if (action === 'presence')
        server.presence.set(CHANNEL, [user('ann', 'online', after), user('cid', 'away', before)]);
      if (action !== 'join') return undefined;
      for (const name of ['ann', 'bob', 'cid'])
        socket?.deliver(presenceEvent('update', later(1), user(name, 'away', before)));
      // Meanwhile ann has become active again and bob has left; of cid the roster knows no more.
      server.presence.set(CHANNEL, [user('ann', 'online', after), user('cid')]);
      return undefined;
    };
    server.socket.cut();
    await pass(100);
    expect(here()).toEqual(['ann online', 'cid away']);
    expect(server.count('presence')).toBe(1); // for bob
  });

  test('a rotation makes nobody leave', async () => {
    const { server, here } = await watched(user('ann'), user('bob'));
    await pass(106 * 60_000);
    expect(server.sockets).toHaveLength(2);
    expect(here()).toEqual(['ann online', 'bob online']);
  });
});

describe('a channel with too many users to list', () => {
  test('reports their number', async () => {
    const { server, here, count } = await watched();
    expect(here()).toEqual([]);
    expect(count()).toBe(250); // requested, because the roster was empty
    server.post(presenceEvent('count', later(1), { count: 300 }));
    server.post(presenceEvent('count', later(0), { count: 299 })); // arrives late
    await pass(10);
    expect(count()).toBe(300);
  });

  test('reports their number when it has become one', async () => {
    const { server, here, count } = await watched(user('ann'));
    server.post(presenceEvent('count', later(0), { count: 101 }));
    await pass(10);
    expect(here()).toEqual([]);
    expect(count()).toBe(101);
  });

  test('lists them when it has become smaller', async () => {
    const { server, here, count } = await watched();
    server.presence.set(CHANNEL, [user('ann'), user('bob')]);
    server.post(presenceEvent('leave', later(1), user('cid', 'offline')));
    server.post(presenceEvent('leave', later(2), user('dan', 'offline')));
    await pass(100);
    expect(here()).toEqual(['ann online', 'bob online']);
    expect(count()).toBe(2);
    expect(server.count('presence')).toBe(2); // once with the join, once for both events
  });
});

test('nothing is reported after the end', async () => {
  const { server, stop, changes } = await watched(user('ann'));
  stop();
  server.post(presenceEvent('join', later(0), user('bob')));
  await pass(10);
  expect(changes()).toBe(1);
});

describe("the user's own status", () => {
  const statuses = (it: Parameters<typeof sends>[0]) =>
    sends(it).map(({ data, socket }) => [
      it.server.sockets.indexOf(socket as never),
      (data as { status: string }).status,
    ]);
  const set = ({ client }: Parameters<typeof sends>[0], status: 'online' | 'away') =>
    client.send(CHANNEL, 'presence.update', { status });

  test('is sent again on each new socket, after a lost connection and during a rotation', async () => {
    const it = await joinedScene();
    void set(it, 'away');
    await pass(12_000);
    it.server.socket.cut();
    await pass(106 * 60_000);
    expect(it.server.sockets).toHaveLength(3);
    expect(statuses(it)).toEqual([
      [0, 'away'],
      [1, 'away'],
      [2, 'away'],
    ]);
    void set(it, 'online');
    await pass(12_000);
    it.server.socket.cut();
    await pass(1_000);
    expect(statuses(it).slice(3)).toEqual([[2, 'online']]); // the next connection is online by default
  });

  test('is sent when there is a connection, if it was set without one', async () => {
    const it = await joinedScene();
    await pass(12_000);
    it.server.door = 'closed';
    it.server.socket.cut();
    await pass(100);
    await expect(set(it, 'away')).rejects.toMatchObject({ code: 'disconnected' });
    it.server.door = 'open';
    await pass(10_000);
    expect(statuses(it).map(([, status]) => status)).toEqual(['away']);
  });

  test('is sent one after the other, so that the last one counts', async () => {
    const it = await joinedScene();
    it.server.delay = ({ data }) => ((data as { status?: string })?.status === 'away' ? 200 : 0);
    const first = set(it, 'away');
    await pass(20);
    const rest = [set(it, 'online'), set(it, 'away'), set(it, 'online')];
    await pass(1_000);
    await Promise.all([first, ...rest]);
    expect(statuses(it).map(([, status]) => status)).toEqual(['away', 'online']);
  });
});
