/**
 * The messages of a conversation's log, as far as they are loaded, from all that arrives: events in the order of the log,
 * pages that were read at any time, and receipts.
 *
 * A page has every change that was known when it was asked for, and may have others. So a page is completed by the changes
 * that have come in the meantime, and a message that is in the list already, and follows all changes, is not replaced.
 *
 * @module
 */

import type { Receipt } from '../wire.js';
import { type Change, changed, isUnclear, withChange } from './changes.js';
import type { ConversationMessage, Messages } from './messages.js';

/** The messages of one conversation's log. */
export class Timeline {
  /** The messages, in the order of the log. */
  messages: Messages = [];
  /** The places of messages that must be read again: see {@link isUnclear}. */
  readonly unclear = new Set<number>();
  /** The places of messages that were read, and may have had changes that come later. */
  readonly #read = new Set<number>();
  /** Up to where each user has read. */
  readonly #receipts = new Map<string, number>();
  /** For each page on its way: the changes since it was asked for. */
  readonly #awaited = new Set<Change[]>();

  /** Forgets all messages, and the pages on their way. What follows need not continue what there was. */
  clear(): void {
    this.messages = [];
    this.unclear.clear();
    this.#read.clear();
    this.#awaited.clear();
  }

  /** Adds a message of which all changes are still to come: they follow it in the log. */
  add(message: ConversationMessage): void {
    // If it was recovered, it has reactions that will be told again. Without them, their order is certain.
    const { reactions: _, ...rest } = message;
    const known = this.#find(message.seq);
    this.#put([known ? { ...known, key: message.key } : rest]);
  }

  /** Adds a message of which some changes may have come before, and are not in it. It must be read again. */
  addUnclear(message: ConversationMessage): void {
    const { seq } = message;
    if (seq === undefined || this.#find(seq)) return this.add(message);
    this.#read.add(seq);
    this.unclear.add(seq);
    this.#put([message]);
  }

  /** Applies a change. */
  change(change: Change): void {
    for (const changes of this.#awaited) changes.push(change);
    const message = this.#find(change.data.target);
    if (message) this.#examine(message, change);
    this.messages = withChange(this.messages, change);
  }

  /** Marks the messages that a user has read: those of the others, not their own. */
  receipt({ userId, seq, state }: Receipt): void {
    if (state !== 'read') return;
    this.#receipts.set(userId, Math.max(seq, this.#receipts.get(userId) ?? 0));
    this.messages = this.messages.map(message => this.#marked(message));
  }

  /**
   * Reads a page and adds it. Does nothing if the list has been cleared in the meantime.
   *
   * @param mode - `replace` for a message that is to be read again
   */
  async load(read: () => Promise<Messages>, mode: 'add' | 'replace'): Promise<void> {
    const since: Change[] = [];
    this.#awaited.add(since);
    try {
      const page = await read();
      if (this.#awaited.has(since)) this.#put(page.map(message => this.#completed(message, since, mode)));
    } finally {
      this.#awaited.delete(since);
    }
  }

  #completed(message: ConversationMessage, since: readonly Change[], mode: 'add' | 'replace') {
    const known = this.#find(message.seq);
    if (known && mode === 'add')
      return { ...known, key: message.key, isRead: known.isRead || (message.isRead && !known.deletedAt) };
    if (message.seq !== undefined) this.#read.add(message.seq);
    return since.reduce((now, change) => {
      this.#examine(now, change);
      return changed(now, change, this.#find(change.data.target)?.attachments);
    }, message);
  }

  #examine(message: ConversationMessage, change: Change): void {
    const { target } = change.data;
    if (message.seq !== target) return;
    if (isUnclear(message, change, !this.#read.has(target))) this.unclear.add(target);
    if (change.event === 'chat.delete') this.unclear.delete(target);
  }

  #put(added: Messages): void {
    const places = new Set(added.map(({ seq }) => seq));
    const others = this.messages.filter(({ seq }) => !places.has(seq));
    const marked = added.map(message => this.#marked(message));
    this.messages = [...others, ...marked].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
  }

  #find(place: number | undefined): ConversationMessage | undefined {
    return this.messages.find(({ seq }) => seq === place);
  }

  #marked(message: ConversationMessage): ConversationMessage {
    const { seq = 0, userId, isRead, deletedAt } = message;
    if (isRead || deletedAt) return message;
    const isReadNow = [...this.#receipts].some(([user, read]) => user !== userId && read >= seq);
    return isReadNow ? { ...message, isRead: true } : message;
  }
}
