/**
 * Sends that must arrive: each is kept until the server has it, over any number of connections, and arrives once.
 *
 * A send whose answer is lost may have been done. So it is never simply made again: the channel is recovered first, and
 * what the log already has is settled by that. The rest is sent again with the same `key`, and with the last seq that
 * we know as its `base`; the server looks for the key from there on, so that even a first try that is still on its way
 * is found, whichever of the two comes first.
 *
 * @module
 */

import type { ConversationChannel } from './channels.js';
import { FunnelcastError } from './errors.js';
import type { Durable } from './feed.js';
import { type Deferred, deferred, unlessAborted } from './waiting.js';
import type { ChatDraft, Sent } from './wire.js';

/** The one durable event that a client may publish. */
export interface Letter {
  channel: ConversationChannel;
  event: 'chat.message';
  data: ChatDraft;
  key: string;
}

interface Item {
  letter: Letter;
  sent: Deferred<Sent>;
  /** Aborted when there is nothing left to do for it. */
  done: AbortController;
  tries: number;
  /** Where a part of the channel is gone for good that may have had this send: the last seq before that part. */
  base: number | undefined;
}

/** Whom the outbox asks. */
export interface OutboxHooks {
  /** Makes the send, again and again until it has an answer. `base` is asked for before each try. */
  deliver(letter: Letter, base: () => number | undefined, signal: AbortSignal): Promise<Sent>;
  /** The last seq that we know of a channel. */
  known(channel: ConversationChannel): number | undefined;
  /** A send is kept. */
  sent(letter: Letter, sent: Sent): void;
}

/** The sends that are under way, in order for each channel. */
export class Outbox {
  readonly #limit: number;
  readonly #hooks: OutboxHooks;
  readonly #items = new Set<Item>();
  readonly #lastOf = new Map<ConversationChannel, Promise<void>>();

  /** @param limit - how many sends may wait at once; more are refused with `outbox_full` */
  constructor(limit: number, hooks: OutboxHooks) {
    this.#limit = limit;
    this.#hooks = hooks;
  }

  /** Sends, behind what this client has already sent to the channel. Fails when the signal is aborted. */
  async send(letter: Letter, signal?: AbortSignal): Promise<Sent> {
    signal?.throwIfAborted();
    if (this.#items.size >= this.#limit) {
      throw new FunnelcastError('outbox_full', `${this.#limit} messages are waiting already`);
    }
    const item: Item = {
      letter,
      sent: deferred(),
      done: new AbortController(),
      tries: 0,
      base: undefined,
    };
    this.#items.add(item);
    const before = this.#lastOf.get(letter.channel) ?? Promise.resolve();
    // One after the other: API Gateway serves the frames of one socket side by side, so that two would race.
    const turn = before.then(() => this.#deliver(item));
    this.#lastOf.set(letter.channel, turn);
    try {
      return await unlessAborted(item.sent.promise, signal);
    } finally {
      this.#finish(item);
      if (this.#lastOf.get(letter.channel) === turn) this.#lastOf.delete(letter.channel);
    }
  }

  /** An event of the log: if it is a send of ours whose answer was lost, that is its answer. */
  heard({ channel, key, seq, at, from, data }: Durable, user: string | undefined): void {
    for (const item of this.#items) {
      const isOurs = item.letter.key === key && item.letter.channel === channel && item.tries > 0;
      // Keys count per user. Ours is not known to others before it is in the log, unless the app has chosen it.
      if (!isOurs || (user !== undefined && from?.userId !== user)) continue;
      const duplicate = item.tries > 1;
      this.#finish(item, () =>
        item.sent.resolve({
          seq,
          ...('id' in data && { id: data.id }),
          at,
          key: item.letter.key,
          duplicate,
          recipients: 0,
        }),
      );
    }
  }

  /** A part of a channel is gone for good; what was tried before may have been in it. */
  lost(channel: string, after: number): void {
    for (const item of this.#items) {
      if (item.letter.channel === channel && item.tries > 0) item.base ??= after;
    }
  }

  /** Gives up all that is under way. */
  abandon(error: FunnelcastError): void {
    for (const item of this.#items) this.#finish(item, () => item.sent.reject(error));
  }

  async #deliver(item: Item): Promise<void> {
    const base = () => {
      item.tries++;
      return item.base ?? this.#hooks.known(item.letter.channel);
    };
    try {
      const sent = await this.#hooks.deliver(item.letter, base, item.done.signal);
      this.#finish(item, () => {
        item.sent.resolve(sent);
        this.#hooks.sent(item.letter, sent);
      });
    } catch (error) {
      this.#finish(item, () => item.sent.reject(error));
    }
  }

  #finish(item: Item, settle?: () => void): void {
    if (!this.#items.delete(item)) return;
    settle?.();
    item.done.abort();
  }
}
