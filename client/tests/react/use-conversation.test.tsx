// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { useConversation } from '../../src/react/index.js';
import { Refusal } from '../fake/refusal.js';
import type { FakeServer } from '../fake/server.js';
import { CHANNEL } from '../fake/setup.js';
import { pass, scene } from './scene.js';

async function conversation(messages: string[] = [], options = {}) {
  const it = scene();
  for (const content of messages) it.server.append(CHANNEL, content);
  const { result, unmount } = renderHook(() => useConversation('c1', options), { wrapper: it.Provider });
  await pass(100);
  const shown = () => result.current.messages.map(({ content, status }) => `${content} ${status}`);
  return { ...it, result, unmount, shown };
}

test('a user without access of their own joins with a grant', async () => {
  const { server } = await conversation([], { grant: async () => 'a-grant' });
  const [join] = server.requests.filter(({ action }) => action === 'join');
  expect(join?.['grant']).toBe('a-grant');
});

describe('the messages of the log', () => {
  test('are loaded from the last page on, and older ones on demand', async () => {
    const all = Array.from({ length: 25 }, (_, i) => `${i + 1}`);
    const { result } = await conversation(all, { pageSize: 10 });
    const contents = () => result.current.messages.map(({ content }) => content);
    expect(contents()).toEqual(all.slice(15));
    expect(result.current).toMatchObject({ isLoading: false, hasOlder: true, error: null });
    const loading = result.current.loadOlder();
    void result.current.loadOlder(); // an impatient user
    await pass(100);
    await loading;
    expect(contents()).toEqual(all.slice(5));
    void result.current.loadOlder();
    await pass(100);
    expect(contents()).toEqual(all);
    expect(result.current.hasOlder).toBe(false);
    expect(result.current.messages[0]?.timestamp).toBeInstanceOf(Date);
  });

  test('can be loaded further back after a reconnection', async () => {
    const all = Array.from({ length: 25 }, (_, i) => `${i + 1}`);
    const { server, result } = await conversation(all, { pageSize: 10 });
    void result.current.loadOlder();
    await pass(12_000);
    server.socket.cut();
    await pass(100);
    void result.current.loadOlder();
    await pass(100);
    expect(result.current.messages.map(({ content }) => content)).toEqual(all);
  });

  test('include new ones and missed ones', async () => {
    const { server, shown } = await conversation(['one']);
    server.say(CHANNEL, 'two');
    await pass(12_000);
    server.socket.cut();
    server.append(CHANNEL, 'three');
    await pass(100);
    expect(shown()).toEqual(['one sent', 'two sent', 'three sent']);
  });

  test('are loaded anew after a loss', async () => {
    const { server, shown } = await conversation(['one']);
    await pass(12_000);
    server.socket.cut();
    for (const content of ['two', 'three', 'four']) server.append(CHANNEL, content);
    server.logs.set(CHANNEL, server.log(CHANNEL).slice(2));
    await pass(100);
    expect(shown()).toEqual(['three sent', 'four sent']);
  });

  test('are replaced by an error if the conversation is refused', async () => {
    const it = scene();
    it.server.intercept = ({ action }) => {
      if (action === 'join') throw new Refusal('forbidden');
      return undefined;
    };
    const { result } = renderHook(() => useConversation('c1'), { wrapper: it.Provider });
    await pass(100);
    expect(result.current).toMatchObject({ isLoading: false, error: { code: 'forbidden' } });
  });
});

describe("the user's own messages", () => {
  test('are shown at once, and stay the same when they have arrived', async () => {
    const { server, result, shown } = await conversation(['one']);
    void result.current.send('two', { metadata: { draft: 1 } });
    await pass(1);
    expect(shown()).toEqual(['one sent', 'two sending']);
    const [, { key } = { key: '' }] = result.current.messages;
    server.say(CHANNEL, 'faster');
    await pass(100);
    expect(shown()).toEqual(['one sent', 'faster sent', 'two sent']);
    expect(result.current.messages[2]).toMatchObject({
      key,
      userId: 'user_1',
      metadata: { draft: 1 },
      seq: 3,
    });
  });

  test('wait while there is no connection', async () => {
    const { server, result, shown } = await conversation();
    await pass(12_000);
    server.door = 'closed';
    server.socket.cut();
    await pass(100);
    void result.current.send('hello');
    await pass(5_000);
    expect(shown()).toEqual(['hello sending']);
    server.door = 'open';
    await pass(31_000);
    expect(shown()).toEqual(['hello sent']);
    expect(server.log(CHANNEL)).toHaveLength(1);
  });

  test('can be sent again when they have failed, and discarded', async () => {
    const { server, result, shown } = await conversation();
    server.intercept = ({ action }) => {
      if (action === 'send') throw new Refusal('forbidden');
      return undefined;
    };
    void result.current.send('one');
    void result.current.send('two');
    await pass(100);
    expect(shown()).toEqual(['one failed', 'two failed']);
    expect(result.current.messages[0]?.error).toMatchObject({ code: 'forbidden' });
    server.intercept = () => undefined;
    const [one, two] = result.current.messages;
    void result.current.retry(one?.key ?? '');
    result.current.discard(two?.key ?? '');
    await pass(1);
    expect(shown()).toEqual(['one sending']);
    await pass(100);
    expect(shown()).toEqual(['one sent']);
    expect(result.current.messages[0]?.key).toBe(one?.key);
  });

  test('are sent although the component has been unmounted', async () => {
    const { server, result, unmount } = await conversation();
    void result.current.send('bye');
    await pass(1);
    unmount();
    await pass(100);
    expect(server.log(CHANNEL)).toHaveLength(1);
  });
});

describe('the other users', () => {
  const post = (event: string, data: object) => ({
    type: 'event',
    channel: CHANNEL,
    event,
    at: new Date().toISOString(),
    data,
  });

  test('have read messages', async () => {
    const { server, result } = await conversation(['theirs']);
    void result.current.send('ours');
    await pass(100);
    server.post(post('chat.receipt', { userId: 'user_2', seq: 2, state: 'delivered' }));
    await pass(10);
    const read = () => result.current.messages.map(({ isRead }) => isRead);
    expect(read()).toEqual([false, false]);
    server.post(post('chat.receipt', { userId: 'user_1', seq: 2, state: 'read' })); // another device of the user
    await pass(10);
    expect(read()).toEqual([true, false]);
    server.post(post('chat.receipt', { userId: 'user_2', seq: 2, state: 'read' }));
    await pass(10);
    expect(read()).toEqual([true, true]);
    void result.current.markAsRead();
    await pass(100);
    expect(server.requests.at(-1)).toMatchObject({ action: 'ack', seq: 2, state: 'read' });
  });

  test('type and stop, and other devices of the user are ignored', async () => {
    const { server, result } = await conversation();
    const typing = (userId: string, isTyping: boolean) =>
      server.post(post('chat.typing', { userId, userName: userId, isTyping, timestamp: '2' }));
    typing('user_2', true);
    typing('user_3', true);
    typing('user_1', true);
    await pass(100);
    const typists = () => result.current.typing.map(({ userId }) => userId);
    expect(typists()).toEqual(['user_2', 'user_3']);
    typing('user_3', false);
    await pass(100);
    expect(typists()).toEqual(['user_2']);
    await pass(6_000);
    expect(typists()).toEqual([]);
  });

  test('are present', async () => {
    const { server, result } = await conversation();
    const user = { userId: 'user_2', name: 'Bob', status: 'online', lastSeen: '2' };
    server.presence.set(CHANNEL, [user]); // the roster is read when an event names a user
    server.post(post('presence.join', user));
    await pass(100);
    expect(result.current.presence.users).toEqual([user]);
  });
});

test('a user who has been removed is told why, until they join again', async () => {
  const { server, result } = await conversation(['hello']);
  expect(result.current.removed).toBeNull();
  const order = server.requests.find(({ action }) => action === 'join')?.['order'];
  const data = { userId: 'user_1', reason: 'spam', order };
  server.post({ type: 'event', channel: CHANNEL, event: 'access.revoked', at: '', data });
  await pass(100);
  expect(result.current.removed).toMatchObject({ reason: 'spam' });
  expect(result.current.messages).toHaveLength(1);
  await pass(12_000);
  server.socket.cut(); // on the next connection the channel is joined again
  await pass(1_000);
  expect(result.current.removed).toBeNull();
});

test.each([
  ['that is shown', (_: FakeServer) => {}],
  ['that has not been loaded yet', fails],
])('the error of a conversation %s is gone with the next join', async (_, prepare) => {
  const it = scene();
  it.server.append(CHANNEL, 'hello');
  prepare(it.server);
  const { result } = renderHook(() => useConversation('c1'), { wrapper: it.Provider });
  await pass(12_000);
  fails(it.server);
  it.server.socket.cut();
  await pass(300_000); // eight attempts
  expect(result.current).toMatchObject({ isLoading: false, error: { code: 'internal' } });
  it.server.intercept = () => undefined;
  await pass(40_000);
  expect(result.current).toMatchObject({ isLoading: false, error: null, messages: [{ content: 'hello' }] });
});

function fails(server: FakeServer): void {
  server.intercept = ({ action }) => {
    if (action === 'join') throw new Refusal('internal');
    return undefined;
  };
}
