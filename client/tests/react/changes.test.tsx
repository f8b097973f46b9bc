// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import type { ChatMessage } from '../../src/index.js';
import { type ConversationMessage, useConversation } from '../../src/react/index.js';
import { Refusal } from '../fake/refusal.js';
import { CHANNEL } from '../fake/setup.js';
import { pass, scene } from './scene.js';

const OWN = { from: { userId: 'user_1', name: 'Ann' } };

/** A conversation with a message of Bob's, `theirs`, and one of Ann's, whose client this is, `mine`. */
async function conversation() {
  const it = scene();
  it.server.append(CHANNEL, 'theirs');
  it.server.append(CHANNEL, 'mine', OWN);
  const open = () => renderHook(() => useConversation('c1'), { wrapper: it.Provider });
  const { result, unmount } = open();
  await pass(100);
  const at = (place: number) => result.current.messages[place] as ConversationMessage;
  return { ...it, open, unmount, result, theirs: () => at(0), mine: () => at(1), last: () => at(2) };
}

/** Lets the server refuse every `send`, or no longer. */
function refuse(it: Awaited<ReturnType<typeof conversation>>, code?: string): void {
  it.server.intercept = ({ action }) => {
    if (code && action === 'send') throw new Refusal(code);
    return undefined;
  };
}

/** The result of a promise, once time has passed. */
async function outcomeOf<T>(promise: Promise<T>, ms = 100): Promise<T> {
  await pass(ms);
  return promise;
}

describe('an edit', () => {
  test('is shown at once, and is then the one of the server', async () => {
    const it = await conversation();
    const edited = it.result.current.edit(it.mine(), 'better', { a: 1 });
    await pass(1);
    expect(it.mine()).toMatchObject({ content: 'better', change: 'sending', editedAt: expect.any(Date) });
    expect(await outcomeOf(edited)).toBe(true);
    const { data } = it.server.shown(CHANNEL, 2) as { data: ChatMessage };
    expect(data).toMatchObject({ content: 'better', metadata: { a: 1 } });
    expect(it.mine()).toMatchObject({ metadata: { a: 1 }, editedAt: new Date(data.editedAt ?? '') });
    expect(it.mine()).not.toHaveProperty('change');
  });

  test('is taken back if it is refused, with the error, until that is discarded', async () => {
    const it = await conversation();
    const before = it.theirs();
    expect(await outcomeOf(it.result.current.edit(before, 'not mine'))).toBe(false);
    expect(it.theirs()).toEqual({
      ...before,
      change: 'failed',
      error: expect.objectContaining({ code: 'forbidden' }),
    });
    it.result.current.discard(it.theirs().key);
    await pass(1);
    expect(it.theirs()).toEqual(before);
  });

  test('is still shown when the user has been elsewhere meanwhile', async () => {
    const it = await conversation();
    it.server.delay = ({ action }) => (action === 'send' ? 500 : 0);
    void it.result.current.edit(it.mine(), 'better');
    it.unmount();
    const { result } = it.open();
    await pass(100);
    expect(result.current.messages[1]).toMatchObject({ content: 'better', change: 'sending' });
    await pass(600);
    expect(result.current.messages[1]).toMatchObject({ content: 'better' });
    expect(result.current.messages[1]).not.toHaveProperty('change');
  });

  test('waits for a connection, wherever the user is meanwhile', async () => {
    const it = await conversation();
    await pass(12_000);
    it.server.door = 'closed';
    it.server.socket.cut();
    await pass(10);
    const edited = it.result.current.edit(it.mine(), 'better');
    it.unmount();
    const { result } = it.open();
    await pass(100);
    it.server.door = 'open';
    await pass(31_000);
    expect(await edited).toBe(true);
    expect(result.current.messages).toMatchObject([{ content: 'theirs' }, { content: 'better' }]);
    expect(result.current.messages[1]).not.toHaveProperty('change');
  });

  test('of what has been sent on another connection and arrived already is not pending for ever', async () => {
    const it = await conversation();
    it.server.losesReply = ({ action }) => action === 'send';
    const edited = it.result.current.edit(it.mine(), 'better');
    await pass(50);
    it.server.losesReply = () => false;
    it.server.socket.cut();
    expect(await outcomeOf(edited, 31_000)).toBe(true);
    expect(it.mine()).toMatchObject({ content: 'better' });
    expect(it.mine()).not.toHaveProperty('change');
  });
});

describe('a reaction', () => {
  const tally = ({ reactions = [] }: ConversationMessage) =>
    reactions.map(({ emoji, count, users }) => `${emoji} ${count} ${users}`);

  test('is shown at once, beside those of others, and can be taken back', async () => {
    const it = await conversation();
    it.server.change(CHANNEL, 'chat.reaction', { target: 1, emoji: '👍', on: true });
    await pass(100);
    const on = it.result.current.react(it.theirs(), '👍', true);
    void it.result.current.react(it.theirs(), '🎉', true);
    await pass(1);
    expect(tally(it.theirs())).toEqual(['👍 2 user_2,user_1', '🎉 1 user_1']);
    expect(await outcomeOf(on)).toBe(true);
    expect(tally(it.theirs())).toEqual(['👍 2 user_2,user_1', '🎉 1 user_1']);
    void it.result.current.react(it.theirs(), '🎉', false);
    await pass(1);
    expect(tally(it.theirs())).toEqual(['👍 2 user_2,user_1']);
    await pass(100);
    expect(it.server.shown(CHANNEL, 1)?.data).toMatchObject({
      reactions: [{ emoji: '👍', count: 2, users: ['user_2', 'user_1'] }],
    });
  });

  test('is taken back if it is refused, and the error is gone when another one is accepted', async () => {
    const it = await conversation();
    refuse(it, 'forbidden');
    const reacted = it.result.current.react(it.theirs(), '👍', true);
    await pass(1);
    expect(tally(it.theirs())).toEqual(['👍 1 user_1']);
    expect(await outcomeOf(reacted)).toBe(false);
    expect(tally(it.theirs())).toEqual([]);
    expect(it.theirs()).toMatchObject({ change: 'failed', error: { code: 'forbidden' } });
    refuse(it);
    expect(await outcomeOf(it.result.current.react(it.theirs(), '👍', true))).toBe(true);
    expect(it.theirs()).not.toHaveProperty('error');
  });

  test('of more than fifty users only counts', async () => {
    const it = await conversation();
    for (let i = 0; i < 60; i++) {
      const from = { userId: `many_${i}`, name: '' };
      it.server.change(CHANNEL, 'chat.reaction', { target: 1, emoji: '👍', on: true }, from);
    }
    await pass(100);
    void it.result.current.react(it.theirs(), '👍', true);
    await pass(1);
    expect(it.theirs().reactions).toMatchObject([{ count: 61, users: { length: 50 } }]);
    await pass(100);
    void it.result.current.react(it.theirs(), '👍', false);
    await pass(1);
    expect(it.theirs().reactions).toMatchObject([{ count: 60, users: { length: 50 } }]);
    await pass(100);
    expect(it.theirs().reactions).toMatchObject([{ count: 60, users: { length: 50 } }]);
  });
});

describe('a deletion', () => {
  test('is shown when the server has carried it out', async () => {
    const it = await conversation();
    const removed = it.result.current.remove(it.mine());
    await pass(1);
    expect(it.mine()).toMatchObject({ content: 'mine', change: 'sending' });
    expect(await outcomeOf(removed)).toBe(true);
    expect(it.mine()).toMatchObject({ content: '', deletedAt: expect.any(Date) });
    expect(it.mine()).not.toHaveProperty('change');
  });

  test('of what another one wrote is for the team', async () => {
    const it = await conversation();
    expect(await outcomeOf(it.result.current.remove(it.theirs()))).toBe(false);
    expect(it.theirs()).toMatchObject({ content: 'theirs', error: { code: 'forbidden' } });
    it.server.isTeam = true;
    expect(await outcomeOf(it.result.current.remove(it.theirs()))).toBe(true);
    expect(it.theirs()).toMatchObject({ content: '', deletedAt: expect.any(Date) });
  });
});

describe('a reply', () => {
  test('quotes the message at once, as that is now', async () => {
    const it = await conversation();
    const { send } = it.result.current;
    void send('indeed', { replyTo: it.theirs(), mentions: ['user_2'], metadata: { a: 1 } });
    await pass(1);
    const quote = { seq: 1, userId: 'user_2', excerpt: 'theirs' };
    const more = { mentions: ['user_2'], metadata: { a: 1 } };
    expect(it.last()).toMatchObject({ status: 'sending', replyTo: quote, ...more });
    await pass(100);
    expect(it.last()).toMatchObject({ status: 'sent', replyTo: quote, n: 3, ...more });
    const from = { userId: 'user_2', name: 'Bob' };
    it.server.change(CHANNEL, 'chat.edit', { target: 1, content: 'new' }, from);
    await pass(100);
    expect(it.last().replyTo).toEqual({ ...quote, excerpt: 'new' });
    it.server.change(CHANNEL, 'chat.delete', { target: 1 }, from);
    await pass(100);
    expect(it.last().replyTo).toEqual({ seq: 1, userId: 'user_2' });
  });

  test('that has failed quotes what has been edited since', async () => {
    const it = await conversation();
    refuse(it, 'forbidden');
    void it.result.current.send('indeed', { replyTo: it.theirs() });
    await pass(100);
    it.server.change(CHANNEL, 'chat.edit', { target: 1, content: 'new' });
    await pass(100);
    expect(it.last()).toMatchObject({ status: 'failed', replyTo: { excerpt: 'new' } });
  });

  test('needs a message that the server has, as every change does', async () => {
    const it = await conversation();
    refuse(it, 'internal');
    void it.result.current.send('draft');
    await pass(10);
    const { send, edit } = it.result.current;
    await expect(send('reply', { replyTo: it.last() })).rejects.toMatchObject({ field: 'replyTo' });
    await expect(edit(it.last(), 'x')).rejects.toMatchObject({ code: 'bad_request' });
    await pass(120_000);
  });
});

test('pages are full of messages, whatever has been changed', async () => {
  const it = scene();
  for (let i = 1; i <= 30; i++) it.server.append(CHANNEL, `${i}`);
  for (let i = 0; i < 50; i++) it.server.change(CHANNEL, 'chat.edit', { target: 30, content: `edit ${i}` });
  const { result } = renderHook(() => useConversation('c1', { pageSize: 10 }), { wrapper: it.Provider });
  await pass(100);
  expect(result.current.messages).toHaveLength(10);
  expect(result.current.messages.at(-1)).toMatchObject({ content: 'edit 49' });
});
