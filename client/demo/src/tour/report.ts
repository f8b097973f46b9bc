/**
 * What the tour reports, derived from what both people have received.
 *
 * @module
 */

import { inWords } from '../chat/latency.js';
import type { Arrival } from './use-arrivals.js';

/** How far the tour is. */
export interface Progress {
  /** When the network was cut or, if it was not, when the tour last wrote. */
  since: number;
  isCut: boolean;
  /** When the network was mended; absent if it has not been cut. */
  mendedAt?: number;
  /** What the tour has written since. */
  written: readonly string[];
}

/** A person of the tour, and what they have received. */
export interface Witness {
  name: string;
  arrivals: readonly Arrival[];
}

/** Says in a sentence what has happened. `other` is the one whose network is cut. */
export function report({ since, isCut, mendedAt, written }: Progress, one: Witness, other: Witness): string {
  if (isCut) {
    return written.length === 0
      ? `${other.name} is offline, and ${one.name}’s app has not noticed. Now write.`
      : `${written.length} messages written. ${other.name}’s wait on their device, ${one.name}’s wait in the log. Now mend.`;
  }
  if (written.length === 0) {
    return mendedAt === undefined
      ? `Everything here is live. Cut ${other.name}’s network, write from both sides, and mend it.`
      : 'The network is back, and there was nothing to catch up with.';
  }
  const [ofOne, ofOther] = [one, other].map(({ arrivals }) =>
    arrivals.filter(({ content, at }) => at >= since && written.includes(content)),
  ) as [Arrival[], Arrival[]];
  if (ofOne.length < written.length || ofOther.length < written.length) return 'On the way…';
  if (mendedAt === undefined) {
    const slowestMs = Math.max(...[...ofOne, ...ofOther].map(({ tookMs }) => tookMs));
    return `${written.length} messages written, and on both screens within ${inWords(slowestMs)}.`;
  }
  const backMs = Math.max(...[...ofOne, ...ofOther].map(({ at }) => at)) - mendedAt;
  return `${verdictOn(ofOne, ofOther, written.length)}, ${inWords(backMs)} after the network came back.`;
}

/** Compares what both people have received. */
function verdictOn(ofOne: Arrival[], ofOther: Arrival[], count: number): string {
  const seqs = (arrivals: Arrival[]) => arrivals.map(({ seq }) => seq).join(' ');
  const isOnce = new Set(ofOne.map(({ seq }) => seq)).size === count && ofOne.length === count;
  if (seqs(ofOne) !== seqs(ofOther)) return 'The two differ';
  return isOnce
    ? `Nothing is lost: both have the ${count} messages, once and in the same order`
    : 'Some arrived twice';
}
