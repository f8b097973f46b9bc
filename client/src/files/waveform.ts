/**
 * How loud a recording is: from samples of sound to a level, and from the levels of a whole recording to its waveform.
 *
 * @module
 */

import { WAVEFORM_VALUES_MAX } from '../wire.js';

/** The level that is shown as silence, in decibels below the loudest possible. */
const SILENCE_DB = -60;

/**
 * The level of some samples as people hear it, from 0 for silence to 1.
 *
 * @param samples - each from -1 to 1
 */
export function levelOf(samples: ArrayLike<number>): number {
  let squares = 0;
  for (let place = 0; place < samples.length; place++) squares += (samples[place] as number) ** 2;
  const decibels = 10 * Math.log10(squares / Math.max(1, samples.length));
  return Math.min(1, Math.max(0, 1 - decibels / SILENCE_DB));
}

/**
 * The waveform of a recording: 64 values from 0 to 255, of which the loudest is 255 unless all is silent.
 *
 * @param levels - the levels from the beginning to the end, at equal distances
 */
export function waveformOf(levels: readonly number[]): number[] {
  const loudest = loudestOf(levels);
  return Array.from({ length: WAVEFORM_VALUES_MAX }, (_, place) => {
    const from = Math.floor((place * levels.length) / WAVEFORM_VALUES_MAX);
    const to = Math.max(from + 1, Math.floor(((place + 1) * levels.length) / WAVEFORM_VALUES_MAX));
    const level = loudestOf(levels.slice(from, to));
    return loudest > 0 ? Math.round((255 * level) / loudest) : 0;
  });
}

/** The loudest level, or 0. A recording of some hours has more levels than a call can have arguments. */
function loudestOf(levels: readonly number[]): number {
  return levels.reduce((loudest, level) => Math.max(loudest, level), 0);
}
