/**
 * Who is in a channel, from a roster and the news that follows it; news may repeat and overtake each other.
 *
 * @module
 */

import type { Channel, ConversationChannel, EventOf } from './channels.js';
import type { Client } from './client.js';
import type { Presence } from './wire.js';

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
  const onEvent = (event: { event: string }) => {
    if (event.event.startsWith('presence.')) tell(map.hear(event as PresenceEvent));
  };
  const subscription = client.subscribe(channel as Channel, onEvent, {
    onJoined: ({ presence }) => {
      // We are here ourselves: a list of nobody means that they are too many to name.
      if (presence?.length) return tell(map.roster(presence));
      map.ask();
      client.presence(channel).then(
        ({ users, count }) => tell(map.roster(users, count)),
        () => {}, // the next join tells
      );
    },
  });
  // What is heard before a loss is no news after it: who went meanwhile is not in the next roster.
  const unlisten = client.on('state', () => map.ask());
  return () => {
    unlisten();
    subscription.unsubscribe();
  };
}

/** Keeps the list of those who are in one channel: of two words on one user the later counts. */
export class PresenceMap {
  /** Who is here now. */
  state = NOBODY;
  readonly #here = new Map<string, Presence>();
  /** When those went who are no longer here. */
  readonly #gone = new Map<string, string>();
  /** Of whom news has come since the roster was asked for. */
  readonly #news = new Set<string>();
  /** How many, where they are too many to name. */
  #count = 0;

  /** A roster is about to be asked for: what is heard from now on is later than it. */
  ask(): void {
    this.#news.clear();
  }

  /** The roster has come. */
  roster(users: readonly Presence[], count = 0): true {
    this.#count = count;
    const named = new Set(users.map(user => user.userId));
    for (const userId of this.#here.keys()) {
      if (!named.has(userId) && !this.#news.has(userId)) this.#here.delete(userId);
    }
    for (const user of users) if (this.#isNews(user)) this.#here.set(user.userId, user);
    return this.#changed();
  }

  /** Takes an event. False: it is older than what is known. */
  hear(event: PresenceEvent): boolean {
    if (event.event === 'presence.count') {
      this.#here.clear();
      this.#count = event.data.count;
      return this.#changed();
    }
    const user = event.data;
    if (!this.#isNews(user)) return false;
    this.#news.add(user.userId);
    this.#here.delete(user.userId);
    if (event.event === 'presence.leave') this.#remember(user);
    else this.#here.set(user.userId, user);
    return this.#changed();
  }

  #isNews({ userId, lastSeen }: Presence): boolean {
    const known = this.#here.get(userId)?.lastSeen ?? this.#gone.get(userId) ?? '';
    return lastSeen > known;
  }

  #remember({ userId, lastSeen }: Presence): void {
    this.#gone.delete(userId);
    this.#gone.set(userId, lastSeen);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= GONE_MAX) break;
      this.#gone.delete(oldest);
    }
  }

  #changed(): true {
    const users = [...this.#here.values()];
    this.state = { users, count: Math.max(this.#count, users.length) };
    return true;
  }
}
