/**
 * Memberships: joins every channel in use on every link, and leaves it when it is no longer in use. Nothing else joins or
 * leaves channels.
 *
 * There are two links during a rotation. A link that opens joins all channels in use; a channel that comes into use is joined on
 * all links, and is later left on all.
 *
 * @module
 */

import type { Link } from '../connection/link.js';
import type { EndCode } from '../connection/socket.js';
import type { Environment } from '../environment.js';
import { disconnected, FunnelcastError } from '../errors.js';
import type { Sent } from '../wire.js';
import type { Feed } from './feed.js';
import { LinkMemberships } from './link-memberships.js';

/** The memberships of a client on all its links. */
export class Memberships {
  readonly #env: Environment;
  readonly #feeds: Iterable<Feed>;
  readonly #links = new Map<Link, LinkMemberships>();
  /** Channels whose join was unanswered when a socket was closed because a frame was too large. */
  readonly #suspects = new Set<string>();
  /** Suspects that caused the same when they were joined alone. They are joined again only when an app subscribes. */
  readonly #tooLarge = new Set<string>();

  /** @param feeds - the channels in use */
  constructor(env: Environment, feeds: Iterable<Feed>) {
    this.#env = env;
    this.#feeds = feeds;
  }

  /** Joins all channels in use on a link that has opened. Resolves when each join has been answered, later ones included. */
  async open(link: Link): Promise<void> {
    const memberships = new LinkMemberships(this.#env, link);
    this.#links.set(link, memberships);
    for (const feed of this.#feeds) {
      if (feed.holds > 0 && !this.#tooLarge.has(feed.channel)) this.#join(memberships, feed);
    }
    await memberships.answered();
  }

  /**
   * Forgets a link that has ended, or must not be used any more.
   *
   * @param code - `too_large` if the link has ended because of a frame
   */
  end(link: Link, code?: EndCode): void {
    const memberships = this.#links.get(link);
    if (!memberships) return;
    this.#links.delete(link);
    if (code === 'too_large') this.#suspect(memberships.unanswered);
    memberships.end();
  }

  /** Joins a channel on every link on which it is not joined: it is in use, or has a new subscription. */
  add(feed: Feed): void {
    this.#tooLarge.delete(feed.channel);
    for (const memberships of this.#links.values()) this.#join(memberships, feed);
  }

  /** Leaves a channel that is no longer in use on every link. */
  remove(feed: Feed): void {
    this.#tooLarge.delete(feed.channel);
    this.#suspects.delete(feed.channel);
    for (const memberships of this.#links.values()) memberships.leave(feed);
  }

  /** Joins a channel on all links; resolves when it is joined on the given one. */
  join(link: Link, feed: Feed): Promise<void> {
    if (this.#tooLarge.has(feed.channel)) return Promise.reject(tooLarge());
    this.add(feed);
    return this.#links.get(link)?.join(feed) ?? Promise.reject(disconnected());
  }

  /** Joins a channel again on a link on which it was joined, but according to the server no longer is. */
  rejoin(link: Link, feed: Feed): void {
    this.#links.get(link)?.rejoin(feed);
  }

  /**
   * Takes note that the user has lost a channel. Returns `false` if it has been joined again since, so that the loss is not
   * about the current membership.
   *
   * @param source - the link on which the server reported it
   * @param order - the number of the join that it is about
   */
  revoke(feed: Feed, source: object, order: number | undefined): boolean {
    if (this.#links.get(source as Link)?.hasRejoined(feed, order)) return false;
    for (const memberships of this.#links.values()) memberships.revoke(feed);
    return true;
  }

  /** Whether a channel is joined on a link. */
  has(link: Link, feed: Feed): boolean {
    return this.#links.get(link)?.has(feed) === true;
  }

  /** Sends the user's status in a channel on all links; resolves when it is sent on the given one. */
  sendStatus(link: Link, feed: Feed): Promise<Sent> {
    for (const each of this.#links.values()) if (each.has(feed)) each.sendStatus(feed).catch(() => {});
    return this.#links.get(link)?.sendStatus(feed) ?? Promise.reject(disconnected());
  }

  #join(memberships: LinkMemberships, feed: Feed): void {
    const mode = this.#suspects.has(feed.channel) ? 'alone' : 'together';
    memberships.join(feed, mode).then(
      () => this.#suspects.delete(feed.channel),
      () => {}, // the feed reports it to its listeners
    );
  }

  #suspect(feeds: Feed[]): void {
    for (const feed of feeds) {
      if (feeds.length === 1 && this.#suspects.has(feed.channel)) {
        this.#tooLarge.add(feed.channel);
        feed.refuse(tooLarge());
      }
      this.#suspects.add(feed.channel);
    }
  }
}

function tooLarge(): FunnelcastError {
  return new FunnelcastError('too_large', 'the request to join is larger than the server accepts');
}
