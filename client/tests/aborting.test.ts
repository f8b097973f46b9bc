/** Aborting: an aborted message is not sent if that is still possible, none overtakes another, and no rejection is unhandled. */

import { describe, expect, test } from 'vitest';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, contents, joinedScene, pass, say, scene, sends, watchRejections } from './fake/setup.js';

watchRejections();

test('a send that is aborted in the same tick is never sent', async () => {
  const it = await joinedScene();
  const abort = new AbortController();
  const outcome = Promise.allSettled([say(it, 'never', { signal: abort.signal }), say(it, 'next')]);
  abort.abort(new Error('changed my mind'));
  await pass(100);
  expect(await outcome).toMatchObject([{ reason: { message: 'changed my mind' } }, { value: { seq: 1 } }]);
  expect(contents(it)).toEqual(['next']);
});

test('a send that is aborted while it is queued is never sent', async () => {
  const it = await joinedScene();
  const abort = new AbortController();
  const all = ['one', 'two', 'three'].map(content =>
    say(it, content, content === 'two' ? { signal: abort.signal } : {}),
  );
  const outcome = Promise.allSettled(all);
  await pass(5);
  abort.abort();
  await pass(100);
  expect((await outcome).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(contents(it)).toEqual(['one', 'three']);
});

describe('a send that is aborted while an attempt is in progress', () => {
  test('is not overtaken by the next one', async () => {
    const it = await joinedScene();
    const abort = new AbortController();
    it.server.delay = frame => (frame['key'] === 'slow' ? 1_000 : 0);
    const slow = say(it, 'slow', { key: 'slow', signal: abort.signal });
    const outcome = Promise.allSettled([slow, say(it, 'next')]);
    await pass(2);
    abort.abort();
    await pass(2_000);
    expect((await outcome).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(contents(it)).toEqual(['slow', 'next']);
    expect(it.heard).toEqual(['slow', 'next']);
  });

  test('is settled after a lost connection before the next one is sent', async () => {
    const it = await joinedScene();
    await pass(12_000);
    const abort = new AbortController();
    let tries = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action !== 'send' || ++tries > 1) return undefined;
      socket?.cut();
      // The function keeps running, and finishes when the client has recovered.
      setTimeout(
        () => it.server.append(CHANNEL, 'first', { key: 'k1', from: { userId: 'user_1', name: 'Ann' } }),
        17,
      );
      throw new Refusal('internal');
    };
    const first = say(it, 'first', { key: 'k1', signal: abort.signal });
    const outcome = Promise.allSettled([first, say(it, 'next')]);
    await pass(8);
    abort.abort();
    await pass(10_000);
    expect((await outcome).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(contents(it)).toEqual(['first', 'next']);
  });

  test('is not sent again after the server has refused it', async () => {
    const it = await joinedScene();
    const abort = new AbortController();
    it.server.intercept = frame => {
      if (frame['key'] === 'slow') throw new Refusal('rate_limited', 60_000);
      return undefined;
    };
    const slow = say(it, 'slow', { key: 'slow', signal: abort.signal });
    const outcome = Promise.allSettled([slow, say(it, 'next')]);
    await pass(2);
    abort.abort();
    await pass(100);
    expect((await outcome).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(sends(it).filter(({ key }) => key === 'slow')).toHaveLength(1);
  });
});

test.each(['history', 'ack', 'receipts', 'presence', 'signal'] as const)(
  '%s: aborted before it is sent it never is, and a connection lost afterwards is no unhandled rejection',
  async action => {
    const it = scene();
    it.client.connect();
    await pass(100);
    const request = (signal: AbortSignal): Promise<unknown> => {
      if (action === 'ack') return it.client.ack(CHANNEL, 1, 'read', { signal });
      if (action === 'signal') return it.client.send(CHANNEL, 'signal', { name: 'x' }, { signal });
      if (action === 'history') return it.client.history(CHANNEL, {}, { signal });
      return it.client[action](CHANNEL, { signal });
    };
    for (const ms of [0, 1, 5, 9, 12, 15]) {
      const abort = new AbortController();
      const outcome = Promise.allSettled([request(abort.signal)]);
      if (ms > 0) await pass(ms);
      abort.abort(new Error('enough'));
      it.server.socket.cut();
      await pass(1_000);
      const [{ status }] = await outcome;
      if (ms < 9) expect(status).toBe('rejected');
    }
    const name = action === 'signal' ? 'send' : action;
    expect(it.server.requests.filter(frame => frame.action === name).length).toBeLessThan(5);
    await expect(request(AbortSignal.abort(new Error('before')))).rejects.toThrow(/before|connection/);
  },
);

test('a subscription whose signal is already aborted does not join', async () => {
  const it = scene();
  it.client.connect();
  const { joined } = it.client.subscribe(CHANNEL, () => {}, {
    signal: AbortSignal.abort(new Error('enough')),
  });
  await pass(100);
  await expect(joined).rejects.toThrow('enough');
  expect(it.server.count('join')).toBe(0);
});
