/**
 * Reads the messages of a conversation from its log: the last page, older ones on demand, and again what changes have left
 * unclear.
 *
 * @module
 */

import type { ConversationChannel, EventOf } from '../channels.js';
import type { Client } from '../client.js';
import type { HistoryQuery } from '../options.js';
import { type ConversationMessage, fromCall, fromEvent } from './messages.js';
import { Timeline } from './timeline.js';

/** Reads the messages of one conversation into a timeline. */
export class LogReader {
  readonly timeline = new Timeline();
  /** Whether no page has been loaded, so that the next one tells whether there are older messages. */
  isBlank = true;
  /** The `before` of the next older page; absent if there is none. */
  before: number | undefined;
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #pageSize: number;
  /** Called when the timeline has changed. */
  readonly #onRead: () => void;
  /** Ends the requests for what is in the timeline now. */
  #reading = new AbortController();
  /** The requests on their way of which one at a time is enough. */
  readonly #busy = new Set<string>();

  constructor(client: Client, channel: ConversationChannel, pageSize: number, onRead: () => void) {
    this.#client = client;
    this.#channel = channel;
    this.#pageSize = pageSize;
    this.#onRead = onRead;
  }

  /** Forgets all messages, because what will be read need not continue them, and ends what is being read. */
  begin(): void {
    this.end();
    this.#reading = new AbortController();
    this.isBlank = true;
    this.before = undefined;
    this.timeline.clear();
  }

  /** Ends what is being read. */
  end(): void {
    this.#reading.abort();
  }

  /**
   * Loads the last page, or the one before a place.
   *
   * @returns whether it has been loaded; if not, {@link begin} or {@link end} has been called in the meantime
   * @throws {@link FunnelcastError} if the server refuses it
   */
  async load(before?: number): Promise<boolean> {
    const { signal } = this.#reading;
    return this.#unlessEnded(signal, async () => {
      const query = { limit: this.#pageSize, ...(before !== undefined && { before }) };
      const next = await this.#read(query, 'add', signal);
      // The last page tells what precedes the list only if the list begins with that page.
      if (before !== undefined || this.isBlank) this.before = next;
      this.isBlank = false;
      this.#onRead();
    });
  }

  /** Reads who has read what: receipts are not in the log, so those that a lost connection has missed do not come again. */
  async refreshReceipts(): Promise<void> {
    await this.#once('receipts', async signal => {
      const users = await this.#client.receipts(this.#channel, { signal });
      for (const { userId, read } of users) this.timeline.receipt({ userId, seq: read, state: 'read' });
      this.#onRead();
    });
  }

  /** Reads again the messages of which the changes do not say what they are now. */
  async refreshUnclear(): Promise<void> {
    const { unclear } = this.timeline;
    if (unclear.size === 0) return;
    await this.#once('unclear', async signal => {
      for (const place of unclear) {
        unclear.delete(place);
        try {
          await this.#read({ after: place - 1, limit: 1 }, 'replace', signal);
        } catch (error) {
          if (!signal.aborted) unclear.add(place); // until the next event
          throw error;
        }
        this.#onRead();
      }
    });
  }

  /** Reads a page; returns the `before` of the one that precedes it. */
  async #read(query: HistoryQuery, mode: 'add' | 'replace', signal: AbortSignal) {
    let before: number | undefined;
    await this.timeline.load(async () => {
      const page = await this.#client.history(this.#channel, { ...query, only: 'messages' }, { signal });
      before = page.more ? page.next : undefined;
      return page.events.filter(isMessage).map(event => this.toMessage(event));
    }, mode);
    signal.throwIfAborted();
    return before;
  }

  /** Makes the message of an event. */
  toMessage(event: EventOf<'chat.message' | 'chat.call'>): ConversationMessage {
    const key = this.#client.renderKey(event);
    return event.event === 'chat.call' ? fromCall(event, key) : fromEvent(event, key);
  }

  /** Makes requests of a kind, unless some are on their way. Whatever fails is left as it is until the next time. */
  async #once(kind: string, request: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#busy.has(kind)) return;
    this.#busy.add(kind);
    const { signal } = this.#reading;
    try {
      await this.#unlessEnded(signal, () => request(signal));
    } catch {
      // The server has refused it. The messages stay as they are.
    } finally {
      this.#busy.delete(kind);
    }
  }

  async #unlessEnded(signal: AbortSignal, request: () => Promise<void>): Promise<boolean> {
    try {
      await request();
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}

/** Whether an event is a message or a call, and not a change of one. */
export function isMessage(event: { event: string }): event is EventOf<'chat.message' | 'chat.call'> {
  return event.event === 'chat.message' || event.event === 'chat.call';
}
