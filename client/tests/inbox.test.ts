/** An inbox: its pages, what comes live, and what the user reads here and elsewhere. */

import { expect, test } from 'vitest';
import { entry, ME, said, scene, TEAM } from './fake/inbox.js';
import { pass } from './fake/setup.js';

test('pages follow each other, and a conversation that becomes active moves to the front', async () => {
  const { inbox, stop, update, shown } = scene([entry('a', 3, 1), entry('b', 2, 2), entry('c', 1)]);
  expect(inbox.store.get().isLoading).toBe(true);
  await pass(200);
  expect(shown()).toEqual(['a 2', 'b 0']);
  expect(inbox.store.get()).toMatchObject({ unread: 2, hasMore: true, isLoading: false });
  void inbox.loadMore();
  void inbox.loadMore();
  await pass(200);
  expect(shown()).toEqual(['a 2', 'b 0', 'c 1']);
  expect(inbox.store.get().hasMore).toBe(false);
  update(said('c', 2, 'user_2'));
  await pass(100);
  expect(shown()).toEqual(['c 2', 'a 2', 'b 0']);
  expect(inbox.store.get().conversations[0]?.last?.excerpt).toBe('hello');
  expect(inbox.store.get().unread).toBe(4);
  stop();
});

test('what is read while a page is on its way stays read', async () => {
  const { inbox, stop, update, shown } = scene([entry('a', 3), entry('b', 2)]);
  await pass(500);
  update(said('new', 1, 'user_2')); // it is not in the list, which is asked for again
  update({ conversationId: 'a', readN: 3 }, `user:${ME}`);
  await pass(500);
  expect(shown()).toEqual(['a 0', 'b 2']);
  expect(inbox.store.get().unread).toBe(2);
  stop();
});

test('an edit changes the text and no number; of two updates that cross the later one counts', async () => {
  const { inbox, stop, update, shown } = scene([entry('a', 1), entry('b', 1)]);
  await pass(200);
  update(said('b', 2, 'user_2', 'first'), TEAM, '2026-11-23T10:00:02.000Z');
  update(said('b', 2, 'user_2', 'edited'), TEAM, '2026-11-23T10:00:03.000Z');
  update(said('b', 2, 'user_2', 'late'), TEAM, '2026-11-23T10:00:01.000Z');
  update({ ...said('b', 2, 'user_2', 'late on the own channel'), readN: 1 }, `user:${ME}`);
  update(said('a', 0, 'user_2', 'of the past'));
  await pass(100);
  expect(shown()).toEqual(['b 1', 'a 1']);
  expect(inbox.store.get().conversations[0]?.last?.excerpt).toBe('edited');
  stop();
});

test('who sends has read, although the update is of the answer that came at once', async () => {
  const { server, client, stop, update, shown } = scene([entry('a', 5)]);
  client.subscribe('conversation:a', () => {});
  await pass(300);
  expect(shown()).toEqual(['a 5']);
  const data = { id: 'm6', conversationId: 'a', type: 'user', content: 'hello', userId: ME, n: 6 };
  const at = '2026-11-23T10:00:00.000Z';
  server.post({ type: 'event', channel: 'conversation:a', event: 'chat.message', seq: 1, at, data } as never);
  update(said('a', 7, 'user_2'));
  await pass(100);
  expect(shown()).toEqual(['a 1']);
  stop();
});

test('who sends has read, and what is read here or on another device is not unread', async () => {
  const { client, stop, update, shown } = scene([entry('a', 5), entry('b', 3)]);
  await pass(300);
  update(said('a', 6, ME));
  await pass(100);
  expect(shown()).toEqual(['a 0', 'b 3']);
  update({ conversationId: 'b', readN: 2 }, `user:${ME}`);
  await pass(100);
  expect(shown()).toEqual(['a 0', 'b 1']);
  update({ conversationId: 'b', readN: 1 }, `user:${ME}`);
  await pass(100);
  expect(shown(), 'it never goes back').toEqual(['a 0', 'b 1']);
  void client.ack('conversation:b', 3, 'read');
  await pass(200);
  expect(shown()).toEqual(['a 0', 'b 0']);
  stop();
});

test('of a conversation that is joined, its own events tell the participants', async () => {
  const { server, client, inbox, stop, shown } = scene([entry('a', 0), entry('b', 0)], `user:${ME}`);
  const last = () =>
    inbox.store.get().conversations.find(({ conversationId }) => conversationId === 'b')?.last;
  client.subscribe('conversation:b', () => {});
  await pass(200);
  const { seq } = server.say('conversation:b', 'hello');
  await pass(100);
  expect(shown()).toEqual(['b 1', 'a 0']);
  expect(last()).toMatchObject({ seq, from: { userId: 'user_2' }, excerpt: 'hello' });
  server.change('conversation:b', 'chat.edit', { target: seq, content: 'Hello!' });
  await pass(100);
  expect(last()?.excerpt).toBe('Hello!');
  server.change('conversation:b', 'chat.delete', { target: seq });
  await pass(100);
  expect(last()).toEqual({ seq, at: expect.any(String), from: { userId: 'user_2', name: 'Bob' } });
  expect(shown()).toEqual(['b 1', 'a 0']);
  stop();
});

test('a page that is behind the log of a joined conversation does not set it back', async () => {
  const conversations = [entry('a', 0)];
  const { server, client, stop, shown } = scene(conversations, `user:${ME}`);
  client.subscribe('conversation:b', () => {});
  await pass(12_000);
  server.say('conversation:b', 'first');
  await pass(100);
  expect(shown()).toEqual(['a 0']);
  conversations.unshift(entry('b', 0));
  server.socket.cut();
  await pass(5_000);
  expect(shown()).toEqual(['b 1', 'a 0']);
  expect(server.requests.filter(({ action }) => action === 'inbox').length).toBeLessThan(4);
  stop();
});

test('a conversation that is new, or was not on the page, is loaded', async () => {
  const conversations = [entry('a', 1)];
  const { server, stop, update, shown } = scene(conversations, `user:${ME}`);
  await pass(200);
  conversations.unshift(entry('new', 1));
  update(said('new', 1, 'user_2'));
  await pass(200);
  expect(shown()).toEqual(['new 1', 'a 1']);
  expect(server.requests.filter(({ action }) => action === 'inbox').map(frame => frame['companyId'])).toEqual(
    [undefined, undefined],
  );
  stop();
});

test('what comes while a page is on its way is not lost, nor is anything after a reconnection', async () => {
  const conversations = [entry('a', 1), entry('b', 1)];
  const { server, client, inbox, stop, update, shown } = scene(conversations);
  server.delay = ({ action }) => (action === 'inbox' ? 500 : 0);
  await pass(400);
  update(said('b', 2, 'user_2'));
  await pass(600);
  expect(shown()).toEqual(['b 2', 'a 1']);
  conversations.splice(0, 2, entry('a', 4), entry('b', 2));
  client.reconnect();
  await pass(2_000);
  expect(shown()).toEqual(['a 4', 'b 2']);
  stop();
  expect(inbox.store.get().error).toBeNull();
});

test('a refusal is told', async () => {
  const { server, inbox, stop } = scene([]);
  const { Refusal } = await import('./fake/refusal.js');
  server.intercept = ({ action }) => (action === 'join' ? new Refusal('forbidden') : undefined);
  await pass(500);
  expect(inbox.store.get()).toMatchObject({ isLoading: false, error: { code: 'forbidden' } });
  stop();
});

test('a message of a bot is unread, also while it is not known who the user is', async () => {
  const { server, client, stop, update, shown } = scene([entry('a', 1)]);
  const answer = server.intercept;
  const { Refusal } = await import('./fake/refusal.js');
  server.intercept = (frame, socket) =>
    frame.action === 'status' ? new Refusal('internal') : answer(frame, socket);
  await pass(200);
  expect(client.user).toBeUndefined();
  update({ conversationId: 'a', companyId: 'biz_1', n: 2, last: { seq: 2, at: '', excerpt: 'beep' } });
  await pass(100);
  expect(shown()).toEqual(['a 2']);
  stop();
});
