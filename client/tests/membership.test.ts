/** What is joined on which socket: every listener receives events, and no membership is left behind. */

import { describe, expect, test } from 'vitest';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, joinedScene, listen, pass, passUntil, type Scene, scene } from './fake/setup.js';

/** Just before the rotation, as random numbers are 0.5. */
const ROTATION_MS = 105 * 60_000 - 200;

/** Checks that a listener whose channel has just been joined receives a message to {@link CHANNEL}. */
async function expectHeard({ server }: Scene, heard: string[]): Promise<void> {
  server.say(CHANNEL, 'can you hear me?');
  await pass(100);
  expect(heard.at(-1)).toBe('can you hear me?');
}

/** A client whose socket is being replaced. That takes another second, because one join on the second socket is slow. */
async function rotating(): Promise<Scene> {
  const it = await joinedScene();
  it.server.delay = ({ action, channel }) => (action === 'join' && channel === CHANNEL ? 1_000 : 0);
  await pass(ROTATION_MS - 100);
  await passUntil(() => it.server.sockets.length === 2);
  await pass(100);
  expect(it.server.sockets.map(({ state }) => state)).toEqual(['open', 'open']);
  return it;
}

describe('joins and leaves that overtake each other', () => {
  test.each([1, 50, 4_000, 60_000])('a leave is %i ms slower than the join after it', async ms => {
    const it = await joinedScene();
    const other = it.client.subscribe('user:user_1', () => {});
    await pass(100);
    it.server.delay = ({ action }) => (action === 'leave' ? ms : 0);
    other.unsubscribe();
    await pass(5_001); // it is being left
    const heard: unknown[] = [];
    const again = it.client.subscribe('user:user_1', event => heard.push(event));
    await pass(100);
    await expect(again.joined).resolves.toMatchObject({ recovered: true });
    await pass(ms + 10_000);
    it.server.say('user:user_1', 'can you hear me?');
    await pass(100);
    expect(heard).toHaveLength(1);
  });

  test('a join is slower than the leave and the join after it', async () => {
    const it = scene();
    it.client.connect();
    await pass(100);
    let joins = 0;
    it.server.delay = ({ action }) => (action === 'join' && ++joins === 1 ? 7_000 : 0);
    const first = listen(it);
    await pass(10); // its frame is on the way
    first.unsubscribe();
    await pass(5_100);
    const heard: string[] = [];
    const { joined } = listen({ ...it, heard });
    await pass(100);
    await joined;
    await pass(10_000);
    await expectHeard(it, heard);
  });

  test('a join that is slower than the leave after it leaves no membership behind', async () => {
    const it = scene();
    it.client.connect();
    await pass(100);
    it.server.delay = ({ action }) => (action === 'join' ? 7_000 : 0);
    const { unsubscribe } = listen(it);
    await pass(10); // its frame is on the way
    unsubscribe();
    await pass(30_000);
    expect(it.server.socket.channels.size).toBe(0);
    expect(it.server.count('join')).toBe(1);
  });

  test('every join and leave of a socket has a number, starting with 1', async () => {
    const it = await joinedScene();
    for (let i = 0; i < 3; i++) {
      const { unsubscribe } = it.client.subscribe('system', () => {});
      await pass(100);
      unsubscribe();
      await pass(6_000);
    }
    it.server.socket.cut();
    await pass(100);
    const orders = it.server.requests.flatMap(({ order, socket }) =>
      order === undefined ? [] : [[it.server.sockets.indexOf(socket as never), order]],
    );
    expect(orders).toEqual([...[1, 2, 3, 4, 5, 6, 7].map(order => [0, order]), [1, 1]]);
  });

  test('a join that is answered with `conflict` is repeated', async () => {
    const it = scene();
    let conflicts = 0;
    it.server.intercept = ({ action }) => {
      if (action === 'join' && conflicts++ < 2) throw new Refusal('conflict');
      return undefined;
    };
    const { joined } = listen(it);
    it.client.connect();
    await pass(5_000);
    await expect(joined).resolves.toMatchObject({ head: 0 });
    await expectHeard(it, it.heard);
  });

  test.each(['internal', 'rate_limited', 'silence'])(
    'a leave that fails by %s is repeated',
    async failure => {
      const it = scene();
      it.client.connect();
      await pass(100);
      const { unsubscribe } = listen(it);
      await pass(100);
      it.server.intercept = ({ action }) => {
        if (action === 'leave' && it.server.count('leave') <= 2 && failure !== 'silence')
          throw new Refusal(failure);
        return undefined;
      };
      it.server.losesReply = ({ action }) =>
        action === 'leave' && failure === 'silence' && it.server.count('leave') <= 2;
      unsubscribe();
      await pass(60_000);
      expect(it.server.count('leave')).toBe(3);
      expect(it.server.socket.channels.size).toBe(0);
    },
  );
});

describe('while the socket is being replaced', () => {
  test('a channel that is subscribed to is joined on both', async () => {
    const it = await rotating();
    const heard: unknown[] = [];
    const { joined } = it.client.subscribe('system', event => heard.push(event));
    await pass(100);
    await joined;
    it.server.say('system', 'on both');
    await pass(10_000);
    it.server.say('system', 'on the second');
    await pass(100);
    expect(it.server.sockets.map(({ state }) => state)).toEqual(['closed', 'open']);
    expect(heard).toHaveLength(2);
  });

  test('a channel that is sent to is joined on both', async () => {
    const it = await rotating();
    const sent = it.client.send('conversation:c2', 'chat.message', { content: 'hello' });
    await pass(100);
    await sent;
    await pass(2_000);
    expect([...it.server.socket.channels].sort()).toEqual([CHANNEL, 'conversation:c2']);
  });

  test('a channel that is no longer in use is left on both', async () => {
    const it = await joinedScene();
    const other = it.client.subscribe('system', () => {});
    it.server.delay = ({ action, channel }) => (action === 'join' && channel === CHANNEL ? 1_000 : 0);
    await pass(ROTATION_MS - 100 - 4_500);
    other.unsubscribe(); // it is left in 5 s
    await passUntil(() => it.server.sockets.length === 2, 6_000);
    await pass(100);
    const [old, replacement] = it.server.sockets;
    expect(old?.channels.has('system')).toBe(true);
    expect(replacement?.channels.has('system')).toBe(false);
    await pass(20_000);
    expect(old?.channels.has('system')).toBe(false);
    expect([...it.server.socket.channels]).toEqual([CHANNEL]);
  });

  test('a user who is removed while the channel is joined again is told, and can join again', async () => {
    const it = await joinedScene();
    const refusals: string[] = [];
    it.client.subscribe(CHANNEL, () => {}, { onError: ({ code }) => refusals.push(code) });
    await pass(ROTATION_MS - 100);
    await passUntil(() => it.server.sockets.length === 2);
    it.server.delay = ({ action }) => (action === 'join' ? 20 : 0);
    await pass(28); // the join is served in 2 ms, and its reply is here in 7
    const data = { userId: 'user_1', reason: 'refunded' };
    it.server.sockets[0]?.deliver({ type: 'event', channel: CHANNEL, event: 'access.revoked', at: '', data });
    await pass(5);
    for (const socket of it.server.sockets) socket.channels.clear();
    it.server.intercept = ({ action }) => {
      if (action === 'join') throw new Refusal('forbidden');
      return undefined;
    };
    await pass(10_000);
    expect(refusals).toEqual(['forbidden']);
  });
});

describe('while the server fails', () => {
  test('a channel in use is joined again and again until that succeeds', async () => {
    const it = scene();
    const failures: string[] = [];
    it.client.subscribe(CHANNEL, () => {}, { onError: ({ code }) => failures.push(code) });
    let isDown = true;
    it.server.intercept = ({ action }) => {
      if (action === 'join' && isDown) throw new Refusal('internal');
      return undefined;
    };
    listen(it);
    it.client.connect();
    await pass(5 * 60_000);
    expect(failures).toContain('internal'); // that is reported, too
    isDown = false;
    await pass(31_000);
    await expectHeard(it, it.heard);
    expect(it.server.sockets).toHaveLength(1);
  });
});

test('a membership that ends before the missed events have been read is renewed', async () => {
  const it = await joinedScene();
  await pass(12_000);
  for (let i = 0; i < 250; i++) it.server.append(CHANNEL, `${i}`);
  it.server.intercept = ({ action }, socket) => {
    if (action === 'history' && it.server.count('history') === 1) socket?.channels.clear();
    return undefined;
  };
  it.server.socket.cut();
  await pass(2_000);
  expect(it.heard).toHaveLength(250);
  await expectHeard(it, it.heard);
});

test('a listener with a grant is not refused because of one without', async () => {
  const it = scene();
  it.client.connect();
  await pass(100);
  it.server.intercept = frame => {
    if (frame.action === 'join' && frame['grant'] !== 'good') throw new Refusal('forbidden');
    return undefined;
  };
  listen(it).joined.catch(() => {});
  await pass(5); // the join is on its way
  const { joined } = it.client.subscribe(CHANNEL, () => {}, { grant: () => 'good' });
  await pass(2_000);
  await expect(joined).resolves.toMatchObject({ head: 0 });
  await expectHeard(it, it.heard);
});
