/**
 * Drafts: the messages that the user has written in a conversation and that the server does not have yet. They outlive the
 * components that show them. A message that fails after the user has navigated elsewhere is thus still there, and can be
 * sent again, when they open the conversation again.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { invalid, toError } from '../errors.js';
import { newKey } from '../sending/own-messages.js';
import { Store } from '../store.js';
import type { Attachment, ChatDraft, ChatMessage } from '../wire.js';
import { keptPerConversation } from './kept.js';
import {
  type ConversationMessage,
  fromDraft,
  fromEvent,
  type Messages,
  quoteOf,
  withStatus,
} from './messages.js';

/** How many failed messages of a conversation are kept. The oldest ones are dropped. */
const FAILED_MAX = 100;

/** What belongs to a message beside its text. */
export interface SendMessageOptions {
  /** Data of the app, at most 4 KiB of JSON. */
  metadata?: Record<string, unknown> | undefined;
  /** The message of the list that this one replies to. The server must have it. */
  replyTo?: ConversationMessage | undefined;
  /** The ids of the users whom it mentions, at most 20. Each must be a participant or have been in the conversation. */
  mentions?: readonly string[] | undefined;
  /**
   * The files that it brings, at most 10, as `uploadFiles` of `funnelcast/files` returns them. The text may then be empty.
   * `useFiles` uploads files and sends them.
   */
  attachments?: readonly Attachment[] | undefined;
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
  async send(content: string, options: SendMessageOptions): Promise<void> {
    const { metadata, replyTo, mentions, attachments } = options;
    const key = newKey();
    const quote = replyTo && quoteOf(replyTo);
    if (replyTo && !quote) throw invalid('replyTo', 'must be a message that the server has');
    const draft: ChatDraft = {
      content,
      ...(metadata && { metadata }),
      ...(quote && { replyTo: quote.seq }),
      ...(mentions && mentions.length > 0 && { mentions: [...mentions] }),
      ...(attachments?.length && { attachments: attachments.map(({ id }) => id) }),
    };
    this.#contents.set(key, draft);
    const message = fromDraft(key, this.#channel, draft, {
      replyTo: quote,
      attachments,
      userId: this.#client.user,
    });
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
        const acknowledged = fromEvent({ seq: sent.seq, data: sent.data as ChatMessage }, key);
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

/** The drafts of a conversation. */
export const draftsOf = /* @__PURE__ */ keptPerConversation(Drafts);
