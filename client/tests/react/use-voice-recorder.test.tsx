// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useVoiceRecorder } from '../../src/react/index.js';
import { type Microphone, stubMicrophone } from '../fake/microphone.js';
import { pass } from './scene.js';

let microphone: Microphone;

beforeEach(() => {
  microphone = stubMicrophone();
});

afterEach(() => {
  expect(microphone.isOpen).toBe(false);
  vi.unstubAllGlobals();
});

test('it asks, records with a level, and returns what was recorded', async () => {
  const { result } = renderHook(() => useVoiceRecorder());
  expect(await result.current.stop()).toBeUndefined();
  const started = result.current.start();
  await pass(0);
  await started;
  await pass(1_000);
  expect(result.current).toMatchObject({ state: 'recording', durationMs: 1_000 });
  expect(result.current.level).toBeGreaterThan(0.5);
  const stopped = result.current.stop();
  await pass(10);
  expect(result.current).toMatchObject({ state: 'recorded', recording: await stopped, level: 0 });
  result.current.cancel();
  await pass(0);
  expect(result.current).toMatchObject({ state: 'idle', recording: null });
});

test('it stops by itself, and begins anew', async () => {
  const { result } = renderHook(() => useVoiceRecorder(500));
  await pass(0);
  void result.current.start();
  await pass(1_000);
  expect(result.current).toMatchObject({ state: 'recorded', recording: { durationMs: 500 } });
  void result.current.start();
  await pass(100);
  expect(result.current).toMatchObject({ state: 'recording', recording: null });
  result.current.cancel();
  await pass(1_000);
  expect(result.current.state).toBe('idle');
});

test('what is stopped while the user is asked does not begin when they permit it', async () => {
  microphone.permissionMs = 1_000;
  const { result } = renderHook(() => useVoiceRecorder());
  void result.current.start();
  await pass(100);
  expect(result.current.state).toBe('asking');
  expect(await result.current.stop()).toBeUndefined();
  await pass(2_000);
  expect([result.current.state, microphone.isOpen]).toEqual(['idle', false]);
  void result.current.start(); // a long press
  await pass(2_000);
  expect([result.current.state, microphone.isOpen]).toEqual(['recording', true]);
  result.current.cancel();
});

test('it tells why it cannot record', async () => {
  microphone.refusal = 'NotAllowedError';
  const { result } = renderHook(() => useVoiceRecorder());
  void result.current.start();
  await pass(10);
  expect(result.current).toMatchObject({ state: 'idle', error: { code: 'not_permitted' } });
  await result.current.stop(); // the button is released
  expect(result.current).toMatchObject({ state: 'idle', error: { code: 'not_permitted' } });
});

test('it frees the microphone when its component goes, whatever it does', async () => {
  for (const ms of [0, 500]) {
    const { result, unmount } = renderHook(() => useVoiceRecorder());
    void result.current.start();
    await pass(ms);
    unmount();
    await pass(10);
    expect(microphone.isOpen).toBe(false);
  }
});
