/**
 * Requests that outlive a connection: they wait for a way to the server, and are made again on the next one if it ends.
 *
 * @module
 */

import { backoff } from './backoff.js';
import type { Channel } from './channels.js';
import type { Connection } from './connection.js';
import { check } from './encode.js';
import type { Environment } from './environment.js';
import { FunnelcastError, toError } from './errors.js';
import type { Feed } from './feed.js';
import type { Feeds } from './feeds.js';
import { type Fields, type Link, persist } from './link.js';
import type { Memberships } from './memberships.js';
import { pause, unlessAborted } from './waiting.js';
import type { ActionName, Actions, PresenceDraft, SendFields, Sent } from './wire.js';

/** How often the state of a channel may contradict a request before that is believed. */
const CONTRADICTIONS_MAX = 3;

/** Makes the requests about channels. */
export class Calls {
  readonly #env: Environment;
  readonly #connection: Connection;
  readonly #feeds: Feeds;
  readonly #memberships: Memberships;

  constructor(env: Environment, connection: Connection, feeds: Feeds, memberships: Memberships) {
    this.#env = env;
    this.#connection = connection;
    this.#feeds = feeds;
    this.#memberships = memberships;
  }

  /** Makes a request, which is refused at once where it can never be sent. */
  async ask<A extends 'ack' | 'history' | 'receipts' | 'presence'>(
    action: A,
    fields: Fields<A>,
    signal: AbortSignal | undefined,
  ): Promise<Actions[A]['reply']> {
    signal?.throwIfAborted();
    check(action, fields);
    return this.persist(action, fields.channel, link => link.request(action, fields), signal);
  }

  /**
   * Makes a request, of which a repeat does no harm, on whatever link there is, the channel being joined and caught up
   * on it.
   *
   * @param attempt - makes the request, once
   */
  persist<T>(
    action: ActionName,
    channel: Channel,
    attempt: (link: Link) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return this.#holding(channel, async feed => {
      for (let losses = 0, contradictions = 0; ; ) {
        const link = await this.#connection.link(action, signal);
        try {
          await unlessAborted(this.#memberships.join(link, feed), signal);
          return await persist(this.#env, () => attempt(link), signal);
        } catch (thrown) {
          signal?.throwIfAborted();
          const error = toError(thrown);
          if (error.code === 'disconnected') await pause(this.#env, this.#backoff(losses++), signal);
          else if (contradictions++ === CONTRADICTIONS_MAX) throw error;
          else await this.#mend(error, link, feed);
        }
      }
    });
  }

  /** Publishes what is of the moment: now, or not at all. */
  async publish(fields: SendFields, signal: AbortSignal | undefined): Promise<Sent> {
    const { channel, event, data } = fields;
    check('send', fields);
    return this.#holding(channel, async feed => {
      const isStatus = event === 'presence.update';
      if (isStatus) feed.setStatus((data as PresenceDraft).status);
      const link = this.#connection.current('leave');
      if (!link) throw new FunnelcastError('disconnected', `no connection for ${event}`);
      await unlessAborted(this.#memberships.join(link, feed), signal);
      const sent = isStatus ? this.#memberships.say(link, feed) : link.request('send', fields);
      return unlessAborted(sent, signal);
    });
  }

  #backoff(losses: number): number {
    return backoff(losses, this.#env.random);
  }

  /** Does what lets a request go through that contradicts the state of its channel; throws where nothing does. */
  async #mend(error: FunnelcastError, link: Link, feed: Feed): Promise<void> {
    if (error.code === 'not_joined') this.#memberships.rejoin(link, feed);
    else if (error.code === 'conflict')
      await feed.catchUp(link).catch(() => {}); // our base is too far behind
    else throw error;
  }

  /** The channel stays joined as long as `use` is at work. */
  async #holding<T>(channel: Channel, use: (feed: Feed) => Promise<T>): Promise<T> {
    const { feed, release } = this.#feeds.hold(channel);
    try {
      return await use(feed);
    } finally {
      release();
    }
  }
}
