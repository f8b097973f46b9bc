/** What is sent in a call: microphones, cameras and screens that are changed, unplugged or refused. */

import { expect, test } from 'vitest';
import type { CallPeer } from '../../src/calls/index.js';
import { inCall, pass, two, watchRejections } from './setting.js';

watchRejections();

test('mute, camera and screen are told to the others; nothing is negotiated anew', async () => {
  const { ann, bob, server } = await inCall();
  const heard = () => ann.call.store.get().peers[0];
  const descriptions = () =>
    server.requests.filter(
      ({ data }) => (data as { payload?: { description?: object } })?.payload?.description,
    ).length;
  const before = descriptions();
  bob.call.mute(true);
  void bob.call.setCamera(true);
  await pass(200);
  expect(heard()).toMatchObject({ isMuted: true, video: 'camera' });
  expect(bob.browser.tracks.find(({ kind }) => kind === 'audio')?.enabled).toBe(false);
  void bob.call.setScreen(true);
  await pass(200);
  expect(heard()?.video).toBe('screen');
  bob.browser.tracks.find(({ label }) => label === 'screen')?.end(); // in the browser's own bar
  await pass(200);
  expect(heard()?.video).toBe('camera');
  void bob.call.setCamera(false);
  bob.call.mute(false);
  await pass(200);
  expect(heard()).toMatchObject({ isMuted: false, video: null });
  expect(bob.browser.live).toEqual(['audio']);
  expect(descriptions()).toBe(before);
});

test('the stream of another has a video track while video is sent, and is another object then', async () => {
  const { ann, bob } = await inCall();
  const streams = new Set<MediaStream>();
  const kinds = () => {
    const { stream } = ann.call.store.get().peers[0] as CallPeer;
    streams.add(stream);
    return stream.getTracks().map(({ kind }) => kind);
  };
  expect(kinds()).toEqual(['audio']);
  bob.call.mute(true);
  await pass(200);
  expect([kinds(), streams.size]).toEqual([['audio'], 1]);
  for (const isOn of [true, false, true]) {
    void bob.call.setCamera(isOn);
    await pass(200);
    expect(kinds()).toEqual(isOn ? ['audio', 'video'] : ['audio']);
  }
  void bob.call.setScreen(true);
  await pass(200);
  expect([kinds(), streams.size]).toEqual([['audio', 'video'], 4]);
});

test('a phone that opens one camera at a time changes to another one', async () => {
  const { ann } = await inCall(true);
  const { call, browser } = ann;
  browser.hasOneCamera = true;
  void call.useDevices({ video: { deviceId: 'back' } });
  await pass(100);
  expect(call.store.get()).toMatchObject({ video: 'camera', deviceError: null });
  expect(browser.live).toEqual(['audio', 'video']);
  expect(browser.asked.at(-1)).toEqual({ video: { deviceId: 'back' } });
});

test('a camera that cannot be opened leaves the one before it on', async () => {
  const { ann } = await inCall(true);
  const { call, browser } = ann;
  browser.hasOneCamera = true;
  browser.brokenCameras.add('back');
  void call.useDevices({ video: { deviceId: 'back' } });
  await pass(100);
  expect(call.store.get()).toMatchObject({ video: 'camera', deviceError: { code: 'no_camera' } });
  expect([browser.live, browser.asked.at(-1)]).toEqual([['audio', 'video'], { video: true }]);
  browser.brokenCameras.add('undefined');
  void call.useDevices({ video: { deviceId: 'back' } });
  await pass(100);
  expect(call.store.get()).toMatchObject({ video: null, deviceError: { code: 'no_camera' } });
  expect(browser.live).toEqual(['audio']);
});

test('a camera that is turned off while it is being changed stays off', async () => {
  const { ann } = await inCall(true);
  ann.browser.hasOneCamera = true;
  void ann.call.useDevices({ video: { deviceId: 'back' } });
  await pass(2);
  void ann.call.setCamera(false);
  await pass(100);
  expect([ann.call.store.get().video, ann.browser.live]).toEqual([null, ['audio']]);
});

test('a microphone that is unplugged is replaced, at once or when there is another one', async () => {
  const { ann } = await inCall();
  ann.browser.tracks[0]?.end();
  await pass(50);
  expect(ann.browser.live).toEqual(['audio']);
  ann.browser.refusals.audio = 'NotFoundError';
  ann.browser.tracks.at(-1)?.end();
  await pass(50);
  expect(ann.call.store.get()).toMatchObject({ state: 'connected' });
  expect(ann.call.store.get().deviceError?.code).toBe('no_microphone');
  delete ann.browser.refusals.audio;
  ann.browser.changeDevices();
  await pass(50);
  expect(ann.call.store.get().deviceError).toBeNull();
  expect(ann.browser.live).toEqual(['audio']);
});

test('hanging up while the microphone is asked for frees it when it comes', async () => {
  const { ann, server } = await two();
  ann.browser.permissionMs = 5_000;
  ann.call.start({ video: true });
  await pass(100);
  ann.call.hangUp();
  expect(ann.phases.at(-1)).toBe('ended: canceled');
  await pass(10_000);
  expect(ann.browser.tracks).toHaveLength(2);
  expect(ann.browser.live).toEqual([]);
  expect(server.count('call')).toBe(0);
});
