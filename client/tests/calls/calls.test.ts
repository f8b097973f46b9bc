/** Calls between people with browsers of their own, over a server that can lose what it likes. */

import { expect, test } from 'vitest';
import { inCall, pass, scene, two, watchRejections } from './setting.js';

watchRejections();

test('a call rings, is accepted, and connects; whoever hangs up ends it for both', async () => {
  const { ann, bob, server, ether } = await two();
  ann.call.start({ video: true });
  await pass(100);
  expect(ann.call.store.get()).toMatchObject({ state: 'ringing', direction: 'outgoing', video: 'camera' });
  expect(bob.call.store.get()).toMatchObject({ state: 'ringing', direction: 'incoming', canJoin: true });
  expect(bob.browser.live).toEqual([]);
  bob.call.accept();
  await pass(500);
  for (const [one, other] of [
    [ann, 'Bob'],
    [bob, 'Ann'],
  ] as const) {
    const { state, peers, video } = one.call.store.get();
    expect(state).toBe('connected');
    expect(video).toBe('camera');
    expect(peers).toMatchObject([{ name: other, state: 'connected', isMuted: false, video: 'camera' }]);
    expect(peers[0]?.stream.getTracks()).toHaveLength(2);
    expect(one.browser.live).toEqual(['audio', 'video']);
  }
  bob.call.hangUp();
  await pass(100);
  expect(ann.phases).toEqual(['outgoing', 'connecting', 'connected', 'ended: ended']);
  expect(bob.phases).toEqual(['incoming', 'connecting', 'connected', 'ended: ended']);
  expect(server.call).toMatchObject({ state: 'ended', outcome: 'ended' });
  for (const one of [ann, bob]) expect(one.browser.live).toEqual([]);
  expect(ether.open).toEqual([]);
});

test('few signals suffice, in batches', async () => {
  const { server } = await inCall();
  await pass(3_000);
  const signals = server.requests.filter(({ event }) => event === 'signal');
  expect(signals.length).toBeLessThanOrEqual(16);
});

test('declined, canceled, and not answered', async () => {
  const { ann, bob } = await two();
  ann.call.start();
  await pass(100);
  bob.call.decline();
  await pass(100);
  expect([ann.phases.at(-1), bob.phases.at(-1)]).toEqual(['ended: declined', 'ended: declined']);
  ann.call.start();
  await pass(100);
  expect(bob.phases.at(-1)).toBe('incoming');
  ann.call.hangUp();
  await pass(100);
  expect([ann.phases.at(-1), bob.phases.at(-1)]).toEqual(['ended: canceled', 'ended: canceled']);
  bob.call.start();
  await pass(46_000);
  expect([ann.phases.at(-1), bob.phases.at(-1)]).toEqual(['ended: missed', 'ended: missed']);
  expect(bob.browser.live).toEqual([]);
});

test('of two devices of a user that accept at once, one wins, and the other is told', async () => {
  const { ann, bob, person } = await two();
  const phone = person('user_2');
  await pass(100);
  ann.call.start();
  await pass(100);
  expect(phone.phases.at(-1)).toBe('incoming');
  bob.call.accept();
  phone.call.accept();
  await pass(1_000);
  expect([bob.phases.at(-1), phone.phases.at(-1)].sort()).toEqual(['connected', 'ended: elsewhere']);
  const [loser] = [bob, phone].filter(({ phases }) => phases.at(-1) !== 'connected');
  expect(loser?.browser.live).toEqual([]);
  expect(loser?.call.store.get().canJoin).toBe(false);
});

test('both call at once, and are in one call', async () => {
  const { ann, bob, server } = await two();
  ann.call.start();
  bob.call.start();
  await pass(1_000);
  expect([ann.phases.at(-1), bob.phases.at(-1)]).toEqual(['connected', 'connected']);
  expect(server.call?.participants).toHaveLength(2);
});

test('up to four are in a call, each with each; a fifth is told that it is full', async () => {
  const it = scene();
  it.server.participants = ['user_1', 'user_2', 'user_3', 'user_4', 'user_5'];
  const people = it.server.participants.map(userId => it.person(userId));
  await pass(100);
  const [ann, bob, cleo, dan, eve] = people as [(typeof people)[0], ...typeof people] & typeof people;
  ann?.call.start();
  await pass(100);
  for (const one of [bob, cleo, dan]) {
    one?.call.accept();
    await pass(500);
  }
  expect(eve?.phases.at(-1)).toBe('incoming'); // it goes on ringing for those who have not answered
  for (const one of [ann, bob, cleo, dan])
    expect(one?.call.store.get().peers.map(({ state }) => state)).toEqual([
      'connected',
      'connected',
      'connected',
    ]);
  expect(it.ether.open).toHaveLength(12);
  eve?.call.accept();
  await pass(500);
  expect(eve?.phases.at(-1)).toBe('ended: full');
  dan?.call.hangUp();
  await pass(500);
  expect(dan?.call.store.get()).toMatchObject({ state: 'ended', canJoin: true });
  expect(ann?.call.store.get().peers).toHaveLength(2);
  dan?.call.accept();
  await pass(1_000);
  expect(dan?.call.store.get().peers).toHaveLength(3);
});

test('who is in another call is busy', async () => {
  const it = await two();
  const { createCall } = await import('../../src/calls/index.js');
  const other = createCall(it.bob.client, 'conversation:c2', { environment: it.bob.browser.environment });
  await pass(100);
  other.start();
  await pass(100);
  it.server.call = undefined; // the server of these tests has one conversation
  it.ann.call.start();
  await pass(100);
  expect(it.ann.phases.at(-1)).toBe('ended: busy');
  expect(it.bob.phases).not.toContain('incoming');
  it.bob.call.start();
  expect(it.bob.call.store.get().error?.code).toBe('busy');
  other.close();
});

test('without a permission nobody is rung, and who is rung may try again', async () => {
  const { ann, bob, server } = await two();
  ann.browser.refusals.audio = 'NotAllowedError';
  ann.call.start();
  await pass(100);
  expect(ann.call.store.get()).toMatchObject({ state: 'ended', reason: 'not_permitted' });
  expect(server.count('call')).toBe(0);
  ann.browser.refusals.audio = 'NotFoundError';
  ann.call.start();
  await pass(100);
  expect(ann.call.store.get()).toMatchObject({ state: 'ended', reason: 'no_microphone' });

  bob.call.start();
  await pass(100);
  ann.call.accept();
  await pass(100);
  expect(ann.call.store.get()).toMatchObject({ state: 'ringing', direction: 'incoming' });
  expect(ann.call.store.get().error?.code).toBe('no_microphone');
  delete ann.browser.refusals.audio;
  ann.call.accept();
  await pass(500);
  expect(ann.call.store.get()).toMatchObject({ state: 'connected', error: null });
});

test('without a camera, a call with video begins with voice', async () => {
  const { ann } = await two();
  ann.browser.refusals.video = 'NotFoundError';
  ann.call.start({ video: true });
  await pass(100);
  const { state, video, deviceError } = ann.call.store.get();
  expect([state, video, deviceError?.code]).toEqual(['ringing', null, 'no_camera']);
});
