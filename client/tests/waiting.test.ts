/** Waits on a signal: however many there are, Node has no reason to warn of a leak. */

import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { defaultEnvironment as env } from '../src/environment.js';
import { FunnelcastError } from '../src/index.js';
import { pause, retry } from '../src/waiting.js';
import { Refusal } from './fake/refusal.js';
import { pass, scene } from './fake/setup.js';

/** More than the ten listeners from which on Node warns. */
const MANY = 12;
const many = <T>(make: (n: number) => T): T[] => Array.from({ length: MANY }, (_, n) => make(n));

/** The warnings of the process while this happens. */
async function warnings(happens: () => Promise<unknown>): Promise<string[]> {
  const heard: string[] = [];
  const listener = (warning: Error) => heard.push(`${warning.name}: ${warning.message}`);
  process.on('warning', listener);
  await happens();
  await vi.waitFor(() => {}); // a warning comes in a later tick
  process.off('warning', listener);
  return heard;
}

test('channels that cannot be joined cause no warning', async () => {
  const heard = await warnings(async () => {
    const it = scene();
    it.server.intercept = ({ action }) => {
      if (action === 'join' || action === 'leave') throw new Refusal('internal');
      return undefined;
    };
    const subscriptions = many(n => it.client.subscribe(`conversation:c${n}`, () => {}));
    it.client.connect();
    await pass(3_000);
    for (const { unsubscribe } of subscriptions) unsubscribe();
    await pass(3_000);
  });
  expect(heard).toEqual([]);
});

test('subscriptions that one signal ends cause no warning', async () => {
  const it = scene();
  const abort = new AbortController();
  const joined = many(
    n => it.client.subscribe(`conversation:c${n}`, () => {}, { signal: abort.signal }).joined,
  );
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
  const outcome = Promise.allSettled(joined);
  abort.abort(new Error('the page is left'));
  expect(await outcome).toEqual(many(() => ({ status: 'rejected', reason: abort.signal.reason })));
});

test('messages that one signal aborts cause no warning', async () => {
  const it = scene();
  const abort = new AbortController();
  const sent = many(n =>
    it.client.send('conversation:c1', 'chat.message', { content: `${n}` }, { signal: abort.signal }),
  );
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
  const outcome = Promise.allSettled(sent);
  abort.abort(new Error('the page is left'));
  expect(await outcome).toEqual(many(() => ({ status: 'rejected', reason: abort.signal.reason })));
});

test('each wait ends by itself or by the signal, and not twice', async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const pauses = many(n => pause(env, 100 * (n + 1), signal));
  const tries = many(() =>
    retry(env, async () => Promise.reject(new FunnelcastError('internal', '')), signal),
  );
  const outcome = Promise.allSettled(pauses);
  const failed = Promise.allSettled(tries);
  await pass(350);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  abort.abort();
  const statuses = (await outcome).map(({ status }) => status);
  expect(statuses).toEqual(many(n => (n < 3 ? 'fulfilled' : 'rejected')));
  expect((await failed).every(({ status }) => status === 'rejected')).toBe(true);
});
