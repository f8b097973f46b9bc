/** By which key and time the publisher by HTTP has the stack recognise an event that was published already. */

import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  chatMessage,
  createTokenIssuer,
  type PublishError,
  RealTimeUpdates,
} from '../../src/server/index.js';
import type { DetailType } from '../../src/wire.js';
import { PublishServer } from './publish-server.js';

const issuer = createTokenIssuer({ key: 'a secret of at least thirty-two bytes' });
let server: PublishServer;
let updates: RealTimeUpdates;

beforeEach(async () => {
  server = await PublishServer.start();
  updates = new RealTimeUpdates({ http: server.url, issuer, random: () => 0 });
});

afterEach(() => server.stop());

const contents = (count: number) => Array.from({ length: count }, (_, i) => `message ${i}`);
const message = (content: string) => chatMessage('conv-1', { content });

test('without a key, an event has the time of the call, whatever its timestamp is', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  const ahead = message('ahead');
  vi.useRealTimers();
  const start = Date.now();
  await updates.send(ahead, {
    ...message('old'),
    data: { ...ahead.data, timestamp: '2020-01-01T00:00:00Z' },
  });
  for (const { time = '' } of server.requests[0] ?? []) {
    expect(Date.parse(time)).toBeGreaterThanOrEqual(start);
    expect(Date.parse(time)).toBeLessThanOrEqual(Date.now());
  }
});

test('an event with a key of the app is published once', async () => {
  const update = { ...message('Welcome'), key: 'webhook-17' };
  await updates.send(update);
  await expect(updates.send(update)).resolves.toMatchObject([{ key: 'webhook-17', duplicate: true }]);
  expect(server.log('conv-1')).toEqual(['Welcome']);
});

test('an event with a key of the app is published once, however much later, among 100 events', async () => {
  const answer = () => updates.sendBotMessage('conv-1', 'Welcome', { key: 'answer-17' });
  await answer();
  await updates.send(...contents(99).map(content => message(content)));
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  const again = await answer();
  vi.useRealTimers();
  expect(again).toMatchObject({ seq: 1, duplicate: true });
  expect(server.log('conv-1')).toEqual(['Welcome', ...contents(99)]);
});

test('a key and a time of the app are sent as they are', async () => {
  const time = '2026-11-23T10:00:00.000Z';
  const detail = { conversationId: 'conv-1', type: 'bot', content: 'Hi!' };
  await updates.send({ type: 'ChatMessage', detail, key: 'webhook-17', time });
  expect(server.requests).toEqual([[{ type: 'ChatMessage', detail, key: 'webhook-17', time }]]);
});

test('a kick with a key of the app has a time, so that no repeat ends what was joined since', async () => {
  const detail = { userId: 'user_1', channel: 'conversation:c1' } as const;
  server.fault = request => (request < 1 ? { status: 503 } : undefined);
  await updates.send({ type: 'Kick', detail, key: 'webhook-17' });
  const [first, second] = server.requests.map(([event]) => event?.time);
  expect(first).toMatch(/^\d{4}-.*Z$/);
  expect(second).toBe(first);
});

test('with a key of the app there is no time, but a timestamp where the detail may have one', async () => {
  const of = new URL('../../../docs/schemas/bus/', import.meta.url);
  for (const file of await readdir(of)) {
    const { properties } = JSON.parse(await readFile(new URL(file, of), 'utf8'));
    const [type] = file.split('.') as [DetailType];
    if (type === 'Kick') continue;
    await updates.send({ type, detail: { name: 'n' }, key: 'webhook-17' });
    const [sent] = server.requests.at(-1) ?? [];
    expect(Object.keys(sent ?? {})).toEqual(['type', 'detail', 'key']);
    expect([type, 'timestamp' in (sent?.detail ?? {})]).toEqual([type, 'timestamp' in properties]);
  }
});

test('an event with a key of the app that has failed is sent again as it was', async () => {
  server.fault = request => (request < 5 ? 'cut before' : undefined);
  const detail = { conversationId: 'conv-1', type: 'bot', content: 'Hi!' };
  const call = updates.send({ type: 'ChatMessage', detail, key: 'webhook-17' });
  const error: PublishError = await call.catch(thrown => thrown);
  await updates.send(...error.failed.map(({ event }) => event));
  expect(server.requests[5]).toEqual(server.requests[0]);
});
