/**
 * One listener of a channel, and how far it has come: each hears every durable event after its own beginning, once and
 * in order, whatever the others of the same channel began with.
 *
 * @module
 */

import type { AnyEvent, Durable } from './channels.js';
import { callSafely } from './emitter.js';
import type { FunnelcastError } from './errors.js';
import type { News } from './news.js';
import type { Page, Presence, Timestamp } from './wire.js';

/** A stretch of a channel that is gone for good: the events after `after`, up to but without `next`. */
export interface Loss {
  after: number;
  next: number;
}

/** Where a channel stands when it has been joined. */
export interface JoinInfo {
  /** A seq: what is after it comes to the handler from now on; what is up to it has come, or is in the history. */
  head: number;
  /** Whether nothing was missed since the channel was last joined, or since `since`. */
  recovered: boolean;
  /** Who is here, on channels that tell; empty where they are too many to name. Absent where it was not asked now. */
  presence?: Presence[];
  /** When `presence` was read: news of presence that are not later are in it. */
  at?: Timestamp;
}

/** Somebody who listens to a channel. */
export interface Listener {
  event(event: AnyEvent): void;
  joining?(): void;
  joined?(info: JoinInfo): void;
  lost?(loss: Loss): void;
  refused?(error: FunnelcastError): void;
  /** Gets a grant of the app's backend for just this channel. */
  grant?: (() => Promise<string>) | undefined;
}

/** A listener's place in a channel. */
export class Cursor {
  /** All up to this seq has been told to the listener, or was before its beginning; unknown until it has begun. */
  at: number | undefined;
  /** Whether it reads from the log what the feed has gone past already. */
  isReplaying = false;
  /** What it is to be told as soon as it is where the feed is. */
  pending: Pick<JoinInfo, 'presence' | 'at'> | undefined;
  readonly #listener: Listener;
  readonly #isHeard: () => boolean;
  #hasLost = false;

  /** @param isHeard - whether the listener is to be told anything now */
  constructor(listener: Listener, since: number | undefined, isHeard: () => boolean) {
    this.#listener = listener;
    this.at = since;
    this.#isHeard = isHeard;
    if (since !== undefined) this.pending = {};
  }

  /** It begins at `head`, if it has not begun: it is told so, and then the last value of each key. */
  begin(head: number, info: Pick<JoinInfo, 'presence' | 'at'>, news: News): void {
    if (this.at !== undefined) return;
    this.at = head;
    this.pending = info;
    this.joined();
    for (const event of news.latest()) this.#tell(event);
  }

  /** A durable event, as the feed tells it. */
  live(event: Durable): void {
    // One that is behind does not hear it now: it reads it from the log.
    if (!this.isReplaying && this.at !== undefined && this.at === event.seq - 1) this.#move(event);
  }

  /** An event that is not in the log. */
  moment(event: AnyEvent): void {
    // One that has not begun is told the last value of each metric when it does.
    if (this.at !== undefined || event.event !== 'analytics.update') this.#tell(event);
  }

  /** The last value of a key, which the log no longer has. */
  latest(event: Durable): void {
    if (this.at !== undefined && this.at < event.seq) this.#tell(event);
  }

  /** The feed goes on behind a stretch that is gone, or from lower where the log itself has begun anew. */
  lose(after: number, next: number): void {
    const { at } = this;
    if (at === undefined || this.isReplaying || !(next <= after ? at >= next : at === after)) return;
    this.#skip(next);
  }

  /** It is where the feed is, and is told so if that is new. */
  joined(): void {
    const info = this.pending;
    if (!info || !this.#isHeard()) return;
    this.pending = undefined;
    const recovered = !this.#hasLost;
    this.#hasLost = false;
    callSafely(this.#listener.joined, { head: this.#place, recovered, ...info });
  }

  /** The channel is about to be joined. */
  asked(): void {
    callSafely(this.#listener.joining, undefined);
  }

  refuse(error: FunnelcastError): void {
    callSafely(this.#listener.refused, error);
  }

  /**
   * Reads what is between here and the feed's place.
   *
   * @param end - the feed's place
   * @param read - reads a page of the log
   */
  async replay(end: () => number, read: (after: number) => Promise<Page>): Promise<void> {
    this.isReplaying = true;
    try {
      for (let after = this.#place; after < end(); ) {
        const until = end();
        const page = await read(after);
        for (const event of page.events as Durable[]) if (event.seq > this.#place) this.#move(event);
        if (!this.#isHeard()) return;
        after = page.more ? (page.next ?? page.events.at(-1)?.seq ?? until) : Math.max(until, this.#place);
      }
      // What the log does not have up to there is gone.
      if (this.#place < end()) this.#skip(end() + 1);
    } finally {
      this.isReplaying = false;
    }
    this.joined();
  }

  /** The listener has begun beyond the log's end, or so it seems: `head` is where it ends. */
  async verify(end: () => number, head: () => Promise<number>): Promise<void> {
    this.isReplaying = true;
    try {
      const last = await head();
      if (this.#isHeard() && this.#place > Math.max(last, end())) this.#skip(end() + 1);
    } finally {
      this.isReplaying = false;
    }
    if (this.#place >= end()) this.joined();
  }

  get #place(): number {
    return this.at ?? 0;
  }

  #move(event: Durable): void {
    if (event.seq > this.#place + 1) this.#skip(event.seq);
    if (!this.#isHeard()) return;
    this.at = event.seq;
    this.#tell(event);
  }

  #skip(next: number): void {
    const after = this.#place;
    this.at = next - 1;
    this.#hasLost = true;
    if (this.#isHeard()) callSafely(this.#listener.lost, { after, next });
  }

  #tell(event: AnyEvent): void {
    if (this.#isHeard()) callSafely(this.#listener.event, event);
  }
}
