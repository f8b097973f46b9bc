/** Events of the app's own from a backend: what is put on the bus, published by HTTP, and put into the outbox. */

import { expect, test } from 'vitest';
import { chatMessage, typingIndicator } from '../../src/server/chat-updates.js';
import { appEvent, appSignal, outboxItem, RealTimeUpdates } from '../../src/server/index.js';
import { APP_PAYLOAD_BYTES_MAX } from '../../src/wire.js';

const vote = appEvent('room:lobby', 'poll.vote', { option: 2 });

/** Publishes on a bus that accepts everything; returns its entries. */
async function put(...updates: Parameters<RealTimeUpdates['send']>) {
  const entries: { DetailType: string; Detail: string }[] = [];
  const client = {
    send: async (command: object) => {
      const { input } = command as { input: { Entries: typeof entries } };
      entries.push(...input.Entries);
      return { Entries: input.Entries.map(() => ({ EventId: 'e' })) };
    },
  };
  await new RealTimeUpdates({ bus: 'bus', client }).send(...updates);
  return entries.map(({ DetailType, Detail }) => [DetailType, JSON.parse(Detail)]);
}

test('on the bus, the detail names the channel', async () => {
  const cursor = appSignal('experience:exp_1', 'cursor', { x: 1, y: 2 });
  expect(await put(vote, cursor, appEvent('user:user_1', 'poll.closed'))).toEqual([
    ['AppEvent', { channel: 'room:lobby', name: 'poll.vote', payload: { option: 2 } }],
    ['AppSignal', { channel: 'experience:exp_1', name: 'cursor', payload: { x: 1, y: 2 } }],
    ['AppEvent', { channel: 'user:user_1', name: 'poll.closed' }],
  ]);
});

test('in the outbox, the channel is beside the data', () => {
  const { Item } = outboxItem(vote, { table: 'table', key: 'k1' }).Put;
  expect(Item).toMatchObject({ pk: 'OUTBOX#room:lobby', channel: 'room:lobby', event: 'app.event' });
  expect(JSON.parse(Item.data)).toEqual({ name: 'poll.vote', payload: { option: 2 } });
});

const any = (value: unknown) => value as never;

test.each([
  ['another channel', () => appEvent(any('conversation:c1'), 'poll.closed'), 'invalid_channel'],
  ['no channel', () => appEvent(any('room'), 'poll.closed'), 'bad_request'],
  ['a channel with a wrong id', () => appEvent('room:a:b', 'poll.closed'), 'bad_request'],
  ['an empty name', () => appEvent('room:lobby', any(''), any(1)), 'bad_request'],
  ['a long name', () => appEvent('room:lobby', any('n'.repeat(65)), any(1)), 'too_large'],
  [
    'a large payload',
    () => appEvent('room:lobby', 'cursor', any('x'.repeat(APP_PAYLOAD_BYTES_MAX))),
    'too_large',
  ],
])('%s is refused', (_, make, code) => {
  expect(make).toThrow(expect.objectContaining({ name: 'FunnelcastError', code }));
});

test('a message replies, mentions, and has its key', () => {
  const message = (more: object) => chatMessage('conv-1', { content: 'hello', ...more });
  const { key, data } = message({ replyTo: 4, mentions: ['user_2'], key: 'answer-4' });
  expect(key).toBe('answer-4');
  expect(data).toMatchObject({ content: 'hello', type: 'bot', replyTo: 4, mentions: ['user_2'] });
  for (const key of ['', 'two words']) {
    expect(() => message({ key })).toThrow(expect.objectContaining({ code: 'bad_request', field: 'key' }));
  }
  for (const replyTo of [Number.NaN, -1, 1.5]) {
    expect(() => message({ replyTo })).toThrow('replyTo must be a whole number');
  }
});

test('that somebody is typing', async () => {
  const typing = typingIndicator('conv-1', true, { id: 'bot', name: 'Assistant' });
  const detail = { conversationId: 'conv-1', isTyping: true, userId: 'bot', userName: 'Assistant' };
  expect(await put(typing)).toEqual([['ChatTyping', detail]]);
});
