/** An inbox down which the user has paged, and what happens to it when the list is read anew. */

import { expect, test } from 'vitest';
import { entry, said, scene } from './fake/inbox.js';
import { pass } from './fake/setup.js';

/** An inbox of so many conversations, of which the user has paged down to some. */
async function paged(count: number, pages: number) {
  const conversations = Array.from({ length: count }, (_, i) => entry(`c${i}`, 1));
  const it = scene(conversations);
  await pass(200);
  for (let page = 1; page < pages; page++) {
    void it.inbox.loadMore();
    await pass(100);
  }
  const ids = () => it.inbox.store.get().conversations.map(({ conversationId }) => conversationId);
  const limits = () => it.server.requests.flatMap(({ action, limit }) => (action === 'inbox' ? [limit] : []));
  return { ...it, conversations, ids, limits };
}

test('a conversation that becomes active below the end of the list comes to its front, and the list stays as long', async () => {
  const { inbox, stop, update, conversations, ids, limits } = await paged(7, 2);
  expect(ids()).toEqual(['c0', 'c1', 'c2', 'c3']);
  conversations.unshift(...conversations.splice(5, 1));
  update(said('c5', 2, 'user_2'));
  await pass(8);
  expect(ids()).toEqual(['c0', 'c1', 'c2', 'c3']); // until it is read
  await pass(100);
  expect(ids()).toEqual(['c5', 'c0', 'c1', 'c2']);
  expect(limits()).toEqual([2, 2, 4]);
  void inbox.loadMore();
  await pass(100);
  void inbox.loadMore();
  await pass(100);
  expect(ids()).toEqual(['c5', 'c0', 'c1', 'c2', 'c3', 'c4', 'c6']);
  expect(inbox.store.get().hasMore).toBe(false);
  stop();
});

test('after a reconnection the list is as long as before, without what has left the inbox', async () => {
  const { client, stop, conversations, ids } = await paged(7, 3);
  conversations.splice(1, 1);
  client.reconnect();
  await pass(500);
  expect(ids()).toEqual(['c0', 'c2', 'c3', 'c4', 'c5', 'c6']);
  conversations.splice(2);
  client.reconnect();
  await pass(500);
  expect(ids()).toEqual(['c0', 'c2']);
  stop();
});

test('a long list is read in as few requests as the server allows', async () => {
  const { client, stop, ids, limits } = await paged(70, 30);
  expect(ids()).toHaveLength(60);
  const before = limits().length;
  client.reconnect();
  await pass(500);
  expect(ids()).toHaveLength(60);
  expect(limits().slice(before)).toEqual([50, 10]);
  stop();
});

test('a page that the user has asked for comes with the list that is read anew meanwhile', async () => {
  const { client, inbox, stop, ids } = await paged(7, 1);
  void inbox.loadMore();
  client.reconnect();
  await pass(500);
  expect(ids()).toEqual(['c0', 'c1', 'c2', 'c3']);
  expect(inbox.store.get().isLoadingMore).toBe(false);
  stop();
});
