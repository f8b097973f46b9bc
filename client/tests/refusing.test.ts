/** Requests that could never succeed fail at once, and affect no others. */

import { describe, expect, test } from 'vitest';
import { FunnelcastError, httpApi } from '../src/index.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, joinedScene, listen, pass, type Scene, say, scene, sends } from './fake/setup.js';

const any = (value: unknown) => value as never;

/** The requests that fail at once, with or without a connection, and their invalid field. */
const refused: [string, (it: Scene) => Promise<unknown>, string, string][] = [
  ['40 KB of text', it => say(it, 'x'.repeat(40_000)), 'too_large', 'data'],
  ['newlines that escape to more', it => say(it, '\n'.repeat(16_384)), 'too_large', 'data'],
  ['text of three bytes a character', it => say(it, '語'.repeat(11_000)), 'too_large', 'data'],
  [
    'a large `contains`',
    it => it.client.history(CHANNEL, { contains: 'x'.repeat(33_000) }),
    'too_large',
    'contains',
  ],
  [
    'a large signal',
    it => it.client.send(CHANNEL, 'signal', { name: 'x', payload: 'x'.repeat(33_000) }),
    'too_large',
    'data',
  ],
  [
    'a large channel',
    it => it.client.presence(`conversation:${'x'.repeat(33_000)}`),
    'invalid_channel',
    'channel',
  ],
  ['a BigInt', it => message(it, { content: 'x', metadata: { id: 1n } }), 'bad_request', 'data.metadata'],
  [
    'a cyclic object',
    it => message(it, { content: 'x', metadata: circle() }),
    'bad_request',
    'data.metadata',
  ],
  [
    'a `toJSON` that throws',
    it => message(it, { content: 'x', metadata: { toJSON: () => JSON.parse('{') } }),
    'bad_request',
    'data.metadata',
  ],
  ['a getter that throws', it => message(it, throwing()), 'bad_request', 'data'],
  ['half an emoji', it => say(it, '\ud83c'), 'bad_request', 'data.content'],
  [
    'half an emoji as a name',
    it => message(it, { content: 'x', metadata: { '\ud83c': 1 } }),
    'bad_request',
    'data.metadata',
  ],
  [
    '130 levels',
    it => message(it, { content: 'x', metadata: { deep: nested(130) } }),
    'bad_request',
    'data.metadata.deep',
  ],
  ['no content', it => message(it, {}), 'bad_request', 'data.content'],
  ['content that is a number', it => message(it, { content: 7 }), 'bad_request', 'data.content'],
  ['no data', it => message(it, undefined), 'bad_request', 'data'],
  ['mentions as text', it => message(it, { content: 'x', mentions: 'u' }), 'bad_request', 'data.mentions'],
  ['half a reply', it => message(it, { content: 'x', replyTo: 1.5 }), 'bad_request', 'data.replyTo'],
  ['an edit of nothing', it => change(it, 'chat.edit', { content: 'x' }), 'bad_request', 'data.target'],
  ['half a reaction', it => change(it, 'chat.reaction', { target: 1, emoji: 'x' }), 'bad_request', 'data.on'],
  ['an unknown event', it => it.client.send(CHANNEL, any('toString'), any({})), 'bad_request', 'event'],
  [
    '`isTyping` that is text',
    it => it.client.send(CHANNEL, 'chat.typing', any({ isTyping: 'yes' })),
    'bad_request',
    'data.isTyping',
  ],
  ['a receipt for NaN', it => it.client.ack(CHANNEL, NaN, 'read'), 'bad_request', 'seq'],
  ['a receipt for half', it => it.client.ack(CHANNEL, 1.5, 'read'), 'bad_request', 'seq'],
  ['a receipt with an invalid state', it => it.client.ack(CHANNEL, 1, any(7)), 'bad_request', 'state'],
  ['`before` that is text', it => it.client.history(CHANNEL, { before: any('7') }), 'bad_request', 'before'],
  [
    '`contains` with half an emoji',
    it => it.client.history(CHANNEL, { contains: '\udc00' }),
    'bad_request',
    'contains',
  ],
  ['no channel', it => it.client.receipts(any(undefined)), 'bad_request', 'channel'],
  ['a channel without an id', it => it.client.receipts('conversation:'), 'invalid_channel', 'channel'],
  ['a key that is a number', it => say(it, 'x', { key: any(7) }), 'bad_request', 'key'],
  [
    '`since` that is text',
    it => it.client.subscribe(CHANNEL, () => {}, { since: any('7') }).joined,
    'bad_request',
    'since',
  ],
  [
    'a handler that is not a function',
    it => it.client.subscribe(CHANNEL, any('x')).joined,
    'bad_request',
    'handler',
  ],
  [
    'a subscription without a channel',
    it => it.client.subscribe(any(undefined), () => {}).joined,
    'bad_request',
    'channel',
  ],
];

const change = (it: Scene, event: string, data: unknown) => it.client.send(CHANNEL, any(event), any(data));
const message = (it: Scene, data: unknown) => change(it, 'chat.message', data);

function circle() {
  const it: Record<string, unknown> = {};
  it['self'] = it;
  return it;
}

function throwing() {
  return Object.defineProperty({}, 'content', { enumerable: true, get: () => JSON.parse('{') });
}

function nested(levels: number): object {
  return levels === 0 ? {} : { a: nested(levels - 1) };
}

describe.each(['connected', 'not connected'])('a request that fails at once, %s', state => {
  test.each(refused)('%s', async (_, attempt, code, field) => {
    const it = scene();
    if (state === 'connected') it.client.connect();
    await pass(100);
    const error = await attempt(it).catch(thrown => thrown);
    expect(error).toBeInstanceOf(FunnelcastError);
    expect(error).toMatchObject({ code, field, message: expect.stringContaining(field) });
    // The next message is sent.
    it.client.connect();
    const next = say(it, 'next');
    await pass(100);
    await expect(next).resolves.toMatchObject({ seq: 1 });
    expect(it.server.sockets).toHaveLength(1);
  });
});

test('the largest valid message fits into a frame, however high its request id', async () => {
  const it = await joinedScene();
  const fits = async (length: number) => {
    const sent = say(it, 'é'.repeat(8_000), { key: 'k'.repeat(64) });
    void sent.catch(() => {});
    return it.client
      .send(CHANNEL, 'signal', { name: 'x', payload: 'x'.repeat(length) })
      .then(() => true)
      .catch(({ code }) => code !== 'too_large');
  };
  const outcome = [32_500, 32_600, 32_700].map(fits);
  await pass(1_000);
  expect(await Promise.all(outcome)).toEqual([true, true, false]);
  expect(it.server.sockets).toHaveLength(1);
});

describe('a frame that is too large for the server', () => {
  test('fails the unfinished requests, and the next message is sent', async () => {
    const it = await joinedScene();
    await pass(12_000);
    it.server.intercept = (frame, socket) => {
      if (frame['key'] === 'large') socket?.cut(1009);
      return undefined;
    };
    const outcome = Promise.allSettled([say(it, 'large', { key: 'large' }), say(it, 'next')]);
    await pass(30_000);
    expect(await outcome).toMatchObject([
      { reason: { code: 'too_large' } },
      { value: { seq: expect.any(Number) } },
    ]);
    expect(sends(it).filter(({ key }) => key === 'large')).toHaveLength(1);
    expect(it.server.sockets).toHaveLength(2);
  });

  test('is given up if it is a join, and the other channels are joined', async () => {
    const it = scene();
    const refusals: string[] = [];
    it.server.intercept = ({ action, channel }, socket) => {
      if (action === 'join' && channel === 'user:large') socket?.cut(1009);
      return undefined;
    };
    it.client.subscribe('user:large', () => {}, { onError: ({ code }) => refusals.push(code) });
    listen(it);
    const others = ['company:biz_1', 'system'] as const;
    for (const channel of others) it.client.subscribe(channel, () => {});
    it.client.connect();
    await pass(60_000);
    expect(refusals).toEqual(['too_large']);
    expect(it.server.sockets.length).toBeLessThanOrEqual(4);
    expect([...it.server.socket.channels].sort()).toEqual(['company:biz_1', CHANNEL, 'system']);
    it.server.say(CHANNEL, 'hello');
    await pass(100);
    expect(it.heard).toEqual(['hello']);
  });
});

test('a message to a channel whose join is too large fails', async () => {
  const it = scene();
  it.server.intercept = ({ action }, socket) => {
    if (action === 'join') socket?.cut(1009);
    return undefined;
  };
  it.client.connect();
  await pass(100);
  const outcome = Promise.allSettled([say(it, 'hello'), it.client.history(CHANNEL)]);
  await pass(60_000);
  expect(await outcome).toMatchObject([{ reason: { code: 'too_large' } }, { reason: { code: 'too_large' } }]);
  expect(it.server.sockets.length).toBeLessThanOrEqual(4);
});

test.each([
  ['a number', () => any(7), 'bad_request'],
  ['33 KB', () => 'x'.repeat(33_000), 'too_large'],
  ['half an emoji', () => '\ud83c', 'bad_request'],
])('a grant that is %s refuses its channel, and no other', async (_, grant, code) => {
  const it = await joinedScene();
  const { joined } = it.client.subscribe('user:user_9', () => {}, { grant });
  const outcome = joined.catch(error => error);
  await pass(100);
  expect(await outcome).toMatchObject({ code, field: 'grant' });
  it.server.say(CHANNEL, 'hello');
  await pass(100);
  expect(it.heard).toEqual(['hello']);
  expect(it.server.sockets).toHaveLength(1);
});

test('a grant that never arrives is requested again', async () => {
  const it = await joinedScene();
  let asked = 0;
  const grant = () => (++asked === 1 ? new Promise<string>(() => {}) : 'a grant');
  const { joined } = it.client.subscribe('user:user_9', () => {}, { grant });
  await pass(12_000);
  await expect(joined).resolves.toMatchObject({ head: 0 });
});

test('a request that could never succeed fails at once by HTTP, too', async () => {
  const it = scene({ http: httpApi('https://api.test') });
  it.server.door = 'closed';
  it.client.connect();
  await pass(10_000);
  expect(it.client.state).toBe('polling');
  await expect(say(it, '\ud83c')).rejects.toMatchObject({ code: 'bad_request', field: 'data.content' });
  it.server.intercept = ({ action }) => {
    if (action === 'send') throw new Refusal('forbidden');
    return undefined;
  };
  const outcome = Promise.allSettled([say(it, 'hello')]);
  await pass(1_000);
  expect((await outcome)[0]).toMatchObject({ reason: { code: 'forbidden' } });
});
