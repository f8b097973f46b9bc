/** Requests with what happens in conversations: whose they must be, and what an app makes of them. */

import { afterEach, expect, test, vi } from 'vitest';
import { type ChatEventHandlers, onMessage } from '../../src/server/index.js';
import { chatEvents } from '../samples.js';

const options = { key: 'open sesame' };

const request = (body: unknown, headers: Record<string, string> = { 'funnelcast-key': 'open sesame' }) =>
  new Request('https://app.example/api/chat-events', {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const eventOf = (type: string, detail: unknown) => ({
  source: 'funnelcast.chat',
  'detail-type': type,
  detail,
});
const reason = async (response: Response) => [response.status, (await response.json()).error.message];

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const heard: unknown[] = [];
const handlers: ChatEventHandlers = {
  MessageCreated: ({ event }) => heard.push(['created', event.data.content]),
  MessageEdited: ({ event }) => heard.push(['edited', event.data.target, event.data.content]),
  MessageDeleted: ({ event }) => heard.push(['deleted', event.data.target]),
  ReactionChanged: ({ event }) => heard.push(['reaction', event.data.emoji, event.data.on]),
  MessageUnanswered: ({ recipients, event }) => heard.push(['unanswered', recipients, event.seq]),
};

test('each event reaches the handler of its type', async () => {
  for (const [type, detail] of Object.entries(chatEvents)) {
    expect((await onMessage(request(eventOf(type, detail)), handlers, options)).status).toBe(204);
  }
  expect(heard).toHaveLength(Object.keys(chatEvents).length);
  expect(heard).toEqual(
    expect.arrayContaining([
      ['created', 'Hello, Bob!'],
      ['edited', 42, 'Hello, Bob!'],
      ['deleted', 42],
      ['reaction', '👍', true],
      ['unanswered', ['user_2'], 42],
    ]),
  );
});

test('a function hears of messages alone, and what is new one day is no error', async () => {
  const hear = vi.fn();
  for (const type of ['MessageCreated', 'MessageEdited', 'MessagePinned', 'constructor']) {
    const detail = chatEvents.MessageCreated;
    expect((await onMessage(request(eventOf(type, detail)), hear, options)).status).toBe(204);
  }
  expect(hear.mock.calls).toEqual([[chatEvents.MessageCreated]]);
});

test('without the key nothing is heard', async () => {
  const hear = vi.fn();
  const event = eventOf('MessageCreated', chatEvents.MessageCreated);
  const wrong = [401, 'funnelcast-key is missing, or is not the key in CHAT_EVENTS_KEY'];
  for (const headers of [{}, { 'funnelcast-key': '' }, { 'funnelcast-key': 'open sesam' }]) {
    expect(await reason(await onMessage(request(event, headers), hear, options))).toEqual(wrong);
  }
  const logged = vi.spyOn(console, 'error').mockReturnValue();
  vi.stubEnv('CHAT_EVENTS_KEY', '');
  expect((await onMessage(request(event, { 'funnelcast-key': '' }), hear)).status).toBe(500);
  expect(String(logged.mock.calls[0]?.[1])).toContain('CHAT_EVENTS_KEY is not set');
  expect((await onMessage(request(event, { 'funnelcast-key': '' }), hear, { key: '' })).status).toBe(500);
  expect(hear).not.toHaveBeenCalled();
  vi.stubEnv('CHAT_EVENTS_KEY', 'from the environment');
  expect((await onMessage(request(event, { 'funnelcast-key': 'from the environment' }), hear)).status).toBe(
    204,
  );
  expect(hear).toHaveBeenCalledOnce();
});

test.each([
  'no JSON',
  {},
  null,
  eventOf('MessageCreated', null),
  { ...eventOf('MessageCreated', {}), source: 'x' },
])('what is no event is refused for good: %j', async body => {
  const hear = vi.fn();
  const refused = [400, 'the body is no event of the source funnelcast.chat'];
  expect(await reason(await onMessage(request(body), hear, options))).toEqual(refused);
  expect(hear).not.toHaveBeenCalled();
});

const failing = () => Promise.reject(new Error('the database is down'));

test('an event that an app does not manage comes again', async () => {
  const logged = vi.spyOn(console, 'error').mockReturnValue();
  const event = eventOf('MessageCreated', chatEvents.MessageCreated);
  expect(await reason(await onMessage(request(event), failing, options))).toEqual([
    500,
    'the event was not handled',
  ]);
  expect(String(logged.mock.calls[0]?.[1])).toContain('the database is down');
});
