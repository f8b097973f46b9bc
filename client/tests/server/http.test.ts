/** The publisher by HTTP, over real connections to a server that fails on demand. */

import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  chatMessage,
  createTokenIssuer,
  PublishError,
  RealTimeUpdates,
  systemNotification,
} from '../../src/server/index.js';
import { PublishServer } from './publish-server.js';

const issuer = createTokenIssuer({ key: 'a secret of at least thirty-two bytes' });
let server: PublishServer;
let updates: RealTimeUpdates;

beforeEach(async () => {
  server = await PublishServer.start();
  updates = new RealTimeUpdates({ http: `${server.url}/`, issuer, random: () => 0 });
});

afterEach(() => server.stop());

const contents = (count: number) => Array.from({ length: count }, (_, i) => `message ${i}`);
const message = (content: string, conversation = 'conv-1') => chatMessage(conversation, { content });
const sent = (request: number) => server.requests[request]?.map(({ detail }) => detail['content']);
const internal = { code: 'internal', message: 'try again' };

describe('a call', () => {
  test('resolves with what the stack answered', async () => {
    const first = await updates.sendBotMessage('conv-1', 'Hi!', { metadata: { step: 'offer' } });
    expect(first).toEqual({ seq: 1, at: expect.any(String), key: expect.any(String), duplicate: false });
    expect(server.requests).toMatchObject([
      [
        {
          type: 'ChatMessage',
          detail: { content: 'Hi!', type: 'bot' },
          key: first?.key,
          time: expect.any(String),
        },
      ],
    ]);
  });

  test('may send a message of files alone, and none without text and files', async () => {
    await updates.sendBotMessage('conv-1', '', { attachments: ['file_1'] });
    expect(server.requests).toMatchObject([[{ detail: { content: '', attachments: ['file_1'] } }]]);
    expect(() => chatMessage('conv-1', { attachments: [] })).toThrow('content');
  });

  test('is authorized by a token that can only publish, and that is used again', async () => {
    await updates.sendBotMessage('conv-1', 'a');
    await updates.sendBotMessage('conv-1', 'b');
    expect(new Set(server.tokens).size).toBe(1);
    const claims = decodeJwt(String(server.tokens[0]).replace('Bearer ', ''));
    expect(claims).toMatchObject({ iss: 'my-app', aud: 'funnelcast', sub: 'backend', scope: 'publish' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 9 * 60_000 });
    await updates.sendBotMessage('conv-1', 'c');
    vi.useRealTimers();
    expect(new Set(server.tokens).size).toBe(2);
  });

  test('sets participants and removes users in the order of the channel', async () => {
    const user = { companyId: 'biz_1' };
    void updates.sendConversation(user, 'conv-1', ['user_1', 'user_2']);
    void updates.sendBotMessage('conv-1', 'Hi!');
    await updates.kick('conversation:conv-1', 'user_2', 'refunded');
    expect(server.requests.flat().map(({ type }) => type)).toEqual(['Conversation', 'ChatMessage', 'Kick']);
  });

  test('of nothing makes no request', async () => {
    await expect(updates.send()).resolves.toEqual([]);
    expect(server.requests).toEqual([]);
  });
});

describe('order', () => {
  test('of calls that are awaited', async () => {
    for (const content of contents(12)) await updates.sendBotMessage('conv-1', content);
    expect(server.log('conv-1')).toEqual(contents(12));
  });

  test('of calls that overlap, even if the first one takes longest and is retried', async () => {
    server.delay = request => (request === 0 ? 50 : 0);
    server.fault = request => (request === 0 ? 'cut after' : undefined);
    await Promise.all(contents(12).map(content => updates.sendBotMessage('conv-1', content)));
    expect(server.log('conv-1')).toEqual(contents(12));
  });

  test('of calls that overlap does not make other channels wait', async () => {
    server.delay = request => (request === 0 ? 500 : 0);
    const slow = updates.sendBotMessage('conv-1', 'slow');
    await updates.sendBotMessage('conv-2', 'fast');
    expect(server.log('conv-1')).toBeUndefined();
    await slow;
  });

  test('of a call after one that has failed', async () => {
    server.refuse = ({ detail }) => (detail['content'] === 'message 0' ? internal : undefined);
    const first = updates.sendBotMessage('conv-1', 'message 0');
    const second = updates.sendBotMessage('conv-1', 'message 1');
    await expect(first).rejects.toBeInstanceOf(PublishError);
    await expect(second).resolves.toMatchObject({ seq: 1 });
  });

  test('of many events of one call, which are sent 100 in a request', async () => {
    const results = await updates.send(...contents(230).map(content => message(content)));
    expect(server.requests.map(({ length }) => length)).toEqual([100, 100, 30]);
    expect(server.log('conv-1')).toEqual(contents(230));
    expect(results.map(({ seq }) => seq)).toEqual(contents(230).map((_, i) => i + 1));
  });

  test('of large events, which are sent fewer in a request', async () => {
    // Each of these bytes takes six in JSON: 96 KB.
    const large = contents(25).map(content => message(content.padEnd(16_000, '\u0001')));
    await updates.send(...large);
    expect(server.requests.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(server.log('conv-1')?.map(text => text.slice(0, 10).trim())).toHaveLength(25);
  });
});

describe('exactly once', () => {
  test.each(['cut before', 'cut after', 'cut within'] as const)(
    'with a connection that is %s the answer',
    async fault => {
      server.fault = request => (request < 2 ? fault : undefined);
      const results = await updates.send(...contents(12).map(content => message(content)));
      expect(server.requests).toHaveLength(3);
      expect(server.log('conv-1')).toEqual(contents(12));
      expect(results.every(({ duplicate }) => duplicate)).toBe(fault !== 'cut before');
    },
  );

  test('with a retry that has the same key and time', async () => {
    server.fault = request => (request === 0 ? 'cut after' : undefined);
    await updates.sendSystemNotification({ level: 'info', title: 't', message: 'm' });
    expect(server.requests[1]).toEqual(server.requests[0]);
  });

  test('with a status that is temporary', async () => {
    const fails = (statuses: number[]) => {
      const before = server.requests.length;
      server.fault = request => {
        const status = statuses[request - before];
        return status === undefined ? undefined : { status };
      };
    };
    fails([429, 500, 502, 503]);
    await updates.sendBotMessage('conv-1', 'Hi!');
    fails([408, 425]);
    await updates.sendBotMessage('conv-1', 'Hello!');
    expect(server.requests).toHaveLength(5 + 3);
    expect(server.log('conv-1')).toEqual(['Hi!', 'Hello!']);
  });

  test('after the time that the server asks for', async () => {
    server.fault = request => (request === 0 ? { status: 429, retryAfter: '1' } : undefined);
    const start = Date.now();
    await updates.sendBotMessage('conv-1', 'Hi!');
    expect(Date.now() - start).toBeGreaterThanOrEqual(990);
  });

  test('with events that fail for a time: they are retried, and nothing overtakes them', async () => {
    let failures = 0;
    server.refuse = ({ detail }) =>
      detail['content'] === 'message 1' && failures++ < 3 ? internal : undefined;
    const other = message('other', 'conv-2');
    const results = await updates.send(
      message('message 0'),
      message('message 1'),
      other,
      message('message 2'),
    );
    expect(sent(0)).toEqual(['message 0', 'message 1', 'other', 'message 2']);
    expect(sent(1)).toEqual(['message 1', 'message 2']);
    expect(server.requests).toHaveLength(4);
    expect(server.log('conv-1')).toEqual(contents(3));
    expect(results.map(({ seq }) => seq)).toEqual([1, 2, 1, 3]);
  });
});

describe('variables', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('choose HTTP', async () => {
    vi.stubEnv('FUNNELCAST_HTTP', server.url);
    vi.stubEnv('TOKEN_KEY', 'a secret of at least thirty-two bytes');
    vi.stubEnv('TOKEN_ISSUER', 'shop');
    vi.stubEnv('FUNNELCAST_BUS', 'funnelcast-dev');
    await new RealTimeUpdates().send(systemNotification({ level: 'info', title: 't', message: 'm' }));
    expect(decodeJwt(String(server.tokens[0]).replace('Bearer ', ''))).toMatchObject({ iss: 'shop' });
  });

  test('choose nothing without a key', async () => {
    vi.stubEnv('FUNNELCAST_HTTP', server.url);
    const call = new RealTimeUpdates().sendBotMessage('conv-1', 'Hi!');
    await expect(call).rejects.toThrow('set FUNNELCAST_HTTP and TOKEN_KEY, or FUNNELCAST_BUS');
  });
});
