/**
 * Checks of what a backend sends, by the limits of the stack: the bus accepts every event, and one that the stack refuses
 * goes to the dead letters, where its sender does not see it.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { ID_PATTERN, KEY_PATTERN } from '../wire.js';

/** The size of a text in bytes of UTF-8. */
export function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Whether a text is an id: `[A-Za-z0-9_-]{1,64}`. */
export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

/** The error of a value that the stack would refuse. */
function invalid(
  field: string,
  must: string,
  code: 'bad_request' | 'too_large' = 'bad_request',
): FunnelcastError {
  return new FunnelcastError(code, `${field} ${must}`, undefined, field);
}

/** Returns an id that is well-formed, and throws otherwise. */
export function checkId(id: string, field: string): string {
  if (isId(id)) return id;
  throw invalid(field, `must match ${ID_PATTERN.source}, and is ${JSON.stringify(id)}`);
}

/** Returns a text of 1 to `max` bytes, and throws otherwise. */
export function checkText(text: string, max: number, field: string): string {
  const length = bytes(text);
  if (length === 0) throw invalid(field, 'must not be empty');
  if (length > max) throw invalid(field, `must be at most ${max} bytes, and has ${length}`, 'too_large');
  return text;
}

/** Returns a number from 0 to 100, and throws otherwise. */
export function checkPercent(number: number, field: string): number {
  if (Number.isFinite(number) && number >= 0 && number <= 100) return number;
  throw invalid(field, `must be a number from 0 to 100, and is ${number}`);
}

/** Returns a whole number from 0 on that JSON keeps exactly, and throws otherwise. */
export function checkWhole(number: number, field: string): number {
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw invalid(field, `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, and is ${number}`);
}

/** Returns a key that is well-formed, and throws otherwise. */
export function checkKey(key: string): string {
  if (KEY_PATTERN.test(key)) return key;
  throw invalid('key', `must match ${KEY_PATTERN.source}, and is ${JSON.stringify(key)}`);
}
