/**
 * Users whom another issuer has named.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { isId } from './check.js';

/**
 * The id of the user whose `oidc` tokens have this `sub`: the `sub` itself where it is an id, `[A-Za-z0-9_-]{1,64}`, and
 * else one that is made of its SHA-256. It needs the package `jose`.
 *
 * @param subject what the issuer calls him, as in his token; anything but nothing
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
  if (isId(subject)) return subject;
  const { base64url } = await import('jose');
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(subject));
  return `sub-${base64url.encode(new Uint8Array(hash))}`;
}
