/**
 * Who is in a channel, from a roster and the news that follows it; both may repeat and overtake each other.
 *
 * @module
 */

import type { Channel, ConversationChannel, EventOf } from './channels.js';
import type { Client } from './client.js';
import type { Presence, Roster, Timestamp } from './wire.js';

/** A channel whose members see each other. */
export type PresenceChannel = ConversationChannel | `company:${string}`;

/** Who is in a channel. A new object whenever it changes, so that two can be compared by `===`. */
export interface PresenceState {
  /** Those who are here; empty where they are too many to name. */
  readonly users: readonly Presence[];
  /** How many. */
  readonly count: number;
}

/** What is known before anything is known. */
export const NOBODY: PresenceState = { users: [], count: 0 };

/** How many of those who have gone are remembered, so that older news cannot bring them back. */
const GONE_MAX = 200;

type PresenceEvent = EventOf<'presence.join' | 'presence.leave' | 'presence.update' | 'presence.count'>;

/**
 * Follows who is in a channel.
 *
 * @param listener - told whenever that changes
 * @returns what ends it
 *
 * @example
 * ```ts
 * const stop = watchPresence(client, 'conversation:conv-123', ({ users, count }) => show(users, count));
 * ```
 */
export function watchPresence(
  client: Client,
  channel: PresenceChannel,
  listener: (state: PresenceState) => void,
): () => void {
  const map = new PresenceMap();
  const tell = (isNews: boolean) => isNews && listener(map.state);
  const ended = new AbortController();
  const { signal } = ended;
  let isAsking = false;
  let heard = 0;
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      const before = map.heard;
      const roster = await client.presence(channel, { signal });
      if (!signal.aborted) tell(map.roster(roster, before));
    } catch {
      // The next join tells, or the next event.
    } finally {
      isAsking = false;
    }
  };
  const onEvent = (event: { event: string }) => {
    if (!event.event.startsWith('presence.')) return;
    tell(map.hear(event as PresenceEvent));
    if (map.lacksNames) void ask();
  };
  client.subscribe(channel as Channel, onEvent, {
    signal,
    onJoining: () => {
      heard = map.heard;
    },
    onJoined: ({ presence, at }) => {
      // We are here ourselves: a list of nobody means that they are too many to name.
      if (presence?.length && at) tell(map.roster({ users: presence, count: presence.length, at }, heard));
      else void ask();
    },
  });
  return () => ended.abort();
}

/**
 * Keeps the list of those who are in one channel, from rosters and the news between them.
 *
 * Each has its time, by the server's clock: of two words on a user the later counts, and what is not later than a roster is
 * in it. So is all that had been heard before the roster was asked for: it is written before it is posted. That counts
 * after a lost connection, when later words were missed and a roster's time, which allows for clocks that differ, may be
 * before that of earlier ones.
 */
export class PresenceMap {
  /** Who is here now. */
  state = NOBODY;
  /** The last word on each user: those who are here, and some who are not. */
  readonly #words = new Map<string, { user: Presence; at: Timestamp; isHere: boolean; place: number }>();
  /** How many words have been heard. */
  heard = 0;
  /** When the last roster was read. */
  #rosterAt: Timestamp = '';
  /** How many, where they are too many to name. */
  #count = 0;
  #countAt: Timestamp = '';
  #countPlace = 0;

  /** Whether somebody was named while of the others only the number is known: they are few enough to be asked for. */
  get lacksNames(): boolean {
    return this.#count > 0 && this.#words.size > 0;
  }

  /**
   * Takes a roster. False: a later one is known.
   *
   * @param before - how many words had been heard when it was asked for
   */
  roster({ users, count, at }: Roster, before = 0): boolean {
    if (at < this.#rosterAt) return false;
    this.#rosterAt = at;
    for (const [userId, word] of this.#words) {
      if (word.at <= at || word.place <= before) this.#words.delete(userId);
    }
    for (const user of users) {
      if (!this.#words.has(user.userId)) this.#words.set(user.userId, { user, at, isHere: true, place: 0 });
    }
    if (at >= this.#countAt || this.#countPlace <= before) this.#count = users.length > 0 ? 0 : count;
    return this.#changed();
  }

  /** Takes an event. False: it is not later than what is known. */
  hear(event: PresenceEvent): boolean {
    const { at } = event;
    if (at <= this.#rosterAt) return false;
    this.heard++;
    if (event.event === 'presence.count') {
      if (at < this.#countAt) return false;
      this.#countAt = at;
      this.#countPlace = this.heard;
      this.#count = event.data.count;
      this.#words.clear();
      return this.#changed();
    }
    const user = event.data;
    const known = this.#words.get(user.userId);
    if (known && at <= known.at) return false;
    const isHere = event.event !== 'presence.leave';
    if (!isHere || !known?.isHere) this.#words.delete(user.userId); // who comes is the last of the list
    this.#words.set(user.userId, { user, at, isHere, place: this.heard });
    this.#forget();
    return this.#changed();
  }

  #forget(): void {
    const gone = [...this.#words].filter(([, { isHere }]) => !isHere);
    for (const [userId] of gone.slice(0, Math.max(0, gone.length - GONE_MAX))) this.#words.delete(userId);
  }

  #changed(): true {
    const users = [...this.#words.values()].flatMap(({ user, isHere }) => (isHere ? user : []));
    this.state = { users, count: Math.max(this.#count, users.length) };
    return true;
  }
}
