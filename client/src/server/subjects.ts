/**
 * Users whom another issuer has named.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { isId } from './check.js';
import { base64url } from './jwt.js';

/** An id that is made of a subject. */
const MADE = /^sub-[A-Za-z0-9_-]{43}$/;

/**
 * The id of the user whom an issuer calls `subject` (`sub`): the subject itself where it is an id, `[A-Za-z0-9_-]{1,64}`, and
 * else one that is made of its SHA-256. One that reads as if it were made is not taken for an id, so that nobody can choose
 * the subject that is another user's id.
 *
 * @param subject what the issuer calls the user, as in their token; not empty
 * @throws {FunnelcastError} `bad_request` where it is empty
 *
 * @example
 * ```ts
 * const id = await userIdOf('auth0|5f7c8ec7');
 * await realTimeUpdates.sendUserNotification({ id }, { level: 'info', title: 'Welcome', message: 'Your shop is open.' });
 * ```
 */
export async function userIdOf(subject: string): Promise<string> {
  if (subject === '') throw new FunnelcastError('bad_request', 'a subject is not empty');
  if (isId(subject) && !isMadeId(subject)) return subject;
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(subject));
  return `sub-${base64url(new Uint8Array(hash))}`;
}

/** Whether an id has the form of those that {@link userIdOf} makes. */
export function isMadeId(id: string): boolean {
  return MADE.test(id);
}
