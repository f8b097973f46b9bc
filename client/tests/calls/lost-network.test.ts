/** Calls over sockets that are cut or replaced, over lost signals and media, and over pages that are loaded again. */

import { expect, test } from 'vitest';
import { CHANNEL } from '../fake/setup.js';
import { crash, inCall, type Person, pass, two, watchRejections } from './setting.js';

watchRejections();

const phaseOf = ({ call }: Person) => call.store.get().state;

const cut = ({ server }: Awaited<ReturnType<typeof two>>, { userId }: Person) => {
  for (const socket of server.socketsOf(userId)) socket.cut();
};

test('sockets that are cut while it rings change nothing', async () => {
  const it = await two();
  it.ann.call.start();
  await pass(100);
  cut(it, it.ann);
  cut(it, it.bob);
  await pass(3_000);
  expect([it.ann.phases, it.bob.phases]).toEqual([['outgoing'], ['incoming']]);
  it.bob.call.accept();
  cut(it, it.bob);
  await pass(3_000);
  expect([phaseOf(it.ann), phaseOf(it.bob)]).toEqual(['connected', 'connected']);
});

test('a device that comes while it rings, rings', async () => {
  const it = await two();
  it.ann.call.start();
  await pass(5_000);
  const phone = it.person('user_2');
  await pass(100);
  expect(phone.phases).toEqual(['incoming']);
  // Another listener has joined the channel already.
  const { createCall } = await import('../../src/calls/index.js');
  const late = createCall(phone.client, 'conversation:c1', { environment: phone.browser.environment });
  await pass(100);
  expect(late.store.get()).toMatchObject({ state: 'ringing', direction: 'incoming' });
  late.close();
});

test('without a word of the server, nothing rings for ever', async () => {
  const it = await two();
  it.ann.call.start();
  await pass(100);
  it.server.door = 'closed';
  cut(it, it.ann);
  cut(it, it.bob);
  await pass(51_000);
  expect([it.ann.phases.at(-1), it.bob.phases.at(-1)]).toEqual(['ended: missed', 'ended: missed']);
  expect(it.ann.browser.live).toEqual([]);
});

test('a call that is taken back without a connection does not ring when there is one again', async () => {
  const it = await two();
  it.server.door = 'closed';
  cut(it, it.ann);
  await pass(100);
  it.ann.call.start();
  await pass(5_000);
  it.ann.call.hangUp();
  await pass(5_000);
  it.server.door = 'open';
  await pass(60_000);
  expect(it.bob.phases).toEqual([]);
  expect(it.server.call).toBeUndefined();
});

test('media that are lost are found again by restarting ICE, and are given up after a while', async () => {
  const it = await inCall();
  it.ether.isUp = false;
  await pass(10_000);
  expect([phaseOf(it.ann), phaseOf(it.bob)]).toEqual(['reconnecting', 'reconnecting']);
  expect(it.ann.call.store.get().peers[0]?.state).toBe('reconnecting');
  it.ether.isUp = true;
  await pass(15_000);
  expect([phaseOf(it.ann), phaseOf(it.bob)]).toEqual(['connected', 'connected']);
  it.ether.isUp = false;
  await pass(46_000);
  expect([it.ann.phases.at(-1), it.bob.phases.at(-1)]).toEqual(['ended: failed', 'ended: failed']);
  expect(it.server.call?.outcome).toBe('failed');
});

test('a call goes on while a socket is down, and is bound to the next one', async () => {
  const it = await inCall();
  it.server.door = 'closed';
  cut(it, it.bob);
  await pass(50_000);
  expect(phaseOf(it.bob)).toBe('connected');
  it.server.door = 'open';
  await pass(200_000);
  expect([phaseOf(it.ann), phaseOf(it.bob)]).toEqual(['connected', 'connected']);
});

test('a socket that is replaced before its time changes nothing', async () => {
  const it = await inCall();
  it.ann.client.reconnect();
  it.bob.client.reconnect();
  await pass(200_000);
  expect(it.ann.phases).toEqual(['outgoing', 'connecting', 'connected']);
});

test('a page that is loaded again continues its call', async () => {
  const it = await inCall();
  it.bob.call.mute(true);
  it.bob.browser.hide();
  it.bob.client.close();
  for (const connection of it.ether.open.slice(1)) connection.close();
  await pass(2_000);
  expect(phaseOf(it.ann)).toBe('reconnecting');
  const again = it.person('user_2', {}, it.bob.browser);
  await pass(2_000);
  expect(again.phases).toEqual(['reconnecting', 'connected']);
  expect(again.call.store.get().isMuted).toBe(true);
  expect(phaseOf(it.ann)).toBe('connected');
  expect(it.ann.call.store.get().peers).toMatchObject([{ state: 'connected', isMuted: true }]);
  again.call.hangUp();
  await pass(100);
  expect(it.ann.phases.at(-1)).toBe('ended: ended');
});

test('a page that is closed ends its call after a short while', async () => {
  const it = await inCall();
  it.bob.browser.hide();
  await pass(20);
  it.bob.client.close();
  await pass(16_000);
  expect(it.ann.phases.at(-1)).toBe('ended: ended');
  expect(it.server.call).toMatchObject({ state: 'ended', outcome: 'ended' });
  expect(it.ann.browser.live).toEqual([]);
});

test('a device that keeps saying that its page is gone and back does not keep a call', async () => {
  const it = await inCall();
  const [ann, bob] = (it.server.call?.participants ?? []).map(({ peerId }) => peerId);
  it.bob.call.unfollow(); // what it says is made up from here on
  it.ether.isUp = false;
  for (let n = 0; n < 12; n++) {
    const payload = { callId: it.server.call?.callId, from: bob, to: ann, page: `p${n}`, bye: n % 2 === 0 };
    const signal = { name: 'call', to: { userId: 'user_1' }, payload };
    await Promise.all([it.bob.client.send(CHANNEL, 'signal', signal), pass(4_000)]);
  }
  expect(it.ann.phases.slice(-2)).toEqual(['reconnecting', 'ended: failed']);
});

test('where both vanish, the server ends the call', async () => {
  const it = await inCall();
  crash(it.ann);
  crash(it.bob);
  await pass(180_000);
  expect(it.server.call).toMatchObject({ state: 'ended' });
});

test('in the end, everything has been released', async () => {
  const it = await inCall(true);
  it.ann.call.close();
  it.bob.call.close();
  await pass(10_000);
  expect(it.ether.open).toEqual([]);
  for (const { browser } of [it.ann, it.bob]) expect([browser.live, browser.listeners]).toEqual([[], 0]);
  expect(it.server.call).toMatchObject({ state: 'ended', outcome: 'ended' });
});
