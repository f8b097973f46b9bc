import { describe, expect, test } from 'vitest';
import { Conversation } from '../src/conversation/conversation.js';
import { type Mute, moderation, watchMute } from '../src/index.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, joinedScene, pass } from './fake/setup.js';

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

async function watched(mute?: Mute) {
  const it = await joinedScene();
  const { server } = it;
  const serve = server.serve.bind(server);
  const joins = { mute };
  server.serve = (frame, socket) => {
    const reply = serve(frame, socket);
    return frame.action === 'join' && joins.mute ? { ...reply, mute: joins.mute } : reply;
  };
  it.server.socket.cut();
  await pass(1_000);
  const told: (Mute | null)[] = [];
  const stop = watchMute(it.client, CHANNEL, mute => told.push(mute));
  await pass(100);
  const tell = (mute: Mute | undefined, at = inMs(0)) => {
    const data = { userId: 'user_1', ...(mute && { mute }) };
    it.server.post({ type: 'event', channel: CHANNEL, event: 'access.muted', at, data });
  };
  return { ...it, joins, told, stop, tell };
}

describe('the user is muted', () => {
  test('while they are in the conversation, until that is lifted', async () => {
    const { told, tell } = await watched();
    tell({ reason: 'spam' });
    await pass(100);
    tell(undefined);
    await pass(100);
    expect(told).toEqual([{ reason: 'spam' }, null]);
  });

  test('before they join, also for a listener who comes later', async () => {
    const { client, told } = await watched({ reason: 'spam' });
    expect(told).toEqual([{ reason: 'spam' }]);
    const later: (Mute | null)[] = [];
    watchMute(client, CHANNEL, mute => later.push(mute));
    await pass(100);
    expect(later).toEqual([{ reason: 'spam' }]);
  });

  test('and no longer when they join again', async () => {
    const { server, joins, told } = await watched({ reason: 'spam' });
    joins.mute = undefined;
    await pass(12_000); // the connection lasts, so the next one opens at once
    server.socket.cut();
    await pass(1_000);
    expect(told).toEqual([{ reason: 'spam' }, null]);
  });

  test('until a time', async () => {
    const { told, tell } = await watched();
    const until = inMs(60_000);
    tell({ until });
    await pass(59_000);
    expect(told).toEqual([{ until }]);
    await pass(2_000);
    expect(told).toEqual([{ until }, null]);
    tell({ until: inMs(-1) });
    await pass(100);
    expect(told).toEqual([{ until }, null]);
  });

  test.each([-3_600_000, 3_600_000])(
    'until a time by the server alone: its clock differs by %i ms',
    async ms => {
      const { client, told, tell, joins, server } = await watched();
      const until = inMs(60_000 + ms);
      tell({ until }, inMs(ms));
      await pass(30_000);
      const later: (Mute | null)[] = [];
      watchMute(client, CHANNEL, mute => later.push(mute));
      await pass(29_000);
      expect([told, later]).toEqual([[{ until }], [{ until }]]);
      await pass(2_000);
      expect([told, later]).toEqual([
        [{ until }, null],
        [{ until }, null],
      ]);
      const never: (Mute | null)[] = [];
      watchMute(client, CHANNEL, mute => never.push(mute));
      await pass(100);
      expect(never).toEqual([]);
      expect([joins.mute, server.sockets.length > 0]).toEqual([undefined, true]);
    },
  );

  test('for longer than a timer of a browser can wait', async () => {
    const { told, tell } = await watched();
    tell({ until: inMs(40 * 24 * 3_600_000) });
    await pass(2_000);
    expect(told).toHaveLength(1);
  });

  test('and what is told late does not count', async () => {
    const { told, tell } = await watched();
    tell(undefined, inMs(1_000));
    tell({ reason: 'late' }, inMs(500));
    await pass(100);
    expect(told).toEqual([]);
  });
});

test('a muted user sees why they may not send, and what they send fails with until when', async () => {
  const { server, client } = await joinedScene();
  const conversation = new Conversation(client, 'c1', 10);
  const stop = conversation.start();
  await pass(100);
  expect(conversation.store.get().mute).toBeNull();
  const until = inMs(60_000);
  const data = { userId: 'user_1', mute: { until, reason: 'spam' } };
  server.post({ type: 'event', channel: CHANNEL, event: 'access.muted', at: inMs(0), data });
  await pass(100);
  expect(conversation.store.get().mute).toEqual({ until, reason: 'spam' });
  server.intercept = ({ action }) => {
    if (action === 'send') throw new Refusal('muted', { until, reason: 'spam' });
    return undefined;
  };
  const sending = conversation.send('buy my watches');
  await pass(100);
  await sending;
  const [message] = conversation.store.get().messages;
  expect(message).toMatchObject({ status: 'failed', error: { code: 'muted', reason: 'spam', until } });
  stop();
});

describe('the team', () => {
  function api(status: number, body: object) {
    const calls: [string, RequestInit][] = [];
    const fetch = async (url: string, init?: RequestInit) => {
      calls.push([url, init ?? {}]);
      return new Response(JSON.stringify(body), { status });
    };
    return { calls, ...moderation('https://api.example/', { token: 'a-token', environment: { fetch } }) };
  }

  test('restricts a user', async () => {
    const stands = { userId: 'user_2', conversationId: 'c1', restriction: 'mute' } as const;
    const { calls, restrict, get } = api(200, stands);
    expect(await restrict(stands)).toEqual(stands);
    expect(await get({ userId: 'user_2', conversationId: 'c1' })).toEqual(stands);
    const [[posted, init], [asked]] = calls as [[string, RequestInit], [string, RequestInit]];
    expect(posted).toBe('https://api.example/api/websocket/moderation');
    expect(init.method).toBe('POST');
    expect(init.headers).toEqual({ authorization: 'Bearer a-token', 'content-type': 'application/json' });
    expect(JSON.parse(String(init.body))).toEqual(stands);
    expect(asked).toBe(`${posted}?userId=user_2&conversationId=c1`);
  });

  test('alone does so', async () => {
    const { restrict } = api(403, { error: { code: 'forbidden', message: 'you may not moderate this' } });
    const refused = restrict({ userId: 'user_2', companyId: 'biz_1', restriction: 'ban' });
    await expect(refused).rejects.toMatchObject({ code: 'forbidden' });
  });
});
