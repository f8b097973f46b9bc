/**
 * Checks of what a backend sends, by the limits of the stack: the bus accepts every event, and one that the stack refuses
 * goes to the dead letters, where its sender does not see it.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { ID_PATTERN } from '../wire.js';

/** The size of a text in bytes of UTF-8. */
export function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Whether a text is an id: `[A-Za-z0-9_-]{1,64}`. */
export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

/** Returns an id that is well-formed, and throws otherwise. */
export function checkId(id: string, what: string): string {
  if (isId(id)) return id;
  throw new FunnelcastError(
    'bad_request',
    `${what} must match ${ID_PATTERN.source}, and is ${JSON.stringify(id)}`,
  );
}

/** Returns a text of 1 to `max` bytes, and throws otherwise. */
export function checkText(text: string, max: number, what: string): string {
  const length = bytes(text);
  if (length === 0) throw new FunnelcastError('bad_request', `${what} must not be empty`);
  if (length > max) {
    throw new FunnelcastError('too_large', `${what} must be at most ${max} bytes, and has ${length}`);
  }
  return text;
}

/** Returns a number from 0 to 100, and throws otherwise. */
export function checkPercent(number: number, what: string): number {
  if (Number.isFinite(number) && number >= 0 && number <= 100) return number;
  throw new FunnelcastError('bad_request', `${what} must be a number from 0 to 100, and is ${number}`);
}

/** Returns a whole number from 0 on that JSON keeps exactly, and throws otherwise. */
export function checkRevision(revision: number): number {
  if (Number.isSafeInteger(revision) && revision >= 0) return revision;
  throw new FunnelcastError(
    'bad_request',
    `revision must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, and is ${revision}`,
  );
}
