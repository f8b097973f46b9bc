/** Calls on a bad day: pages that crash or come back, timers and events that are lost or late, and users who mean ill. */

import { expect, test } from 'vitest';
import type { AnyEvent } from '../../src/index.js';
import { Refusal } from '../fake/refusal.js';
import { CHANNEL } from '../fake/setup.js';
import { crash, inCall, type Person, pass, scene, two, watchRejections } from './setting.js';

watchRejections();

type Scene = Awaited<ReturnType<typeof inCall>>;

const phaseOf = ({ call }: Person) => call.store.get().state;

const requestsOf = ({ server }: Scene, action: string) =>
  server.requests.filter(request => request.action === action);

/** Bob's page is loaded again; `prepare` changes the browser before the next page. */
async function reload(it: Scene, prepare = (_: Person['browser']) => {}): Promise<Person> {
  it.bob.browser.hide();
  await pass(20);
  it.bob.client.close();
  for (const connection of it.ether.open.slice(1)) connection.close();
  await pass(2_000);
  prepare(it.bob.browser);
  const again = it.person('user_2', {}, it.bob.browser);
  await pass(1_000);
  return again;
}

test.each(['start', 'accept'] as const)('whose browser has crashed is in the call again by %s', async how => {
  const it = await inCall();
  crash(it.bob);
  it.ether.open[1]?.close();
  const again = it.person('user_2');
  await pass(1_000);
  again.call[how]();
  await pass(3_000);
  expect([phaseOf(it.ann), phaseOf(again)]).toEqual(['connected', 'connected']);
  expect(it.server.call?.participants.map(({ state }) => state)).toEqual(['joined', 'joined']);
});

test('who is in the call on another device, which is there, is told so', async () => {
  const it = await inCall();
  const tablet = it.person('user_2');
  await pass(100);
  tablet.call.start();
  await pass(1_000);
  expect(tablet.phases).toEqual(['connecting', 'ended: elsewhere']);
  expect([phaseOf(it.bob), tablet.browser.live]).toEqual(['connected', []]);
});

test('who hangs up before the next page is in the call again has left it', async () => {
  const it = await inCall();
  const again = await reload(it, browser => {
    browser.permissionMs = 60_000;
  });
  expect(phaseOf(again)).toBe('reconnecting');
  again.call.hangUp();
  await pass(100);
  expect(it.server.call).toMatchObject({ state: 'ended', outcome: 'ended' });
  expect(it.ann.phases.at(-1)).toBe('ended: ended');
});

test('a next page without a microphone leaves the call', async () => {
  const it = await inCall();
  const again = await reload(it, ({ refusals }) => {
    refusals.audio = 'NotAllowedError';
  });
  expect(again.phases).toEqual(['reconnecting', 'ended: not_permitted']);
  expect(it.server.call).toMatchObject({ state: 'ended', outcome: 'failed' });
});

test('the farewell of the page before, which comes late, is not that of this one', async () => {
  const it = await inCall();
  const late: AnyEvent[] = [];
  it.server.loses = event => {
    const isBye = event.event === 'signal' && (event.data.payload as { bye?: true }).bye === true;
    if (isBye) late.push(event);
    return isBye;
  };
  const again = await reload(it);
  await pass(5_000);
  it.server.loses = () => false;
  expect([phaseOf(it.ann), phaseOf(again), late.length]).toEqual(['connected', 'connected', 1]);
  const before = it.ann.phases.length;
  for (const event of late) it.server.post(event);
  await pass(20_000);
  expect(it.ann.phases.slice(before)).toEqual([]);
});

test('a call whose timer is lost rings once, and not again on each page that is opened', async () => {
  const it = await two();
  it.server.losesTimer = true;
  it.ann.call.start();
  await pass(100);
  crash(it.ann);
  await pass(51_000);
  expect(it.bob.phases).toEqual(['incoming', 'ended: missed']);
  expect(it.server.call).toMatchObject({ state: 'ended', outcome: 'missed' });
  const phone = it.person('user_2');
  await pass(100);
  expect(phone.phases).toEqual([]);
});

test('what the call does not allow is asked for once', async () => {
  const it = await two();
  const tablet = it.person('user_2');
  await pass(100);
  it.ann.call.start();
  await pass(100);
  it.server.loses = () => true;
  it.bob.call.accept();
  tablet.call.accept();
  await pass(5_000);
  expect(
    [it.bob.phases.at(-1), tablet.phases.at(-1)].filter(phase => phase === 'ended: elsewhere'),
  ).toHaveLength(1);
  expect(requestsOf(it, 'call').filter(({ change }) => change === 'accept')).toHaveLength(2);
});

test('signals of devices that are in no call make nobody ask without end', async () => {
  const it = await inCall();
  const { callId, participants = [] } = it.server.call ?? {};
  const payload = { callId, from: 'nobody', to: participants[1]?.peerId, page: 'page' };
  const data = { conversationId: 'c1', userId: 'user_1', name: 'call', payload };
  const before = requestsOf(it, 'history').length;
  for (let i = 0; i < 100; i++) {
    it.server.post({ type: 'event', channel: CHANNEL, event: 'signal', at: new Date().toISOString(), data });
    await pass(50);
  }
  expect(requestsOf(it, 'history').length - before).toBeLessThanOrEqual(6);
});

test('who names servers of their own does not ask for those of the stack', async () => {
  const it = await two();
  let asked = 0;
  Object.defineProperty(it.bob.client, 'http', { value: { call: async () => ++asked } });
  const mine = { rtc: { iceServers: [{ urls: 'stun:mine.example' }] } };
  const { createCall } = await import('../../src/calls/index.js');
  it.bob.call.close();
  const call = createCall(it.bob.client, CHANNEL, { environment: it.bob.browser.environment, ...mine });
  it.ann.call.start();
  await pass(100);
  call.accept();
  await pass(1_000);
  expect([call.store.get().state, asked]).toEqual(['connected', 0]);
  call.close();
});

test.each([
  ['join', 'forbidden'],
  ['join', 'internal'],
  ['status', 'internal'],
])(
  'who could not be told from others, as `%s` failed with `%s`, can call once the server recovers',
  async (action, code) => {
    const it = scene();
    it.server.intercept = frame => {
      if (frame.action === action) throw new Refusal(code);
      return undefined;
    };
    const ann = it.person('user_1');
    await pass(300_000);
    expect(ann.call.store.get()).toMatchObject({ state: 'idle', error: { code } });
    it.server.intercept = () => undefined;
    it.server.socketsOf('user_1')[0]?.cut();
    await pass(3_000);
    expect(ann.call.store.get()).toMatchObject({ state: 'idle', error: null });
    const bob = it.person('user_2');
    await pass(100);
    bob.call.start();
    await pass(100);
    expect(ann.phases).toEqual(['incoming']);
    ann.call.accept();
    await pass(1_000);
    expect([phaseOf(ann), phaseOf(bob)]).toEqual(['connected', 'connected']);
  },
);

test('who could not be told from others takes part in the call that rings', async () => {
  const it = await two();
  it.server.intercept = (frame, socket) => {
    if (frame.action === 'status' && socket !== undefined) throw new Refusal('internal');
    return undefined;
  };
  const phone = it.person('user_2');
  await pass(300_000);
  it.ann.call.start();
  await pass(100);
  expect(phone.phases).toEqual([]);
  it.server.intercept = () => undefined;
  phone.call.start(); // a click is enough to ask again
  await pass(1_000);
  expect(phone.phases).toEqual(['incoming', 'connecting', 'connected']);
});
