/**
 * A way to the server, and asking on it again what the server could not answer just then.
 *
 * @module
 */

import { backoff } from './backoff.js';
import type { Environment } from './environment.js';
import { FunnelcastError } from './errors.js';
import type { Feed, JoinInfo } from './feed.js';
import { pause, unlessAborted } from './waiting.js';
import type { ActionName, Actions } from './wire.js';

/** How often a request is made before its refusal is believed. */
const TRIES_MAX = 8;

/** `T`, where a field that is optional may also be `undefined`: JSON has no such thing, and leaves it out. */
export type Loose<T> = {
  [Name in keyof T]: object extends Pick<T, Name> ? T[Name] | undefined : T[Name];
};

/** The fields of a request. */
export type Fields<A extends ActionName> = Loose<Actions[A]['fields']>;

/** A socket, or HTTP. */
export interface Link {
  /** Makes a request, once. Fails with a {@link FunnelcastError}. */
  request<A extends ActionName>(action: A, fields: Fields<A>): Promise<Actions[A]['reply']>;
  /** What takes the place of joining, where nothing comes by itself: finding out where the channel's log ends. */
  begin?(feed: Feed): Promise<JoinInfo>;
}

/**
 * Makes a request of which a repeat does no harm, again and again where the server is too busy, does not answer, or
 * says that it was its own fault.
 */
export async function persist<T>(
  env: Environment,
  attempt: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    try {
      return await unlessAborted(attempt(), signal);
    } catch (error) {
      if (!isPassing(error) || tries === TRIES_MAX) throw error;
      // Never at once: a server that is in trouble is not helped by that.
      await pause(env, (error.retryAfterMs ?? 0) + backoff(tries, env.random), signal);
    }
  }
}

/** Whether the same request may get another answer later. */
export function isPassing(error: unknown): error is FunnelcastError {
  return error instanceof FunnelcastError && /^(rate_limited|internal|timeout)$/.test(error.code);
}
