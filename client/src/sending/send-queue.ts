/**
 * The send queue: keeps each message until the server has acknowledged it, over any number of connections, and gets it into
 * the log exactly once.
 *
 * A message without an acknowledgement may be in the log nevertheless. Before it is sent again, the client catches up with
 * the channel. The message then carries the same `key`, and as its `base` the last known seq, after which the server looks
 * for the key. It thus finds an earlier attempt even if that arrives last. A message that turns out to be in the log is sent
 * again too, with a `base` just before it: the earlier attempt may have ended before the message was posted to the other
 * members, and only an acknowledgement says that it was.
 *
 * Messages of one channel are sent one after the other, because API Gateway processes the frames of a socket concurrently.
 * An aborted message makes way for the next one only when no attempt of it can still be in progress, as the next one might
 * otherwise overtake it.
 *
 * @module
 */

import type { AnyEvent, DurableEvent, SendChannel } from '../channels.js';
import type { Environment } from '../environment.js';
import { closed, FunnelcastError, toError } from '../errors.js';
import type { SendOptions } from '../options.js';
import { type Deferred, deferred, onAbort } from '../waiting.js';
import type { SendFields, Sent } from '../wire.js';
import { eventOf, type Keyed, type Message, type OwnMessage, OwnMessages } from './own-messages.js';

/**
 * A message that was not delivered, and why. Send it again with its `key`: if it has arrived after all, it is not
 * duplicated.
 */
export type Undelivered = Message & { error: FunnelcastError };

interface Item {
  message: Message;
  /** What is remembered of the message, longer than it is in the queue. */
  own: OwnMessage;
  /** Whether the message cannot have been sent before. */
  isNew: boolean;
  sent: Deferred<Sent>;
  /** Aborted when nothing is left to do. */
  ended: AbortController;
  attempts: number;
  /** Whether an attempt may have succeeded, for all that is known. */
  isUncertain: boolean;
  /** Whether the caller has aborted the send. */
  isAborted: boolean;
  /**
   * The last seq before the place where an earlier attempt may be: a lost part of the channel, or an event with the same key
   * that arrived before the client knew its user.
   */
  base: number | undefined;
}

/** What the queue needs from the client. */
export interface SendQueueHooks {
  /** Makes attempts until one has a final result. */
  deliver(
    message: Message,
    attempt: (request: (fields: SendFields) => Promise<Sent>) => Promise<Sent>,
    signal: AbortSignal,
  ): Promise<Sent>;
  /** The last known seq of a channel. */
  lastSeq(channel: SendChannel): number | undefined;
  /** The user of the connection, once that is known. */
  user(): string | undefined;
  /** The event that a message has become. */
  event(event: AnyEvent): void;
}

/** The messages that have not been acknowledged, in order for each channel. */
export class SendQueue {
  readonly #limit: number;
  readonly #hooks: SendQueueHooks;
  readonly #items = new Set<Item>();
  readonly #own = new OwnMessages();
  readonly #lastTurn = new Map<SendChannel, Promise<void>>();
  /** Called with each item that leaves the queue, while it is being drained. */
  #onFinished: ((item: Item, error: unknown) => void) | undefined;

  /** @param limit - how many messages the queue may hold; more are rejected with `outbox_full` */
  constructor(limit: number, hooks: SendQueueHooks) {
    this.#limit = limit;
    this.#hooks = hooks;
  }

  /** Sends a message after those that are already queued for its channel. Rejects when the signal is aborted. */
  async send(message: Message, { isRetry = false, signal }: SendOptions = {}): Promise<Sent> {
    signal?.throwIfAborted();
    if (this.#items.size >= this.#limit) {
      throw new FunnelcastError('outbox_full', `the send queue already holds ${this.#limit} messages`);
    }
    const own = this.#own.add(message, isRetry);
    const item: Item = {
      message,
      own,
      isNew: !own.isTried,
      sent: deferred(),
      ended: new AbortController(),
      attempts: 0,
      isUncertain: false,
      isAborted: false,
      base: undefined,
    };
    this.#items.add(item);
    this.#enqueue(item);
    const stop =
      signal &&
      onAbort(signal, () => {
        item.isAborted = true;
        item.sent.reject(signal.reason);
        if (!item.isUncertain) this.#finish(item);
      });
    try {
      return await item.sent.promise;
    } finally {
      stop?.();
    }
  }

  /** Takes note of an event of a log: it may be a queued message whose acknowledgement was lost. */
  received({ channel, key, seq, from }: DurableEvent): void {
    const user = this.#hooks.user();
    for (const item of this.#items) {
      const { message } = item;
      if (message.key !== key || message.channel !== channel || item.attempts === 0) continue;
      // Keys are unique per user: another user may have chosen the same one.
      if (user === undefined) item.base ??= seq - 1;
      else if (from?.userId === user) item.own.seq = seq;
    }
  }

  /** Takes note that a part of a channel is lost, which may contain messages that were sent before. */
  lost(channel: string, after: number): void {
    for (const item of this.#items) {
      if (item.message.channel === channel && item.attempts > 0) item.base ??= after;
    }
  }

  /** Rejects all messages. */
  abandon(error: FunnelcastError): void {
    for (const item of [...this.#items]) this.#finish(item, error);
  }

  /** See `Client.renderKey`. */
  renderKey(event: Keyed): string {
    return this.#own.renderKey(event, this.#hooks.user());
  }

  /**
   * Waits until the queue is empty, for at most `timeoutMs`, and then calls `close`, which rejects the rest. Aborting the
   * signal ends the wait without a call of `close`.
   *
   * @returns the messages that failed in the meantime
   */
  async drain(
    env: Environment,
    timeoutMs: number,
    signal: AbortSignal,
    close: () => void,
  ): Promise<Undelivered[]> {
    const undelivered: Undelivered[] = [];
    const over = deferred<void>();
    const cancel = env.after(timeoutMs, over.resolve);
    const end = () => {
      this.#onFinished = undefined;
      over.resolve();
    };
    signal.addEventListener('abort', end); // at once: a later call may begin before this one goes on
    this.#onFinished = (item, error) => {
      if (error && !item.isAborted) undelivered.push({ ...item.message, error: toError(error) });
      if (this.#items.size === 0) over.resolve();
    };
    if (this.#items.size > 0) await over.promise;
    cancel();
    if (signal.aborted) return undelivered;
    close();
    end();
    return undelivered;
  }

  #enqueue(item: Item): void {
    const { channel } = item.message;
    const before = this.#lastTurn.get(channel) ?? Promise.resolve();
    const turn = before.then(() => this.#deliver(item));
    this.#lastTurn.set(channel, turn);
    void turn.then(() => {
      if (this.#lastTurn.get(channel) === turn) this.#lastTurn.delete(channel);
    });
  }

  async #deliver(item: Item): Promise<void> {
    if (!this.#items.has(item)) return;
    try {
      const { message, ended } = item;
      const sent = await this.#hooks.deliver(message, ask => this.#attempt(item, ask), ended.signal);
      this.#acknowledged(item, sent);
      this.#hooks.event(eventOf(message, sent));
    } catch (error) {
      this.#finish(item, error);
    }
  }

  async #attempt(item: Item, request: (fields: SendFields) => Promise<Sent>): Promise<Sent> {
    const wasUncertain = item.isUncertain;
    item.isUncertain = true;
    item.attempts++;
    const base = this.#base(item, wasUncertain);
    try {
      return await request({ ...item.message, ...(base !== undefined && { base }) });
    } catch (error) {
      item.isUncertain = wasUncertain || !isRefusal(error);
      if (item.isAborted && !item.isUncertain) this.#finish(item);
      throw error;
    }
  }

  /**
   * The seq after which the server must look for an earlier attempt. If its place is known, that is just before it. For a
   * new message it is the client's position, as events up to there have been received. For a message that was abandoned, or
   * that the app may have sent before a reload, it is not: what the server cannot look through it refuses.
   */
  #base({ message, own, isNew, base }: Item, wasUncertain: boolean): number | undefined {
    if (own.seq !== undefined) return own.seq - 1;
    const last = this.#hooks.lastSeq(message.channel);
    if (isNew && !wasUncertain) own.base = last;
    own.isTried = true;
    return isNew ? (base ?? last) : own.base;
  }

  #acknowledged(item: Item, sent: Sent): void {
    if (!this.#items.has(item)) return;
    item.own.seq = sent.seq;
    item.sent.resolve(sent);
    this.#finish(item);
  }

  #finish(item: Item, error?: unknown): void {
    if (!this.#items.delete(item)) return;
    if (error) item.sent.reject(error);
    item.ended.abort(closed());
    this.#onFinished?.(item, error);
  }
}

/** Whether the error says that the server has not carried out the request. */
function isRefusal(error: unknown): boolean {
  return error instanceof FunnelcastError && !/^(disconnected|timeout|internal|closed)$/.test(error.code);
}
