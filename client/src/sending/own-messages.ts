/**
 * The messages that this client has sent, and the events that they became. A message is whatever is kept in a log: a chat
 * message or a change of one, or an event of the app's own.
 *
 * The server acknowledges a message to the connection that sent it, and posts it to the other ones. The sender's own event
 * is therefore made from the acknowledgement, so that handlers receive every event of a channel, whoever caused it. An app
 * that shows a draft must also know which event the draft became. The key alone does not tell, because other users choose
 * their own keys.
 *
 * @module
 */

import type { AnyEvent, DraftOf, DurableDraft, SendChannel } from '../channels.js';
import type { Sent } from '../wire.js';

/** How many of the last messages are remembered. */
const REMEMBERED_MAX = 1_000;

/** A message to send: a durable event of a kind that a client may publish. */
export type Message = {
  [Name in DurableDraft]: { channel: SendChannel; event: Name; data: DraftOf<Name>; key: string };
}[DurableDraft];

/** The part of an event that determines its {@link OwnMessages.renderKey}. */
export interface Keyed {
  channel: string;
  seq?: number | undefined;
  key?: string | undefined;
  from?: { userId: string } | undefined;
}

/** Makes the event that a message has become, as the other members receive it. */
export function eventOf({ channel, event, key }: Message, { seq, at, from, data }: Sent): AnyEvent {
  return { type: 'event', channel, event, seq, at, from, key, data } as AnyEvent;
}

/** What is remembered of a message. */
export interface OwnMessage {
  /** Whether it may have been sent before. */
  isTried: boolean;
  /** The last known seq when it was first sent. If it is in the log, it comes after that. Absent: anywhere. */
  base: number | undefined;
  /** Its place in the log, once that is known. */
  seq: number | undefined;
}

/** Remembers which events of a log this client has sent. */
export class OwnMessages {
  readonly #messages = new Map<string, OwnMessage>();

  /**
   * Adds a message that is about to be sent, perhaps not for the first time.
   *
   * @param isRetry - whether the app says that it may have sent the message before
   */
  add({ channel, key }: Message, isRetry: boolean): OwnMessage {
    const name = `${channel} ${key}`;
    const own = this.#messages.get(name) ?? firstSeen(key, isRetry);
    this.#messages.delete(name); // it becomes the newest entry
    this.#messages.set(name, own);
    if (this.#messages.size > REMEMBERED_MAX) {
      this.#messages.delete(this.#messages.keys().next().value as string);
    }
    return own;
  }

  /**
   * The key of the message that the event is, if this client sent it; otherwise `#` and the seq, which cannot be a key. The
   * server states the sender, so an event of another user is never taken for an own one.
   */
  renderKey({ channel, key, seq, from }: Keyed, user: string | undefined): string {
    const own = key === undefined ? undefined : this.#messages.get(`${channel} ${key}`);
    if (own && user !== undefined && from?.userId === user) own.seq ??= seq;
    return own && seq !== undefined && own.seq === seq ? (key as string) : `#${seq}`;
  }
}

/** What makes the keys of this page unique: `crypto.randomUUID` would be missing on pages without HTTPS. */
let page: string | undefined;
let made = 0;

/** The keys of this page that have not been sent yet. */
const unsent = new Set<string>();

/** Makes a unique key. */
export function newKey(): string {
  page ??= crypto.getRandomValues(new Uint32Array(4)).join('-');
  const key = `${page}.${++made}`;
  unsent.add(key);
  return key;
}

/**
 * What is known of a message that this client does not remember. If its key was sent before, by whatever client of this page,
 * the message may be anywhere in the log.
 */
function firstSeen(key: string, isRetry: boolean): OwnMessage {
  const isTried = !unsent.delete(key);
  const isAnywhere = isTried && (isRetry || (page !== undefined && key.startsWith(`${page}.`)));
  return { isTried, base: isAnywhere ? 0 : undefined, seq: undefined };
}
