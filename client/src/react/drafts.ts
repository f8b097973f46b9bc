/**
 * What the user has said in a conversation and the server does not have yet. It outlives the components that show it, so
 * that a message which fails after the user has gone elsewhere in the app is there, and can be sent again, when the
 * conversation is opened again.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import { type Client, newKey } from '../client.js';
import { toError } from '../errors.js';
import type { ChatDraft, Sent } from '../wire.js';
import { type ConversationMessage, fromDraft, type Messages, withStatus } from './messages.js';
import { Store } from './store.js';

/** How many messages of a conversation are kept that have failed; of more, the oldest are forgotten. */
const FAILED_MAX = 100;

const drafts = /* @__PURE__ */ new WeakMap<Client, Map<ConversationChannel, Drafts>>();

/** Those of a conversation: the same ones for each component that shows it with this client. */
export function draftsOf(client: Client, channel: ConversationChannel): Drafts {
  const ofClient = drafts.get(client) ?? new Map<ConversationChannel, Drafts>();
  drafts.set(client, ofClient);
  const known = ofClient.get(channel) ?? new Drafts(client, channel);
  ofClient.set(channel, known);
  return known;
}

/** The messages of one conversation that are on their way, or have failed. */
export class Drafts {
  /** In the order in which they were written. */
  readonly store = new Store<Messages>([]);
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #texts = new Map<string, ChatDraft>();
  readonly #listeners = new Set<(message: ConversationMessage) => void>();

  constructor(client: Client, channel: ConversationChannel) {
    this.#client = client;
    this.#channel = channel;
  }

  /** Calls `listener` with each message that the server has kept, before it is a draft no longer. */
  onKept(listener: (message: ConversationMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends a message; resolves when it is kept or has failed. */
  async send(content: string, metadata: Record<string, unknown> | undefined): Promise<void> {
    const key = newKey();
    const text: ChatDraft = { content, ...(metadata && { metadata }) };
    this.#texts.set(key, text);
    const message = fromDraft(key, this.#channel, text, this.#client.user);
    this.#set([...this.store.get(), message]);
    await this.#deliver(message, text);
  }

  /** Sends a message that has failed once more, by the same key: if it did arrive after all, it is there once. */
  async retry(key: string): Promise<void> {
    const text = this.#texts.get(key);
    const message = this.store.get().find(draft => draft.key === key);
    if (!text || message?.status !== 'failed') return;
    this.#set(withStatus(this.store.get(), key, 'sending'));
    await this.#deliver(message, text);
  }

  /** Takes a message that has failed off the list. */
  discard(key: string): void {
    const failed = this.store.get().find(draft => draft.key === key && draft.status === 'failed');
    if (failed) this.remove(new Set([key]));
  }

  /** These are in the log. */
  remove(keys: ReadonlySet<string>): void {
    const drafts = this.store.get();
    const rest = drafts.filter(({ key }) => !keys.has(key));
    if (rest.length !== drafts.length) this.#set(rest);
  }

  async #deliver(message: ConversationMessage, text: ChatDraft): Promise<void> {
    const { key } = message;
    try {
      const sent = await this.#client.send(this.#channel, 'chat.message', text, { key });
      if (sent.seq !== undefined) {
        const kept = withPlace(message, sent, this.#client.user);
        for (const tell of [...this.#listeners]) tell(kept);
      }
      this.remove(new Set([key]));
    } catch (thrown) {
      this.#set(withStatus(this.store.get(), key, 'failed', toError(thrown)));
    }
  }

  #set(messages: Messages): void {
    const failed = messages.filter(({ status }) => status === 'failed');
    const forgotten = new Set(failed.slice(0, -FAILED_MAX));
    const kept = messages.filter(message => !forgotten.has(message));
    const keys = new Set(kept.map(({ key }) => key));
    for (const key of this.#texts.keys()) if (!keys.has(key)) this.#texts.delete(key);
    this.store.set(kept);
  }
}

/** The message as the server has kept it. */
function withPlace(message: ConversationMessage, { seq, id, at }: Sent, user: string | undefined) {
  const { error: _, ...rest } = message;
  const kept: ConversationMessage = { ...rest, timestamp: new Date(at), status: 'sent' };
  if (seq !== undefined) kept.seq = seq;
  if (id !== undefined) kept.id = id;
  if (user !== undefined) kept.userId = user;
  return kept;
}
