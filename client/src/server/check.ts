/**
 * What the stack will take, checked before it is sent: an event that does not validate ends in the dead letters, where
 * its sender would never look.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';

/** The longest display name of a thing, in bytes. */
export const TITLE_BYTES_MAX = 256;
/** The longest line of explanation, in bytes. */
export const MESSAGE_BYTES_MAX = 4 * 1024;
/** The longest chat message, in bytes. */
export const CONTENT_BYTES_MAX = 16 * 1024;
/** The largest metadata of a chat message, in bytes of JSON. */
export const METADATA_BYTES_MAX = 4 * 1024;

/** The bytes of a text as UTF-8. */
export function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Whether it is an id: `[A-Za-z0-9_-]{1,64}`. */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

/** Passes an id on. */
export function checkId(id: string, what: string): string {
  if (isId(id)) return id;
  throw new FunnelcastError('bad_request', `${what} is [A-Za-z0-9_-]{1,64}, not ${JSON.stringify(id)}`);
}

/** Passes a text on: 1 to `max` bytes of UTF-8. */
export function checkText(text: string, max: number, what: string): string {
  const length = bytes(text);
  if (length === 0) throw new FunnelcastError('bad_request', `${what} is empty`);
  if (length > max) throw new FunnelcastError('too_large', `${what} is larger than ${max} bytes`);
  return text;
}

/** Passes a percentage on: a number from 0 to 100. */
export function checkPercent(number: number, what: string): number {
  if (Number.isFinite(number) && number >= 0 && number <= 100) return number;
  throw new FunnelcastError('bad_request', `${what} must be a number from 0 to 100, not ${number}`);
}

/** Passes the number of a state on: a whole number, 0 or more, that JSON keeps exactly. */
export function checkRevision(revision: number): number {
  if (Number.isSafeInteger(revision) && revision >= 0) return revision;
  throw new FunnelcastError(
    'bad_request',
    `revision must be a whole number from 0 to 2^53 - 1, not ${revision}`,
  );
}
