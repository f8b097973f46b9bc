/** What events, pages and receipts make of the list of messages. */

import { describe, expect, test } from 'vitest';
import { isChange } from '../src/conversation/changes.js';
import { fromEvent, quoteOf } from '../src/conversation/messages.js';
import { Timeline } from '../src/conversation/timeline.js';

/** A timeline, and what happens to its messages, in the words of the log. */
function scene() {
  const timeline = new Timeline();
  const at = '2026-11-23T10:00:00.000Z';
  const data = (seq: number, more: object) => ({
    id: `msg_${seq}`,
    conversationId: 'c1',
    type: 'user',
    content: 'hello',
    timestamp: at,
    isRead: false,
    userId: 'user_2',
    n: seq,
    ...more,
  });
  const message = (seq: number, more: object = {}) =>
    fromEvent({ seq, data: data(seq, more) } as never, `#${seq}`);
  const change = (event: string, data: object) => timeline.change({ event, data, at } as never);
  return {
    timeline,
    message,
    /** A page arrives, after `meanwhile`. */
    page: (messages: ReturnType<typeof message>[], meanwhile = () => {}) => {
      const loading = timeline.load(async () => messages, 'add');
      meanwhile();
      return loading;
    },
    edit: (target: number, content?: string, more: object = {}) =>
      change('chat.edit', { target, content, ...more }),
    remove: (target: number) => change('chat.delete', { target }),
    react: (target: number, emoji: string, ...users: string[]) =>
      change('chat.reaction', { target, emoji, on: users.length > 0, count: users.length, users }),
    examined: (target: number, id: string, state: string) =>
      change(`file.${state}`, { target, file: file(id, state) }),
    states: () => timeline.messages[0]?.attachments?.map(({ id, state }) => `${id} ${state}`).join(', '),
    emojis: () => timeline.messages[0]?.reactions?.map(({ emoji }) => emoji).join(''),
  };
}

const file = (id: string, state: string) => ({ id, name: 'a.png', type: 'image/png', bytes: 9, state });

const reactions = (...emojis: string[]) => emojis.map(emoji => ({ emoji, count: 1, users: ['user_2'] }));

describe('a message', () => {
  test('that a page has as deleted is not shown again by an edit that came before', async () => {
    const it = scene();
    await it.page([it.message(1, { content: '', deletedAt: '2026-11-23T10:00:00.000Z' })]);
    it.edit(1, 'what nobody may read any more');
    expect(it.timeline.messages).toMatchObject([{ content: '' }]);
  });

  test('that quotes a deleted one does not show it again by an edit that came before', async () => {
    const it = scene();
    await it.page([it.message(2, { replyTo: { seq: 1, userId: 'user_2' } })]);
    it.edit(1, 'what nobody may read any more');
    expect(it.timeline.messages[0]?.replyTo).toEqual({ seq: 1, userId: 'user_2' });
  });

  test('loses what a deletion removes, and keeps the rest', () => {
    const it = scene();
    const quote = { seq: 7, excerpt: 'hi' };
    it.timeline.add(it.message(8, { metadata: { a: 1 }, mentions: ['user_3'], replyTo: quote }));
    it.edit(8, 'hello again');
    it.react(8, '👍', 'user_3');
    it.remove(8);
    const at = new Date('2026-11-23T10:00:00.000Z');
    const { key: _, status: __, ...message } = it.message(8, { content: '', replyTo: quote });
    expect(it.timeline.messages).toEqual([
      { ...message, key: '#8', status: 'sent', editedAt: at, deletedAt: at },
    ]);
  });

  test('stays read if a page is older than the receipt, and becomes read by one that came before the page', async () => {
    const it = scene();
    await it.page([it.message(1)], () => it.timeline.receipt({ userId: 'user_1', seq: 1, state: 'read' }));
    await it.page([it.message(1)]);
    expect(it.timeline.messages).toMatchObject([{ isRead: true }]);
  });

  test('of a page on its way is forgotten if the list is cleared', async () => {
    const it = scene();
    await it.page([it.message(1)], () => it.timeline.clear());
    expect(it.timeline.messages).toEqual([]);
  });

  test('is the same object as before if nothing has changed in it', () => {
    const it = scene();
    for (const seq of [1, 2]) it.timeline.add(it.message(seq));
    const [one] = it.timeline.messages;
    it.edit(2, 'new');
    expect(it.timeline.messages[0]).toBe(one);
  });
});

describe('the order of the reactions', () => {
  test('of a recovered message is that of the log', () => {
    const it = scene();
    it.timeline.add(it.message(1, { reactions: reactions('🙂', '👍') })); // as it is in the end
    it.react(1, '🙂', 'user_2');
    it.react(1, '🙂');
    it.react(1, '🙂', 'user_2');
    it.react(1, '👍', 'user_2');
    expect(it.emojis()).toBe('🙂👍');
    expect(it.timeline.unclear.size).toBe(0);
  });

  test('of a message of a page is read again if a reaction may be the first, or a repetition', async () => {
    const it = scene();
    await it.page([it.message(1, { reactions: reactions('🙂', '👍') })]);
    it.react(1, '🙂', 'user_2', 'user_3');
    expect(it.timeline.unclear.size).toBe(0);
    it.react(1, '👍', 'user_2');
    expect(it.emojis()).toBe('🙂👍');
    expect([...it.timeline.unclear]).toEqual([1]);
  });

  test('of one that has come live is known: a repetition changes nothing, a new one comes last', () => {
    const it = scene();
    it.timeline.add(it.message(1));
    for (const emoji of ['🙂', '👍', '🙂']) it.react(1, emoji, 'user_2');
    expect(it.emojis()).toBe('🙂👍');
    it.react(1, '🙂');
    it.react(1, '🙂', 'user_3');
    expect(it.emojis()).toBe('👍🙂');
    expect(it.timeline.unclear.size).toBe(0);
  });
});

describe('a file of a message', () => {
  const attachments = [file('f1', 'checking'), file('f2', 'checking')];

  test('is what was found last; the others stay', () => {
    const it = scene();
    it.timeline.add(it.message(1, { attachments }));
    it.examined(1, 'f2', 'ready');
    expect(it.states()).toBe('f1 checking, f2 ready');
    it.examined(1, 'f2', 'refused');
    it.examined(1, 'f1', 'ready');
    expect(it.states()).toBe('f1 ready, f2 refused');
  });

  test('is found before the page arrives that has its message', async () => {
    const it = scene();
    await it.page([it.message(1, { attachments })], () => it.examined(1, 'f1', 'ready'));
    expect(it.states()).toBe('f1 ready, f2 checking');
  });

  test('of a message that is not loaded changes nothing', () => {
    const it = scene();
    it.timeline.add(it.message(2, { replyTo: { seq: 1, excerpt: 'hi' } }));
    const before = it.timeline.messages;
    it.examined(1, 'f1', 'ready');
    expect(it.timeline.messages).toEqual(before);
    expect(it.timeline.unclear.size).toBe(0);
  });

  test('is gone with its message, and does not come back', () => {
    const it = scene();
    it.timeline.add(it.message(1, { attachments }));
    it.remove(1);
    it.examined(1, 'f1', 'ready');
    expect(it.timeline.messages[0]).not.toHaveProperty('attachments');
  });
});

test('what has no text is quoted by the name of its first file, and so is what loses its text', () => {
  const it = scene();
  const photo = it.message(1, { content: '', attachments: [file('f1', 'ready')] });
  expect(quoteOf(photo)).toEqual({ seq: 1, userId: 'user_2', excerpt: 'a.png' });
  it.timeline.add(it.message(1, { content: 'look', attachments: [file('f1', 'ready')] }));
  it.timeline.add(it.message(2, { replyTo: { seq: 1, excerpt: 'look' } }));
  it.edit(1, '');
  expect(it.timeline.messages[1]?.replyTo?.excerpt).toBe('a.png');
});

test('an event about a file that no message names is no change of a message', () => {
  const event = { event: 'file.ready', data: { file: file('f1', 'ready') } };
  expect(isChange(event as never)).toBe(false);
  expect(isChange({ ...event, data: { ...event.data, target: 1 } } as never)).toBe(true);
});
