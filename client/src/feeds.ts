/**
 * The channels in use: each has one feed, which lives as long as somebody holds it, and a little longer.
 *
 * @module
 */

import type { Channel } from './channels.js';
import type { Environment } from './environment.js';
import { Feed, type FeedHooks } from './feed.js';

/** How long a channel stays joined that nobody holds: a page that changes its mind costs no leave and join. */
const LINGER_MS = 5_000;

/** A feed that stays as long as it is held. */
export interface Hold {
  feed: Feed;
  release(): void;
}

/** Where feeds come from, and what becomes of them. */
interface FeedsHooks {
  hooks(feed: () => Feed): FeedHooks;
  /** Nobody wants it any more. */
  removed(feed: Feed): void;
}

interface Entry {
  feed: Feed;
  holds: number;
  cancelRemoval: () => void;
}

/** All feeds of a client. */
export class Feeds implements Iterable<Feed> {
  /** The world around. */
  readonly env: Environment;
  readonly #hooks: FeedsHooks;
  readonly #entries = new Map<Channel, Entry>();

  constructor(env: Environment, hooks: FeedsHooks) {
    this.env = env;
    this.#hooks = hooks;
  }

  /** The feed of a channel, if it is in use. */
  get(channel: string): Feed | undefined {
    return this.#entries.get(channel as Channel)?.feed;
  }

  /** Takes the feed of a channel. */
  hold(channel: Channel): Hold {
    const held = this.#entries.get(channel) ?? this.#add(channel);
    held.holds++;
    held.cancelRemoval();
    let isHeld = true;
    return {
      feed: held.feed,
      release: () => {
        if (isHeld && --held.holds === 0) {
          held.cancelRemoval = this.env.after(LINGER_MS, () => this.#remove(held));
        }
        isHeld = false;
      },
    };
  }

  *[Symbol.iterator](): Iterator<Feed> {
    for (const { feed } of this.#entries.values()) yield feed;
  }

  #add(channel: Channel): Entry {
    const feed: Feed = new Feed(
      this.env,
      channel,
      this.#hooks.hooks(() => feed),
    );
    const entry = { feed, holds: 0, cancelRemoval: () => {} };
    this.#entries.set(channel, entry);
    return entry;
  }

  #remove({ feed }: Entry): void {
    this.#entries.delete(feed.channel);
    feed.dispose();
    this.#hooks.removed(feed);
  }
}
