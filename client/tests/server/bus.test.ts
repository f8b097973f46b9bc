/** The publisher, with the real SDK over real HTTP, against an EventBridge that refuses entries on demand. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { chatMessage, PublishError, RealTimeUpdates, systemNotification } from '../../src/server/index.js';

interface PutEntry {
  EventBusName: string;
  Source: string;
  DetailType: string;
  Detail: string;
}

const user = { id: 'user_1', companyId: 'biz_1', email: 'ann@example.com' };
let server: Server;
let calls: PutEntry[][];
/** Returns the error code of an entry, by its position among all entries. */
let refuse: (entry: PutEntry) => string | undefined;
let updates: RealTimeUpdates;

beforeEach(async () => {
  calls = [];
  refuse = () => undefined;
  server = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => {
      body += chunk;
    });
    request.on('end', () => {
      expect(request.headers['x-amz-target']).toBe('AWSEvents.PutEvents');
      const { Entries } = JSON.parse(body) as { Entries: PutEntry[] };
      calls.push(Entries);
      const answers = Entries.map(entry => {
        const code = refuse(entry);
        return code ? { ErrorCode: code, ErrorMessage: 'no' } : { EventId: 'e' };
      });
      const failed = answers.filter(answer => 'ErrorCode' in answer).length;
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      response.end(JSON.stringify({ FailedEntryCount: failed, Entries: answers }));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new EventBridgeClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  });
  updates = new RealTimeUpdates({ client, bus: 'funnelcast-dev', random: () => 0 });
});

afterEach(() => new Promise(resolve => server.close(resolve)));

const notification = (title: string, message = 'm') => systemNotification({ level: 'info', title, message });
const titles = (entries: PutEntry[] | undefined) => entries?.map(({ Detail }) => JSON.parse(Detail).title);

test('a generation update is sent with the arguments of the earlier API', async () => {
  await updates.sendFunnelGenerationUpdate(
    user,
    'funnel_1',
    'Spring',
    'generation_started',
    0,
    'Starting...',
  );
  expect(calls).toHaveLength(1);
  const [entry] = calls[0] ?? [];
  expect(entry).toMatchObject({
    EventBusName: 'funnelcast-dev',
    Source: 'funnelcast.app',
    DetailType: 'FunnelUpdate',
  });
  expect(JSON.parse(entry?.Detail ?? '')).toEqual({
    type: 'generation_started',
    funnelId: 'funnel_1',
    funnelName: 'Spring',
    progress: 0,
    message: 'Starting...',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    userId: 'user_1',
    companyId: 'biz_1',
  });
});

test('every update has its name and its fields', async () => {
  const resource = { id: 'r1', type: 'product', name: 'Course' };
  await updates.sendFunnelDeploymentUpdate(user, 'funnel_1', 'Spring', true);
  await updates.sendFunnelDeploymentUpdate(user, 'funnel_1', 'Spring', false, 'By the merchant');
  await updates.sendResourceUpdate(user, resource, 'sync_progress', { progress: 50 });
  await updates.sendAnalyticsUpdate(user, { metric: 'visits', value: 9, previous: 8, period: '24h' });
  await updates.sendSystemNotification({ level: 'warning', title: 'Tonight', message: 'A pause' });
  await updates.sendUserNotification(user, {
    level: 'success',
    title: 'Done',
    message: 'Live',
    url: 'https://a.b',
  });
  await updates.sendBotMessage('conv-1', 'Hi!', { metadata: { step: 'offer' } });
  await updates.sendConversationMessage('conv-1', { content: 'Closed', type: 'system' });
  await updates.sendConversation(user, 'conv-1', ['user_1', 'user_2']);
  await updates.kick('conversation:conv-1', 'user_2', 'refunded');
  expect(calls.flat().map(({ DetailType, Detail }) => [DetailType, JSON.parse(Detail)])).toMatchObject([
    ['FunnelUpdate', { type: 'deployed', funnelId: 'funnel_1' }],
    ['FunnelUpdate', { type: 'undeployed', message: 'By the merchant' }],
    ['ResourceUpdate', { type: 'sync_progress', resourceId: 'r1', resourceType: 'product', progress: 50 }],
    ['AnalyticsUpdate', { metric: 'visits', value: 9, previous: 8, period: '24h', companyId: 'biz_1' }],
    ['SystemNotification', { level: 'warning', title: 'Tonight' }],
    ['UserNotification', { userId: 'user_1', url: 'https://a.b' }],
    ['ChatMessage', { conversationId: 'conv-1', type: 'bot', content: 'Hi!', metadata: { step: 'offer' } }],
    ['ChatMessage', { type: 'system', content: 'Closed' }],
    ['Conversation', { conversationId: 'conv-1', companyId: 'biz_1', participants: ['user_1', 'user_2'] }],
    ['Kick', { channel: 'conversation:conv-1', userId: 'user_2', reason: 'refunded' }],
  ]);
});

test('updates within one millisecond, or across a clock that is set back, have an order', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
  await updates.sendConversation(user, 'conv-1', ['user_1']);
  await updates.sendConversation(user, 'conv-1', ['user_1', 'user_2']);
  vi.setSystemTime(Date.now() - 30_000);
  await updates.sendConversation(user, 'conv-1', []);
  await updates.sendFunnelDeploymentUpdate(user, 'funnel_1', 'Spring', true);
  vi.useRealTimers();
  const timestamps = calls.flat().map(({ Detail }) => JSON.parse(Detail).timestamp);
  expect(timestamps).toHaveLength(4);
  expect(timestamps).toEqual([...new Set(timestamps)].sort());
});

test('a conversation has its participants, revision and keepLog', async () => {
  await updates.sendConversation(user, 'conv-1', ['user_1'], { revision: 7, keepLog: true });
  expect(JSON.parse(calls.flat()[0]?.Detail ?? '')).toEqual({
    conversationId: 'conv-1',
    companyId: 'biz_1',
    participants: ['user_1'],
    timestamp: expect.stringMatching(/Z$/),
    revision: 7,
    keepLog: true,
  });
  await expect(updates.sendConversation(user, 'conv-1', [], { revision: 1.5 })).rejects.toThrow('revision');
});

describe('many events', () => {
  test('are put ten per call, in order', async () => {
    await updates.send(...Array.from({ length: 23 }, (_, i) => notification(`${i}`)));
    expect(calls.map(({ length }) => length)).toEqual([10, 10, 3]);
    expect(titles(calls.flat())).toEqual(Array.from({ length: 23 }, (_, i) => `${i}`));
  });

  test('are put fewer per call if they are large', async () => {
    // Each of these bytes takes six in JSON, so that three messages do not fit into one call.
    const large = chatMessage('c1', { content: '\u0001'.repeat(16_000) });
    await updates.send(large, large, large, large, large);
    expect(calls.map(({ length }) => length)).toEqual([2, 2, 1]);
  });

  test('are put again if they were not accepted, and only those', async () => {
    let refusals = 0;
    refuse = ({ Detail }) =>
      JSON.parse(Detail).title === '1' && ++refusals < 3 ? 'ThrottlingException' : undefined;
    await updates.send(notification('0'), notification('1'), notification('2'));
    expect(calls.map(titles)).toEqual([['0', '1', '2'], ['1'], ['1']]);
  });

  test('are reported if they are never accepted, while the others are', async () => {
    refuse = ({ Detail }) => (JSON.parse(Detail).title === '1' ? 'InternalFailure' : undefined);
    const error = await updates.send(notification('0'), notification('1')).catch(thrown => thrown);
    expect(error).toBeInstanceOf(PublishError);
    expect(error.failed).toMatchObject([{ code: 'InternalFailure', event: { detail: { title: '1' } } }]);
    expect(calls.map(titles)).toEqual([['0', '1'], ['1'], ['1'], ['1'], ['1']]);
  });

  test('are not put again after a permanent error', async () => {
    refuse = () => 'NotAuthorizedForSourceException';
    await expect(updates.send(notification('0'))).rejects.toThrow('NotAuthorizedForSourceException');
    expect(calls).toHaveLength(1);
  });
});

describe('invalid arguments fail before anything is sent', () => {
  test.each([
    ['an invalid id', () => updates.sendFunnelDeploymentUpdate(user, 'a b', 'n', true), 'bad_request'],
    [
      'an invalid progress',
      () => updates.sendFunnelGenerationUpdate(user, 'f', 'n', 'generation_progress', 101),
      'bad_request',
    ],
    ['an empty name', () => updates.sendFunnelDeploymentUpdate(user, 'f', '', true), 'bad_request'],
    ['a long name', () => updates.sendFunnelDeploymentUpdate(user, 'f', 'ü'.repeat(129), true), 'too_large'],
    [
      'metadata that is too large',
      () => updates.sendBotMessage('c', 'x', { metadata: { a: 'x'.repeat(4_096) } }),
      'too_large',
    ],
    ['content that is too large', () => updates.sendBotMessage('c', 'x'.repeat(16_385)), 'too_large'],
    ['an invalid participant', () => updates.sendConversation(user, 'c', ['a:b']), 'bad_request'],
  ])('%s', async (_, send, code) => {
    await expect(send()).rejects.toMatchObject({ code });
    expect(calls).toHaveLength(0);
  });

  test('without the name of a bus', async () => {
    const error = new RealTimeUpdates({}).sendSystemNotification({ level: 'info', title: 't', message: 'm' });
    await expect(error).rejects.toThrow('FUNNELCAST_BUS');
  });
});
