/**
 * Presence: follows who is in a channel, from rosters and the events between them. Both may arrive twice or in the wrong
 * order.
 *
 * @module
 */

import type { Channel, EventOf, PresenceChannel } from './channels.js';
import type { Client } from './client.js';
import type { Presence, Roster, Timestamp } from './wire.js';

/** The users in a channel. Each change makes a new object, so that two states can be compared with `===`. */
export interface PresenceState {
  /** The users in the channel; empty if they are too many to list. */
  readonly users: readonly Presence[];
  /** The number of users in the channel. */
  readonly count: number;
}

/** The state before anything is known. */
export const NOBODY: PresenceState = { users: [], count: 0 };

/** How many users who have left are remembered, so that an older event cannot bring them back. */
const ABSENT_MAX = 200;

type PresenceEvent = EventOf<'presence.join' | 'presence.leave' | 'presence.update' | 'presence.count'>;

/**
 * Follows who is in a channel.
 *
 * @param listener - called with each new state
 * @returns a function that ends it
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
  const tracker = new PresenceTracker();
  const report = (isNew: boolean) => isNew && listener(tracker.state);
  const ended = new AbortController();
  const { signal } = ended;
  let isRequesting = false;
  let received = 0;
  const request = async () => {
    if (isRequesting) return;
    isRequesting = true;
    try {
      do {
        const before = tracker.received;
        const roster = await client.presence(channel, { signal });
        if (!signal.aborted) report(tracker.takeRoster(roster, before));
      } while (tracker.isUnsure && !signal.aborted);
    } catch {
      // The next join or the next event brings the state up to date.
    } finally {
      isRequesting = false;
    }
  };
  const onEvent = (event: { event: string }) => {
    if (!event.event.startsWith('presence.')) return;
    report(tracker.takeEvent(event as PresenceEvent));
    if (tracker.lacksNames) void request();
  };
  client.subscribe(channel as Channel, onEvent, {
    signal,
    onJoining: () => {
      received = tracker.received;
    },
    onJoined: ({ presence: users, at }) => {
      // The user is in the channel, so an empty list means that there are too many to list.
      if (users?.length && at) report(tracker.takeRoster({ users, count: users.length, at }, received));
      if (!users?.length || tracker.isUnsure) void request();
    },
  });
  return () => ended.abort();
}

/** The last update of a user's presence: of those who are in the channel, and of some who are not. */
interface Update {
  user: Presence;
  at: Timestamp;
  isPresent: boolean;
  /** Its position among all events that were received; 0 if a roster brought it. */
  position: number;
}

/**
 * Derives the users of one channel from rosters and events.
 *
 * Every event has a time by the server's clock. Of two updates of a user the later one counts, and a roster includes every
 * event that is not later than it. A roster also includes every event that was received before it was requested, because an
 * event is written before it is posted. That matters after a lost connection: later events were missed, and the time of a
 * roster, which allows for clocks that differ, may precede that of earlier events.
 *
 * An event that is received while a roster is on its way, from another connection perhaps, may be in it or not. If the
 * roster lists the user, `lastSeen` decides, which rises with every event of a user. Otherwise only another roster does.
 */
export class PresenceTracker {
  state = NOBODY;
  /** How many events have been received. */
  received = 0;
  /** Whether users are taken to be present who may have left before the last roster was read. */
  isUnsure = false;
  #updates = new Map<string, Update>();
  /** When the last roster was read. */
  #rosterAt: Timestamp = '';
  /** The number of users, if they are too many to list. */
  #count = 0;
  #countAt: Timestamp = '';
  #countPosition = 0;

  /** Whether an event named a user although only the number of users is known: they are now few enough to be listed. */
  get lacksNames(): boolean {
    return this.#count > 0 && this.#updates.size > 0;
  }

  /**
   * Takes a roster. Returns `false` if a later one is known.
   *
   * @param before - how many events had been received when it was requested
   */
  takeRoster({ users, count, at }: Roster, before = 0): boolean {
    if (at < this.#rosterAt) return false;
    this.#rosterAt = at;
    const lastSeen = new Map(users.map(user => [user.userId, user.lastSeen]));
    const isIncluded = (update: Update) =>
      update.at <= at ||
      update.position <= before ||
      update.user.lastSeen < (lastSeen.get(update.user.userId) ?? '');
    const left = [...this.#updates].filter(([, update]) => !isIncluded(update));
    this.isUnsure = users.length > 0 && left.some(([id, { isPresent }]) => isPresent && !lastSeen.has(id));
    this.#updates = new Map(left);
    for (const user of users) {
      if (this.#updates.has(user.userId)) continue;
      this.#updates.set(user.userId, { user, at, isPresent: true, position: 0 });
    }
    if (at >= this.#countAt || this.#countPosition <= before) this.#count = users.length > 0 ? 0 : count;
    return this.#changed();
  }

  /** Takes an event. Returns `false` if a later update is known. */
  takeEvent(event: PresenceEvent): boolean {
    const { at } = event;
    if (at <= this.#rosterAt) return false;
    this.received++;
    if (event.event === 'presence.count') {
      if (at < this.#countAt) return false;
      this.#countAt = at;
      this.#countPosition = this.received;
      this.#count = event.data.count;
      this.#updates.clear();
      return this.#changed();
    }
    const user = event.data;
    const known = this.#updates.get(user.userId);
    if (known && at <= known.at) return false;
    const isPresent = event.event !== 'presence.leave';
    if (!isPresent || !known?.isPresent) this.#updates.delete(user.userId); // a user who joins comes last in the list
    this.#updates.set(user.userId, { user, at, isPresent, position: this.received });
    this.#forget();
    return this.#changed();
  }

  #forget(): void {
    const absent = [...this.#updates].filter(([, { isPresent }]) => !isPresent);
    for (const [userId] of absent.slice(0, Math.max(0, absent.length - ABSENT_MAX)))
      this.#updates.delete(userId);
  }

  #changed(): true {
    const users = [...this.#updates.values()].flatMap(({ user, isPresent }) => (isPresent ? user : []));
    this.state = { users, count: Math.max(this.#count, users.length) };
    return true;
  }
}
