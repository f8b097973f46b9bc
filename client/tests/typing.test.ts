import { describe, expect, test, vi } from 'vitest';
import { typingNotice, watchTyping } from '../src/index.js';
import { CHANNEL, joinedScene, pass, sends } from './fake/setup.js';

async function watched() {
  const it = await joinedScene();
  const told: string[] = [];
  const stop = watchTyping(it.client, CHANNEL, ({ userId, isTyping }) => told.push(`${userId} ${isTyping}`));
  const type = (userId: string, isTyping: boolean, timestamp: number) => {
    const data = { conversationId: 'c1', userId, userName: userId, isTyping, timestamp: `${timestamp}` };
    it.server.post({ type: 'event', channel: CHANNEL, event: 'chat.typing', at: `${timestamp}`, data });
  };
  return { ...it, told, stop, type };
}

describe('another user types', () => {
  test('and reports that they have stopped', async () => {
    const { told, type } = await watched();
    type('bob', true, 1);
    type('bob', false, 2);
    await pass(10_000);
    expect(told).toEqual(['bob true', 'bob false']);
  });

  test('and the indicator expires after 6 s', async () => {
    const { told, type } = await watched();
    type('bob', true, 1);
    await pass(5_000);
    type('bob', true, 2);
    await pass(5_900);
    expect(told).toEqual(['bob true', 'bob true']);
    await pass(200);
    expect(told).toEqual(['bob true', 'bob true', 'bob false']);
    type('bob', false, 3); // late, and without a change
    await pass(100);
    expect(told).toHaveLength(3);
  });

  test('and sends their message', async () => {
    const { server, told, type } = await watched();
    type('bob', true, 1);
    const event = server.append(CHANNEL, 'hello');
    server.post({ ...event, data: { ...event.data, userId: 'bob' } });
    await pass(10_000);
    expect(told).toEqual(['bob true', 'bob false']);
  });

  test('and an older indicator arrives late', async () => {
    const { told, type } = await watched();
    type('bob', false, 2);
    type('bob', true, 1);
    await pass(10_000);
    expect(told).toEqual([]);
  });

  test('and is forgotten when no earlier indicator can arrive any more', async () => {
    const { told, type } = await watched();
    type('bob', false, 2);
    await pass(5_900);
    type('bob', true, 1); // late
    await pass(200);
    expect(told).toEqual([]);
    type('bob', true, 1);
    await pass(100);
    expect(told).toEqual(['bob true']);
    expect(vi.getTimerCount()).toBeLessThan(5);
  });

  test('and nobody listens any more', async () => {
    const { told, stop, type } = await watched();
    type('bob', true, 1);
    await pass(100);
    stop();
    await pass(10_000);
    expect(told).toEqual(['bob true']);
  });
});

describe('the user types', () => {
  test('and the clock is set back, but the indicator is sent', async () => {
    const server = (await joinedScene()).server;
    let now = 1_000_000;
    const it = await joinedScene({ environment: { ...server.environment, now: () => now } });
    const isTyping = typingNotice(it.client, CHANNEL);
    isTyping(true);
    now -= 3_600_000;
    isTyping(true);
    await pass(100);
    expect(server.requests.filter(({ action }) => action === 'send')).toHaveLength(2);
  });

  test('and the indicator is sent no more often than necessary', async () => {
    const it = await joinedScene();
    const isTyping = typingNotice(it.client, CHANNEL);
    isTyping(false); // there is nothing to end
    for (let key = 0; key < 40; key++) {
      isTyping(true);
      await pass(200);
    }
    isTyping(false);
    isTyping(false);
    await pass(100);
    expect(sends(it).map(({ data }) => (data as { isTyping: boolean }).isTyping)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test('and a failure to send is ignored', async () => {
    const { client } = await joinedScene();
    client.close();
    typingNotice(client, CHANNEL)(true);
    await pass(100);
  });
});
