/**
 * Cursors: one listener of a channel each, and how far it has come. Every listener gets each durable event after its own
 * start once and in order, wherever the other listeners of the channel started.
 *
 * @module
 */

import type { AnyEvent, DurableEvent } from '../channels.js';
import { callSafely, type FunnelcastError } from '../errors.js';
import type { Mute, Page, Presence, Timestamp } from '../wire.js';
import type { LatestValues } from './lanes.js';

/** A range of a channel's events that can no longer be delivered: those after `after` and before `next`. */
export interface Loss {
  after: number;
  next: number;
}

/** The position of a channel at the moment at which it was joined. */
export interface JoinInfo {
  /** A seq. Events after it are passed to the handler; events up to it already were, or are in the history. */
  head: number;
  /** Whether no event was missed since the channel was last joined, or since `since`. */
  recovered: boolean;
  /**
   * The users in the channel, if it shows presence. Empty if they are too many to list. Absent if the roster was not read
   * now, because the channel had already been joined for another listener, or is polled.
   */
  presence?: Presence[];
  /** When `presence` was read. It includes all presence events up to that time. */
  at?: Timestamp;
  /** Why and until when the user may not send; `null` if they may. Absent if that is not known, because the channel is polled. */
  mute?: Mute | null;
  /** How long that lasts from now on, in milliseconds by the clock of the server; 0 or less if it is over. Absent if it has no end. */
  muteEndsInMs?: number;
}

/** What a join tells beside the position. */
export type JoinNews = Omit<JoinInfo, 'head' | 'recovered'>;

/** Somebody who listens to a channel. */
export interface Listener {
  event(event: AnyEvent): void;
  joining?: (() => void) | undefined;
  joined?(info: JoinInfo): void;
  lost?: ((loss: Loss) => void) | undefined;
  refused?(error: FunnelcastError): void;
  /** Gets a grant for this channel from the app's backend. */
  grant?: (() => Promise<string>) | undefined;
}

/** The position of a listener in its channel. */
export class Cursor {
  /** All events up to this seq have been delivered, or precede the listener's start. Unknown before the start. */
  at: number | undefined;
  /** Whether the listener is reading events from the log that the feed has already passed. */
  isReplaying = false;
  /** What to report as soon as the cursor has reached the position of the feed. */
  pending: JoinNews | undefined;
  readonly #listener: Listener;
  readonly #isActive: () => boolean;
  #hasLost = false;

  /** @param isActive - whether the listener may be called now */
  constructor(listener: Listener, since: number | undefined, isActive: () => boolean) {
    this.#listener = listener;
    this.at = since;
    this.#isActive = isActive;
    if (since !== undefined) this.pending = {};
  }

  /** Starts at `head`, unless the listener has started: reports the join, and then the latest value of each key. */
  begin(head: number, info: JoinNews, latest: LatestValues): void {
    if (this.at !== undefined) return;
    this.at = head;
    this.pending = info;
    this.joined();
    for (const event of latest.all) this.#call(event);
  }

  /** Takes a durable event from the feed. */
  durable(event: DurableEvent): void {
    // A listener that is behind does not get the event now: it will read it from the log.
    if (!this.isReplaying && this.at !== undefined && this.at === event.seq - 1) this.#advance(event);
  }

  /** Takes an event that is not in the log. */
  ephemeral(event: AnyEvent): void {
    // A listener that has not started yet will get the latest value of each metric when it does.
    if (this.at !== undefined || event.event !== 'analytics.update') this.#call(event);
  }

  /** Takes the latest value of a key that is no longer in the log. */
  latest(event: DurableEvent): void {
    if (this.at !== undefined && this.at < event.seq) this.#call(event);
  }

  /** Takes a latest value that was not among those of the join, although the log had it. */
  late(event: DurableEvent): void {
    // A listener that is behind will read it from the log.
    if (this.at !== undefined && this.at >= event.seq) this.#call(event);
  }

  /** Follows the feed past a range that is lost, or back if the log itself has restarted. */
  lose(after: number, next: number): void {
    const { at } = this;
    if (at === undefined || this.isReplaying || !(next <= after ? at >= next : at === after)) return;
    this.#skip(next);
  }

  /** Reports that the cursor has reached the position of the feed, if that is new. */
  joined(): void {
    const info = this.pending;
    if (!info || !this.#isActive()) return;
    this.pending = undefined;
    const recovered = !this.#hasLost;
    this.#hasLost = false;
    callSafely(this.#listener.joined, { head: this.#position, recovered, ...info });
  }

  /** Reports that the channel is about to be joined. */
  joining(): void {
    callSafely(this.#listener.joining, undefined);
  }

  /** Reports that the server refuses the channel. */
  refuse(error: FunnelcastError): void {
    callSafely(this.#listener.refused, error);
  }

  /**
   * Reads the events between this position and that of the feed.
   *
   * @param end - returns the position of the feed
   * @param read - reads a page of the log
   */
  async replay(end: () => number, read: (after: number) => Promise<Page>): Promise<void> {
    this.isReplaying = true;
    try {
      for (let after = this.#position; after < end(); ) {
        const until = end();
        const page = await read(after);
        for (const event of page.events as DurableEvent[])
          if (event.seq > this.#position) this.#advance(event);
        if (!this.#isActive()) return;
        after = page.more ? (page.next ?? page.events.at(-1)?.seq ?? until) : Math.max(until, this.#position);
      }
      // Events up to the end that the log does not have are lost.
      if (this.#position < end()) this.#skip(end() + 1);
    } finally {
      this.isReplaying = false;
    }
    this.joined();
  }

  /** Checks a start that seems to be beyond the end of the log. `head` reads where the log ends. */
  async verify(end: () => number, head: () => Promise<number>): Promise<void> {
    this.isReplaying = true;
    try {
      const last = await head();
      if (this.#isActive() && this.#position > Math.max(last, end())) this.#skip(end() + 1);
    } finally {
      this.isReplaying = false;
    }
    if (this.#position >= end()) this.joined();
  }

  get #position(): number {
    return this.at ?? 0;
  }

  #advance(event: DurableEvent): void {
    if (event.seq > this.#position + 1) this.#skip(event.seq);
    if (!this.#isActive()) return;
    this.at = event.seq;
    this.#call(event);
  }

  #skip(next: number): void {
    if (!this.#isActive()) return; // a listener that cannot be told stays where it is
    const after = this.#position;
    this.at = next - 1;
    this.#hasLost = true;
    callSafely(this.#listener.lost, { after, next });
  }

  #call(event: AnyEvent): void {
    if (this.#isActive()) callSafely(this.#listener.event, event);
  }
}

/** Gets a fresh grant for the channel that these listeners share, if one of them brought one. */
export async function getGrant(listeners: ReadonlyMap<Listener, Cursor>): Promise<string | undefined> {
  let failure: unknown;
  for (const { grant } of [...listeners.keys()]) {
    try {
      if (grant) return await grant();
    } catch (error) {
      failure = error;
    }
  }
  // A listener without a grant may have access of their own.
  if (failure && [...listeners.keys()].every(({ grant }) => grant)) throw failure;
  return undefined;
}
