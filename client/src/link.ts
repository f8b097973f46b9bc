/**
 * A way to the server, and asking on it again what the server could not answer just then.
 *
 * @module
 */

import { backoff } from './backoff.js';
import type { Environment } from './environment.js';
import { FunnelcastError } from './errors.js';
import { pause, unlessAborted } from './waiting.js';
import type { ActionName, Actions, Joined } from './wire.js';

/** How often a request is made before its refusal is believed. */
export const TRIES_MAX = 8;

/** `T`, where a field that is optional may also be `undefined`: JSON has no such thing, and leaves it out. */
export type Loose<T> = {
  [Name in keyof T]: object extends Pick<T, Name> ? T[Name] | undefined : T[Name];
};

/** The fields of a request. */
export type Fields<A extends ActionName> = Loose<Actions[A]['fields']>;

/** The reply to a join; a link on which nobody is seen leaves out who is here. */
export type JoinReply = Omit<Joined, 'presence' | 'at'> & Partial<Pick<Joined, 'presence' | 'at'>>;

/** A socket, or HTTP. */
export interface Link {
  /** Whether requests can be made. */
  readonly isOpen: boolean;
  /** Makes a request, once. Fails with a {@link FunnelcastError}. */
  request<A extends ActionName>(action: A, fields: Fields<A>): Promise<Actions[A]['reply']>;
  /** What takes the place of the action `join` where nothing comes by itself: reading what is new. */
  join?(fields: Fields<'join'>): Promise<JoinReply>;
}

/** The link that is left while WebSockets fail. */
export interface FallbackLink extends Link {
  /** Whether this action can go that way. */
  can(action: ActionName): boolean;
}

/**
 * Makes a request that may be repeated, again and again while the server is too busy, does not answer, or reports an
 * error of its own.
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
      await pause(env, retryDelay(env, error as FunnelcastError, tries), signal);
    }
  }
}

/** Whether the same request may get another answer later. */
export function isPassing(error: unknown): boolean {
  return error instanceof FunnelcastError && /^(rate_limited|internal|timeout)$/.test(error.code);
}

/** How long to wait before the next try: never nothing, since that is no help to a server in trouble. */
export function retryDelay(env: Environment, error: FunnelcastError, tries: number): number {
  return (error.retryAfterMs ?? 0) + backoff(tries, env.random);
}
