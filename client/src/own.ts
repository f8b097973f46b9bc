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

/** Remembers which events of the log this client sent. */
export class OwnMessages {
  /** The seq of each message; none while it is on its way. */
  readonly #seqs = new Map<string, number | undefined>();

  /** A message is about to be sent. */
  add({ channel, key }: Message): void {
    const name = `${channel} ${key}`;
    const seq = this.#seqs.get(name);
    this.#seqs.delete(name); // it is the newest now
    this.#seqs.set(name, seq);
    if (this.#seqs.size > REMEMBERED_MAX) this.#seqs.delete(this.#seqs.keys().next().value as string);
  }

  /** A message has its place in the log. */
  place({ channel, key }: Message, seq: number | undefined): void {
    this.#seqs.set(`${channel} ${key}`, seq);
  }

  /**
   * The key of the message that this event is, where it is ours; else `#` and its seq, which is no key. The sender is what
   * the server says, so nobody else's event passes for ours.
   */
  renderKey({ channel, key, seq, from }: Keyed, user: string | undefined): string {
    const name = `${channel} ${key}`;
    if (key !== undefined && this.#seqs.has(name)) {
      const known = this.#seqs.get(name);
      if (known === undefined && user !== undefined && from?.userId === user) this.#seqs.set(name, seq);
      if (seq !== undefined && this.#seqs.get(name) === seq) return key;
    }
    return `#${seq}`;
  }
}

/** Makes a key that nobody else has. `crypto.randomUUID` is absent on pages that are not served by HTTPS. */
export function newKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-');
}
