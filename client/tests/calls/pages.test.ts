/** Calls of pages that are closed, loaded again, or shown again as they were left. */

import { expect, test } from 'vitest';
import { FakeBrowser } from '../fake/browser.js';
import { crash, inCall, type Person, pass, two, watchRejections } from './setting.js';

watchRejections();

type Scene = Awaited<ReturnType<typeof inCall>>;

const phasesOf = (...people: Person[]) => people.map(({ call }) => call.store.get().state);

/** A page goes, with all that it has; the next one is opened after a while. */
async function reload(it: Scene, person: Person, ms = 1_000): Promise<Person> {
  person.browser.hide();
  await pass(20);
  crash(person);
  await pass(ms);
  return it.person(person.userId, {}, new FakeBrowser(it.ether, person.browser.kept));
}

test.each(['client.close()', 'call.close(); client.close()', 'client.drain()'])(
  'a client that is closed by `%s` has left its call',
  async how => {
    const it = await inCall();
    if (how.startsWith('call')) it.bob.call.close();
    if (how.includes('drain')) void it.bob.client.drain();
    else it.bob.client.close();
    await pass(100);
    expect(it.server.call).toMatchObject({ state: 'ended', outcome: 'ended' });
    expect(it.ann.phases.at(-1)).toBe('ended: ended');
    expect(it.bob.browser.live).toEqual([]);
  },
);

test('a client that is closed while its call rings takes that back', async () => {
  const it = await two();
  it.ann.call.start();
  await pass(100);
  it.ann.client.close();
  await pass(100);
  expect(it.bob.phases).toEqual(['incoming', 'ended: canceled']);
});

test('a client that is closed with its page leaves the call to the next one', async () => {
  const it = await inCall();
  it.bob.browser.hide();
  it.bob.client.close();
  await pass(1_000);
  const again = it.person('user_2', {}, new FakeBrowser(it.ether, it.bob.browser.kept));
  await pass(2_000);
  expect(phasesOf(it.ann, again)).toEqual(['connected', 'connected']);
});

test('a call that is closed by a listener of its store is over, and the microphone is free', async () => {
  const it = await inCall();
  const { call, browser } = it.bob;
  call.store.subscribe(() => {
    const { state, peers } = call.store.get();
    if (state === 'connected' && peers[0]?.isMuted) call.close();
  });
  it.ann.call.mute(true);
  await pass(500);
  expect(it.bob.phases.at(-1)).toBe('ended: ended');
  expect([browser.live, browser.listeners]).toEqual([[], 0]);
  expect(it.server.call).toMatchObject({ state: 'ended', outcome: 'ended' });
  call.start(); // nothing is followed any more
  await pass(500);
  expect([it.bob.phases.at(-1), browser.live]).toEqual(['ended: ended', []]);
});

test('what a listener begins is not left behind by another one that stops following the call', async () => {
  const it = await inCall();
  const { call, browser } = it.bob;
  const isEnded = () => call.store.get().state === 'ended';
  let count = 0;
  call.store.subscribe(() => isEnded() && count++ === 0 && call.start());
  call.store.subscribe(() => isEnded() && call.unfollow());
  it.ann.call.hangUp();
  await pass(1_000);
  expect([browser.live, browser.listeners, count]).toEqual([[], 0, expect.any(Number)]);
  expect(phasesOf(it.ann, it.bob)).toEqual(['ended', 'ended']);
});

test('a page that is loaded again twice continues its call, also while it asks for the microphone', async () => {
  const it = await inCall();
  const second = await reload(it, it.bob);
  second.browser.hide(); // before anything is known
  const keptAt = () => JSON.parse([...it.bob.browser.kept.values()][0] ?? '{}').at;
  const at = keptAt();
  crash(second);
  const third = it.person('user_2', {}, new FakeBrowser(it.ether, it.bob.browser.kept));
  third.browser.permissionMs = 60_000;
  await pass(1_000);
  expect([phasesOf(third), keptAt()]).toEqual([['reconnecting'], undefined]);
  const fourth = await reload(it, third);
  await pass(2_000);
  expect(phasesOf(it.ann, fourth)).toEqual(['connected', 'connected']);
  expect(at).toBeLessThan(Date.now() - 2_000);
});

test('a part that the user has ended is not kept', async () => {
  const it = await inCall();
  const again = await reload(it, it.bob);
  await pass(1_000);
  again.call.hangUp();
  await pass(100);
  again.browser.hide();
  expect([...it.bob.browser.kept]).toEqual([]);
});

test('who has called has called, also after the page is loaded again', async () => {
  const it = await inCall();
  const [ann, bob] = [await reload(it, it.ann), await reload(it, it.bob)];
  await pass(2_000);
  expect(phasesOf(ann, bob)).toEqual(['connected', 'connected']);
  expect([ann, bob].map(({ call }) => call.store.get().direction)).toEqual(['outgoing', 'incoming']);
});

test('a page that is shown again as it was left continues its call as a new page does', async () => {
  const it = await inCall();
  it.bob.browser.hide();
  await pass(2_000);
  const before = it.bob.phases.length;
  it.bob.browser.show();
  expect(it.bob.browser.live).toEqual([]);
  await pass(2_000);
  expect(it.bob.phases.slice(before)).toEqual(['reconnecting', 'connected']);
  expect(phasesOf(it.ann)).toEqual(['connected']);
  expect(it.bob.browser.live).toEqual(['audio']);
  expect(it.ether.open).toHaveLength(2);
  await pass(30_000);
  expect(phasesOf(it.ann, it.bob)).toEqual(['connected', 'connected']);
});

test('a page that is shown again after another one has had its part is in no call', async () => {
  const it = await inCall();
  it.bob.browser.hide();
  it.bob.browser.kept.clear();
  it.bob.browser.show();
  await pass(1_000);
  expect(phasesOf(it.bob)).toEqual(['idle']);
  expect(it.bob.browser.live).toEqual([]);
  expect(it.bob.browser.listeners).toBe(2);
});

test('a page that is shown again hears of a call that rings', async () => {
  const it = await two();
  it.bob.browser.hide();
  it.bob.browser.show();
  it.ann.call.start();
  await pass(100);
  it.bob.browser.hide();
  it.bob.browser.show();
  await pass(100);
  expect(phasesOf(it.bob)).toEqual(['ringing']);
});
