/**
 * How long to wait before the next try.
 *
 * @module
 */

/** The longest wait. */
export const BACKOFF_MS_MAX = 30_000;
/** What the wait's bound starts from; it doubles with every failure. */
const BACKOFF_MS_FIRST = 500;

/**
 * Full jitter: anything from nothing to a bound that doubles (1 s, 2 s, 4 s ... {@link BACKOFF_MS_MAX}), so that the
 * clients that one outage has cut off do not come back all at once.
 *
 * @param failures - how many tries have failed in a row; after none, the next try is at once
 * @param random - from 0 up to 1
 */
export function backoff(failures: number, random: () => number): number {
  if (failures <= 0) return 0;
  return random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.min(failures, 16));
}
