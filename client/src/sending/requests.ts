/**
 * Requests about channels. They outlive a connection: they wait for a link to the server, join the channel on it, and are
 * made again on the next link if it ends.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import type { Connection } from '../connection/connection.js';
import { check } from '../connection/encode.js';
import type { Fields, Link } from '../connection/link.js';
import type { Environment } from '../environment.js';
import { disconnected, type FunnelcastError, toError } from '../errors.js';
import type { Feed } from '../feed/feed.js';
import type { Feeds } from '../feed/feeds.js';
import type { Memberships } from '../feed/memberships.js';
import { backoff, pause, retry, unlessAborted } from '../waiting.js';
import type { ActionName, Actions, PresenceDraft, SendFields, Sent } from '../wire.js';

/** How often a request may conflict with the state of its channel before the error becomes its result. */
const CONFLICTS_MAX = 3;

/** Makes requests about channels. */
export class Requests {
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

  /**
   * Makes a request, after the channel has been joined, so that nothing that follows the reply is missed. A request that could
   * never be sent is rejected at once.
   */
  async request<A extends 'ack' | 'history' | 'inbox' | 'presence' | 'receipts' | 'search'>(
    action: A,
    channel: Channel,
    fields: Fields<A>,
    signal: AbortSignal | undefined,
  ): Promise<Actions[A]['reply']> {
    signal?.throwIfAborted();
    check(action, fields);
    return this.persist(action, channel, link => link.request(action, fields), signal);
  }

  /**
   * Makes a request that is safe to repeat, on any link, after the channel has been joined and has caught up there.
   *
   * @param attempt - makes the request once
   */
  persist<T>(
    action: ActionName,
    channel: Channel,
    attempt: (link: Link) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return this.#withFeed(channel, async feed => {
      for (let losses = 0, conflicts = 0; ; ) {
        const link = await this.#connection.link(action, signal);
        try {
          await unlessAborted(this.#memberships.join(link, feed), signal);
          return await retry(this.#env, () => attempt(link), signal);
        } catch (thrown) {
          signal?.throwIfAborted();
          const error = toError(thrown);
          if (error.code === 'disconnected') {
            await pause(this.#env, backoff(losses++, this.#env.random), signal);
          } else if (conflicts++ === CONFLICTS_MAX) {
            throw error;
          } else {
            await this.#resolve(error, link, feed);
          }
        }
      }
    });
  }

  /** Publishes an ephemeral event: now, or not at all. */
  async publish(fields: SendFields, signal: AbortSignal | undefined): Promise<Sent> {
    const { channel, event, data } = fields;
    check('send', fields);
    return this.#withFeed(channel, async feed => {
      const isStatus = event === 'presence.update';
      if (isStatus) feed.ownStatus = { status: (data as PresenceDraft).status };
      const link = this.#connection.current('leave');
      if (!link) throw disconnected(`there is no connection for ${event}`);
      await unlessAborted(this.#memberships.join(link, feed), signal);
      const sent = isStatus ? this.#memberships.sendStatus(link, feed) : link.request('send', fields);
      return unlessAborted(sent, signal);
    });
  }

  /** Resolves a conflict between a request and the state of its channel; throws if that is not possible. */
  async #resolve(error: FunnelcastError, link: Link, feed: Feed): Promise<void> {
    if (error.code === 'not_joined') this.#memberships.rejoin(link, feed);
    else if (error.code === 'conflict')
      await feed.catchUp(link).catch(() => {}); // the `base` is too far behind
    else throw error;
  }

  /** Keeps the channel in use until `use` has finished. */
  async #withFeed<T>(channel: Channel, use: (feed: Feed) => Promise<T>): Promise<T> {
    const { feed, release } = this.#feeds.hold(channel);
    try {
      return await use(feed);
    } finally {
      release();
    }
  }
}
