/**
 * Drafts: the messages that the user has written in a conversation and that the server does not have yet. They outlive the
 * components that show them. A message that fails after the user has navigated elsewhere is thus still there, and can be
 * sent again, when they open the conversation again.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { toError } from '../errors.js';
import { newKey } from '../sending/own-messages.js';
import type { ChatDraft, Sent } from '../wire.js';
import { type ConversationMessage, fromDraft, type Messages, withStatus } from './messages.js';
import { Store } from './store.js';

/** How many failed messages of a conversation are kept. The oldest ones are dropped. */
const FAILED_MAX = 100;

const drafts = /* @__PURE__ */ new WeakMap<Client, Map<ConversationChannel, Drafts>>();

/** The drafts of a conversation: the same object for every component that shows it with this client. */
export function draftsOf(client: Client, channel: ConversationChannel): Drafts {
  const ofClient = drafts.get(client) ?? new Map<ConversationChannel, Drafts>();
  drafts.set(client, ofClient);
  const known = ofClient.get(channel) ?? new Drafts(client, channel);
  ofClient.set(channel, known);
  return known;
}

/** The messages of one conversation that are being sent or have failed. */
export class Drafts {
  /** The messages, in the order in which they were written. */
  readonly store = new Store<Messages>([]);
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #contents = new Map<string, ChatDraft>();
  readonly #listeners = new Set<(message: ConversationMessage) => void>();

  constructor(client: Client, channel: ConversationChannel) {
    this.#client = client;
    this.#channel = channel;
  }

  /** Calls `listener` with each message that the server has acknowledged, before it is removed from the drafts. */
  onAcknowledged(listener: (message: ConversationMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends a message. Resolves when it has been acknowledged or has failed. */
  async send(content: string, metadata: Record<string, unknown> | undefined): Promise<void> {
    const key = newKey();
    const draft: ChatDraft = { content, ...(metadata && { metadata }) };
    this.#contents.set(key, draft);
    const message = fromDraft(key, this.#channel, draft, this.#client.user);
    this.#set([...this.store.get(), message]);
    await this.#deliver(message, draft);
  }

  /** Sends a failed message again, with the same key. If it has arrived after all, it is not duplicated. */
  async retry(key: string): Promise<void> {
    const draft = this.#contents.get(key);
    const message = this.store.get().find(message => message.key === key);
    if (!draft || message?.status !== 'failed') return;
    this.#set(withStatus(this.store.get(), key, 'sending'));
    await this.#deliver(message, draft);
  }

  /** Removes a failed message. */
  discard(key: string): void {
    const failed = this.store.get().find(message => message.key === key && message.status === 'failed');
    if (failed) this.remove(new Set([key]));
  }

  /** Removes messages that are in the log. */
  remove(keys: ReadonlySet<string>): void {
    const messages = this.store.get();
    const rest = messages.filter(({ key }) => !keys.has(key));
    if (rest.length !== messages.length) this.#set(rest);
  }

  async #deliver(message: ConversationMessage, draft: ChatDraft): Promise<void> {
    const { key } = message;
    try {
      const sent = await this.#client.send(this.#channel, 'chat.message', draft, { key });
      if (sent.seq !== undefined) {
        const acknowledged = asAcknowledged(message, sent, this.#client.user);
        for (const listener of [...this.#listeners]) listener(acknowledged);
      }
      this.remove(new Set([key]));
    } catch (thrown) {
      this.#set(withStatus(this.store.get(), key, 'failed', toError(thrown)));
    }
  }

  #set(messages: Messages): void {
    const failed = messages.filter(({ status }) => status === 'failed');
    const dropped = new Set(failed.slice(0, -FAILED_MAX));
    const kept = messages.filter(message => !dropped.has(message));
    const keys = new Set(kept.map(({ key }) => key));
    for (const key of this.#contents.keys()) if (!keys.has(key)) this.#contents.delete(key);
    this.store.set(kept);
  }
}

/** The message as the server has acknowledged it. */
function asAcknowledged(message: ConversationMessage, { seq, id, at }: Sent, user: string | undefined) {
  const { error: _, ...rest } = message;
  const acknowledged: ConversationMessage = { ...rest, timestamp: new Date(at), status: 'sent' };
  if (seq !== undefined) acknowledged.seq = seq;
  if (id !== undefined) acknowledged.id = id;
  if (user !== undefined) acknowledged.userId = user;
  return acknowledged;
}
