/** Recording, with a microphone that does what it is told. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { recordVoice } from '../../src/files/index.js';
import { levelOf, waveformOf } from '../../src/files/waveform.js';
import { type Microphone, stubMicrophone } from '../fake/microphone.js';
import { pass, watchRejections } from '../fake/setup.js';

watchRejections();

let microphone: Microphone;

beforeEach(() => {
  microphone = stubMicrophone();
});

afterEach(() => {
  expect(microphone.isOpen).toBe(false); // whatever has happened
  vi.unstubAllGlobals();
});

describe('a recording', () => {
  test('has its sound, its length and its waveform, and its level is told while it lasts', async () => {
    const onLevel = vi.fn();
    const recorder = await recordVoice({ onLevel });
    expect(microphone.isOpen).toBe(true);
    await pass(1_000);
    microphone.level = 0;
    await pass(1_000);
    const stopped = recorder.stop();
    await pass(10);
    const { file, durationMs, waveform } = await stopped;
    expect(file).toMatchObject({
      type: 'audio/webm',
      name: expect.stringMatching(/^Voice message .*\.webm$/),
    });
    expect(await file.text()).toBe('sound');
    expect(durationMs).toBe(2_000);
    expect(waveform).toHaveLength(64);
    expect(waveform.slice(0, 31)).toEqual(Array(31).fill(255));
    expect(waveform.slice(33)).toEqual(Array(31).fill(0));
    expect(onLevel).toHaveBeenCalledTimes(40);
    expect(onLevel.mock.calls[1]?.[0]).toEqual({ level: levelOf([0.5]), durationMs: 100 });
    expect(await recorder.recorded).toBe(await recorder.stop());
  });

  test('stops by itself after its longest time', async () => {
    const recorder = await recordVoice({ maxMs: 3_000 });
    await pass(10_000);
    expect(await recorder.recorded).toMatchObject({ durationMs: 3_000 });
  });

  test('ends with what there is when the microphone is unplugged', async () => {
    const recorder = await recordVoice();
    await pass(700);
    microphone.unplug();
    await pass(10);
    expect(await recorder.recorded).toMatchObject({ durationMs: 705 });
  });

  test('is made in a format that the browser has', async () => {
    microphone.formats = ['audio/mp4'];
    const recorder = await recordVoice();
    const stopped = recorder.stop();
    await pass(10);
    expect((await stopped).file).toMatchObject({ type: 'audio/mp4', name: expect.stringMatching(/\.m4a$/) });
  });

  test('without the Web Audio API is silent', async () => {
    vi.stubGlobal('AudioContext', undefined);
    const recorder = await recordVoice();
    await pass(200);
    const stopped = recorder.stop();
    await pass(10);
    expect((await stopped).waveform).toEqual(Array(64).fill(0));
  });
});

describe('it is refused', () => {
  test.each([
    ['NotAllowedError', 'not_permitted'],
    ['SecurityError', 'not_permitted'],
    ['NotFoundError', 'no_microphone'],
    ['NotReadableError', 'no_microphone'],
    ['TypeError', 'unsupported'],
  ])('with %s: %s', async (name, code) => {
    microphone.refusal = name;
    await expect(recordVoice()).rejects.toMatchObject({ code });
  });

  test.each(['navigator', 'MediaRecorder'])('without %s', async name => {
    vi.stubGlobal(name, undefined);
    await expect(recordVoice()).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('by a recorder that cannot be made', async () => {
    const Broken = Object.assign(
      class {
        constructor() {
          throw new Error('not this one');
        }
      },
      { isTypeSupported: () => true },
    );
    vi.stubGlobal('MediaRecorder', Broken);
    await expect(recordVoice()).rejects.toMatchObject({ code: 'unsupported' });
  });
});

describe('it ends', () => {
  test('by cancelling, and the microphone is free at once', async () => {
    const recorder = await recordVoice();
    recorder.cancel();
    expect(microphone.isOpen).toBe(false);
    await expect(recorder.recorded).rejects.toMatchObject({ code: 'closed' });
    await pass(100);
  });

  test('by the signal, before and after the user has answered', async () => {
    const reason = new Error('enough');
    const ending = new AbortController();
    const recorder = await recordVoice({ signal: ending.signal });
    ending.abort(reason);
    await expect(recorder.recorded).rejects.toBe(reason);
    await expect(recordVoice({ signal: ending.signal })).rejects.toBe(reason);
    const asked = new AbortController();
    const opening = recordVoice({ signal: asked.signal });
    asked.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await pass(1);
  });

  test('with an error if the browser fails while it ends', async () => {
    const recorder = await recordVoice();
    vi.stubGlobal(
      'File',
      class {
        constructor() {
          throw new Error('out of memory');
        }
      },
    );
    const stopped = recorder.stop();
    await pass(10);
    await expect(stopped).rejects.toMatchObject({ code: 'internal' });
  });

  test('by an error', async () => {
    const recorder = await recordVoice();
    microphone.fail();
    await expect(recorder.recorded).rejects.toMatchObject({ code: 'no_microphone' });
  });
});

describe('a waveform', () => {
  test('has 64 values, of which the loudest is 255', () => {
    expect(waveformOf([])).toEqual(Array(64).fill(0));
    expect(waveformOf([0.5])).toEqual(Array(64).fill(255));
    const long = waveformOf(Array.from({ length: 6_400 }, (_, place) => place / 6_400));
    expect(long).toHaveLength(64);
    expect(long).toEqual([...long].sort((a, b) => a - b));
    expect(long.at(-1)).toBe(255);
  });

  test('can be made of a recording of any length', () => {
    expect(waveformOf(Array(10_000_000).fill(0.5))).toEqual(Array(64).fill(255));
  });

  test('has levels as people hear them', () => {
    expect(levelOf([])).toBe(0);
    expect(levelOf([0, 0])).toBe(0);
    expect(levelOf([1, -1])).toBe(1);
    expect(levelOf([0.1, -0.1])).toBeCloseTo(2 / 3);
  });
});
