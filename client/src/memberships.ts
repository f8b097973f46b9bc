/**
 * What is joined on each link, and what is to be: the one place that asks for channels and lets them go.
 *
 * Wanted are the channels that are in use. Each link that is up (during a rotation there are two) has its own roll, and
 * whatever changes on either side is carried out on all: a link that opens joins all channels, a new channel is joined on
 * all links, one that is no longer in use is left on all.
 *
 * @module
 */

import type { Environment } from './environment.js';
import { FunnelcastError } from './errors.js';
import type { Feed } from './feed.js';
import type { Link } from './link.js';
import { Roll } from './roll.js';
import type { EndCode } from './socket.js';
import type { Sent } from './wire.js';

/** What is joined on each link. */
export class Memberships {
  readonly #env: Environment;
  readonly #wanted: Iterable<Feed>;
  readonly #rolls = new Map<Link, Roll>();
  /** Channels whose join was under way when a socket was closed because a frame was too large. */
  readonly #suspects = new Set<string>();
  /** Those for which that happened again when they were joined alone. They are not asked for by themselves any more. */
  readonly #banned = new Set<string>();

  /** @param wanted - the channels in use */
  constructor(env: Environment, wanted: Iterable<Feed>) {
    this.#env = env;
    this.#wanted = wanted;
  }

  /** A link is up: joins all channels on it. Resolves when each has its answer, those too that were added meanwhile. */
  async open(link: Link): Promise<void> {
    const roll = new Roll(this.#env, link);
    this.#rolls.set(link, roll);
    for (const feed of this.#wanted) if (!this.#banned.has(feed.channel)) this.#join(roll, feed);
    await roll.settled();
  }

  /**
   * A link has ended, or is no longer to be used.
   *
   * @param code - `too_large` where it has ended because of a frame
   */
  end(link: Link, code?: EndCode): void {
    const roll = this.#rolls.get(link);
    if (!roll) return;
    this.#rolls.delete(link);
    if (code === 'too_large') this.#suspect(roll.asked);
    roll.end();
  }

  /** A channel is in use, or somebody new asks for it: it is joined wherever it is not. */
  add(feed: Feed): void {
    this.#banned.delete(feed.channel);
    for (const roll of this.#rolls.values()) this.#join(roll, feed);
  }

  /** A channel is no longer in use: it is left wherever it is joined. */
  remove(feed: Feed): void {
    this.#banned.delete(feed.channel);
    this.#suspects.delete(feed.channel);
    for (const roll of this.#rolls.values()) roll.leave(feed);
  }

  /** Joins a channel on a link, where it is not, and on all others; resolves when it is joined on that one. */
  join(link: Link, feed: Feed): Promise<void> {
    if (this.#banned.has(feed.channel)) return Promise.reject(tooLarge());
    this.add(feed);
    return this.#rolls.get(link)?.join(feed) ?? Promise.reject(gone());
  }

  /** The server says that a channel is not joined on a link where it was: it is joined again. */
  rejoin(link: Link, feed: Feed): void {
    this.#rolls.get(link)?.rejoin(feed);
  }

  /**
   * The user has lost a channel. False: they have asked for it again since, so this is not about what they have now.
   *
   * @param source - the link on which that was said
   * @param order - the place of the join that it is about
   */
  revoke(feed: Feed, source: object, order: number | undefined): boolean {
    if (this.#rolls.get(source as Link)?.isPast(feed, order)) return false;
    for (const roll of this.#rolls.values()) roll.revoke(feed);
    return true;
  }

  /** Whether a channel is joined on a link. */
  has(link: Link, feed: Feed): boolean {
    return this.#rolls.get(link)?.has(feed) === true;
  }

  /** Says the user's status in a channel, on all links. */
  say(link: Link, feed: Feed): Promise<Sent> {
    for (const roll of this.#rolls.values()) if (roll.has(feed)) roll.say(feed).catch(() => {});
    return this.#rolls.get(link)?.say(feed) ?? Promise.reject(gone());
  }

  #join(roll: Roll, feed: Feed): void {
    const pace = this.#suspects.has(feed.channel) ? 'alone' : 'at once';
    roll.join(feed, pace).then(
      () => this.#suspects.delete(feed.channel),
      () => {}, // the feed tells its listeners
    );
  }

  #suspect(asked: Feed[]): void {
    for (const feed of asked) {
      if (asked.length === 1 && this.#suspects.has(feed.channel)) {
        this.#banned.add(feed.channel);
        feed.refuse(tooLarge());
      }
      this.#suspects.add(feed.channel);
    }
  }
}

function tooLarge(): FunnelcastError {
  return new FunnelcastError('too_large', 'the server takes no frame as large as the join is');
}

function gone(): FunnelcastError {
  return new FunnelcastError('disconnected', 'the connection has ended');
}
