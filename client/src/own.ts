/**
 * The messages that this client sent, as the events that they become.
 *
 * The server acknowledges a message to the connection that sent it and posts it to the others, so the sender's own copy is
 * made here: handlers then hear every event of a channel, whoever caused it. And an app that shows a draft has to know the
 * event that it became; keys do not tell, because others choose theirs.
 *
 * @module
 */

import type { AnyEvent, ConversationChannel } from './channels.js';
import type { ChatDraft, Sent } from './wire.js';

/** How many of the last messages are remembered. */
const REMEMBERED_MAX = 1_000;

/** A message on its way: the one durable event that a client may publish. */
export interface Message {
  channel: ConversationChannel;
  event: 'chat.message';
  data: ChatDraft;
  key: string;
}

/** As much of an event as its {@link OwnMessages.renderKey} depends on. */
export interface Keyed {
  channel: string;
  seq?: number | undefined;
  key?: string | undefined;
  from?: { userId: string } | undefined;
}

/** The event that an acknowledged message is; nothing where it has no place in the log. */
export function echo(
  { channel, event, data, key }: Message,
  sent: Sent,
  user: string | undefined,
): AnyEvent | undefined {
  if (sent.seq === undefined) return undefined;
  return {
    type: 'event',
    channel,
    event,
    seq: sent.seq,
    at: sent.at,
    key,
    data: {
      id: sent.id ?? key,
      conversationId: channel.slice(channel.indexOf(':') + 1),
      type: data.type ?? 'user',
      content: data.content,
      timestamp: sent.at,
      isRead: false,
      ...(data.metadata && { metadata: data.metadata }),
      ...(user !== undefined && { userId: user }),
    },
  };
}

/** What is remembered of a message. */
export interface Own {
  /** Whether it was ever tried. */
  isTried: boolean;
  /** The last seq known when it was tried first: if it was kept, it is after that. Without one, anywhere. */
  base: number | undefined;
  /** Its place in the log, once that is known. */
  seq: number | undefined;
}

/** Remembers which events of the log this client sent. */
export class OwnMessages {
  readonly #messages = new Map<string, Own>();

  /** A message is about to be sent, maybe once more. */
  add({ channel, key }: Message): Own {
    const name = `${channel} ${key}`;
    const own = this.#messages.get(name) ?? { isTried: false, base: undefined, seq: undefined };
    this.#messages.delete(name); // it is the newest now
    this.#messages.set(name, own);
    if (this.#messages.size > REMEMBERED_MAX) {
      this.#messages.delete(this.#messages.keys().next().value as string);
    }
    return own;
  }

  /**
   * The key of the message that this event is, where it is ours; else `#` and its seq, which is no key. The sender is what
   * the server says, so nobody else's event passes for ours.
   */
  renderKey({ channel, key, seq, from }: Keyed, user: string | undefined): string {
    const own = key === undefined ? undefined : this.#messages.get(`${channel} ${key}`);
    if (own && user !== undefined && from?.userId === user) own.seq ??= seq;
    return own && seq !== undefined && own.seq === seq ? (key as string) : `#${seq}`;
  }
}

let page: string | undefined;

/** Makes a key that nobody else has. `crypto.randomUUID` is absent on pages that are not served by HTTPS. */
export function newKey(): string {
  page ??= random(2);
  return `${page}.${random(3)}`;
}

/** Whether a key was made here, and so was used by nobody before. */
export function isNewKey(key: string): boolean {
  return page !== undefined && key.startsWith(`${page}.`);
}

function random(words: number): string {
  return crypto.getRandomValues(new Uint32Array(words)).join('-');
}
