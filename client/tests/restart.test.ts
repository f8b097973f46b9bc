/** A conversation that is stopped and started again, as React's `<Activity>` does with a component that it hides and shows. */

import { expect, test } from 'vitest';
import { Conversation } from '../src/conversation/conversation.js';
import { CHANNEL, joinedScene, pass } from './fake/setup.js';

async function conversation() {
  const it = await joinedScene();
  const shown = new Conversation(it.client, 'c1', 10);
  const stop = shown.start();
  await pass(100);
  const post = (event: string, data: object) =>
    it.server.post({ type: 'event', channel: CHANNEL, event, at: new Date().toISOString(), data });
  return { ...it, shown, stop, post };
}

test('what others do, and a mute, are those of now when it is started again', async () => {
  const { server, client, shown, stop, post } = await conversation();
  const bob = { userId: 'user_2', name: 'Bob', status: 'online', lastSeen: '2' };
  server.presence.set(CHANNEL, [bob]);
  post('presence.join', bob);
  post('chat.typing', { userId: 'user_2', userName: 'Bob', isTyping: true, timestamp: '2' });
  post('access.muted', { userId: 'user_1', mute: { reason: 'spam' } });
  await pass(100);
  expect(shown.store.get()).toMatchObject({
    typing: [{ userId: 'user_2' }],
    presence: { count: 1 },
    mute: { reason: 'spam' },
  });
  stop();
  post('access.muted', { userId: 'user_1' });
  await pass(100);
  client.close();
  shown.start();
  const nothing = { typing: [], presence: { users: [], count: 0 }, mute: null };
  expect(shown.store.get()).toMatchObject(nothing);
  client.connect();
  await pass(10_000);
  expect(shown.store.get()).toMatchObject({ ...nothing, presence: { users: [bob], count: 1 } });
});

test('who is still muted is shown as muted', async () => {
  const { shown, stop, post } = await conversation();
  post('access.muted', { userId: 'user_1', mute: { reason: 'spam' } });
  await pass(100);
  stop();
  shown.start();
  await pass(1);
  expect(shown.store.get().mute).toEqual({ reason: 'spam' });
});

test('what is known outlasts a loss of the log', async () => {
  const { server, shown, post } = await conversation();
  post('chat.typing', { userId: 'user_2', userName: 'Bob', isTyping: true, timestamp: '2' });
  post('access.muted', { userId: 'user_1', mute: { reason: 'spam' } });
  await pass(12_000);
  for (const content of ['one', 'two', 'three']) server.append(CHANNEL, content);
  server.logs.set(CHANNEL, server.log(CHANNEL).slice(2));
  server.intercept = frame => {
    if (frame.action !== 'join') return undefined;
    server.intercept = () => undefined;
    return { ...server.serve(frame, server.socket), mute: { reason: 'spam' } };
  };
  server.socket.cut();
  await pass(100);
  expect(shown.store.get()).toMatchObject({ messages: [{ content: 'three' }], mute: { reason: 'spam' } });
});
