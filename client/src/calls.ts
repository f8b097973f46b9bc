/**
 * Requests that outlive a connection: they wait for a way to the server, and are made again on the next one if it ends.
 *
 * @module
 */

import { backoff } from './backoff.js';
import type { Environment } from './environment.js';
import { toError } from './errors.js';
import type { Feed } from './feed.js';
import { type Link, persist } from './link.js';
import { pause, unlessAborted } from './waiting.js';
import type { ActionName } from './wire.js';

/** How often the state of a channel may contradict a request before that is believed. */
const CONTRADICTIONS_MAX = 3;

/** A request about a channel, of which a repeat does no harm. */
export interface Call<T> {
  action: ActionName;
  feed: Feed;
  /** Makes the request, once. */
  attempt(link: Link): Promise<T>;
  signal?: AbortSignal | undefined;
}

/**
 * Makes a request on whatever link there is, the channel being joined and caught up on it.
 *
 * @param getLink - waits for the way on which the action can go
 */
export async function call<T>(
  env: Environment,
  getLink: (action: ActionName, signal?: AbortSignal) => Promise<Link>,
  { action, feed, attempt, signal }: Call<T>,
): Promise<T> {
  let contradictions = 0;
  for (let losses = 0; ; ) {
    const link = await getLink(action, signal);
    try {
      await unlessAborted(feed.join(link), signal);
      return await persist(env, () => attempt(link), signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = toError(thrown);
      if (error.code === 'disconnected') {
        await pause(env, backoff(losses++, env.random), signal);
      } else if (error.code === 'not_joined' && contradictions++ < CONTRADICTIONS_MAX) {
        feed.forget(link);
      } else if (error.code === 'conflict' && contradictions++ < CONTRADICTIONS_MAX) {
        await feed.catchUp(link).catch(() => {}); // our base is too far behind
      } else {
        throw error;
      }
    }
  }
}
