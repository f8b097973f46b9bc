/**
 * Users whom another issuer has named.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { isId } from './check.js';
import { base64url } from './jwt.js';

/**
 * The id of the user whose `oidc` tokens have this `sub`: the `sub` itself where it is an id, `[A-Za-z0-9_-]{1,64}`, and
 * else one that is made of its SHA-256.
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
  if (isId(subject)) return subject;
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(subject));
  return `sub-${base64url(new Uint8Array(hash))}`;
}
