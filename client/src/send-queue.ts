/**
 * Messages that must arrive: each is kept until the server has it, over any number of connections, and arrives once.
 *
 * A message whose acknowledgement is lost may have been kept. So it is never simply sent again: the channel is recovered
 * first, and then it is sent with the same `key`, and with the last seq known as its `base`; the server looks for the key
 * from there on, so that even a first try that is still on its way is found, whichever of the two comes first. One that
 * the log turns out to have is sent again all the same, with a `base` just below it: its first try may have ended before
 * it was posted to the others, and only an acknowledgement says that it was.
 *
 * Of a channel one message is under way at a time, since API Gateway serves the frames of one socket side by side. One
 * that is called off gives up its turn only when nothing of it can still be under way: else the next might overtake it.
 *
 * @module
 */

import type { AnyEvent, ConversationChannel, Durable } from './channels.js';
import type { Environment } from './environment.js';
import { closed, FunnelcastError, toError } from './errors.js';
import { echo, isNewKey, type Keyed, type Message, type Own, OwnMessages } from './own.js';
import { type Deferred, deferred, pause } from './waiting.js';
import type { ChatDraft, SendFields, Sent } from './wire.js';

/** A message that was not delivered, and why. */
export interface Undelivered {
  channel: ConversationChannel;
  /** With it the message may be sent again: if it did arrive after all, it is there once. */
  key: string;
  data: ChatDraft;
  error: FunnelcastError;
}

interface Item {
  message: Message;
  /** What is remembered of it, beyond its time in the queue. */
  own: Own;
  /** Whether nobody can have sent it before. */
  isNew: boolean;
  sent: Deferred<Sent>;
  /** Aborted when there is nothing left to do for it. */
  ended: AbortController;
  tries: number;
  /** Whether a try was made of which it is not known that the server did not keep it. */
  isUncertain: boolean;
  /** Whether nobody waits for it any more. */
  isCalledOff: boolean;
  /**
   * The last seq before what may have had it: a part of the channel that is gone for good, or an event with its key that
   * came while it was not known who we are.
   */
  base: number | undefined;
}

/** What the queue needs of the client. */
export interface SendQueueHooks {
  /** Makes tries, until one has an answer that counts. */
  deliver(
    message: Message,
    attempt: (request: (fields: SendFields) => Promise<Sent>) => Promise<Sent>,
    signal: AbortSignal,
  ): Promise<Sent>;
  /** The last seq known of a channel. */
  known(channel: ConversationChannel): number | undefined;
  /** Whose connection it is, once that is known. */
  user(): string | undefined;
  /** The event that a message has become. */
  event(event: AnyEvent): void;
}

/** The messages that are under way, in order for each channel. */
export class SendQueue {
  readonly #limit: number;
  readonly #hooks: SendQueueHooks;
  readonly #items = new Set<Item>();
  readonly #own = new OwnMessages();
  readonly #lastOf = new Map<ConversationChannel, Promise<void>>();
  /** Told of each message that is over. */
  #watch: ((item: Item, error: unknown) => void) | undefined;

  /** @param limit - how many messages may wait at once; more are refused with `outbox_full` */
  constructor(limit: number, hooks: SendQueueHooks) {
    this.#limit = limit;
    this.#hooks = hooks;
  }

  /** Sends, behind what this client has already sent to the channel. Fails when the signal is aborted. */
  async send(message: Message, signal?: AbortSignal): Promise<Sent> {
    signal?.throwIfAborted();
    if (this.#items.size >= this.#limit) {
      throw new FunnelcastError('outbox_full', `${this.#limit} messages are waiting already`);
    }
    const own = this.#own.add(message);
    const item: Item = {
      message,
      own,
      isNew: !own.isTried && isNewKey(message.key),
      sent: deferred(),
      ended: new AbortController(),
      tries: 0,
      isUncertain: false,
      isCalledOff: false,
      base: undefined,
    };
    this.#items.add(item);
    this.#enqueue(item);
    const callOff = () => {
      item.isCalledOff = true;
      item.sent.reject(signal?.reason);
      if (!item.isUncertain) this.#finish(item);
    };
    signal?.addEventListener('abort', callOff);
    try {
      return await item.sent.promise;
    } finally {
      signal?.removeEventListener('abort', callOff);
    }
  }

  /** An event of the log: if it is a message of ours whose acknowledgement was lost, the server is told where it is. */
  heard({ channel, key, seq, from }: Durable): void {
    const user = this.#hooks.user();
    for (const item of this.#items) {
      const { message } = item;
      if (message.key !== key || message.channel !== channel || item.tries === 0) continue;
      // Keys count per user, and an app may choose a key that somebody else has, too.
      if (user === undefined) item.base ??= seq - 1;
      else if (from?.userId === user) item.own.seq = seq;
    }
  }

  /** A part of a channel is gone for good; what was tried before may have been in it. */
  lost(channel: string, after: number): void {
    for (const item of this.#items) {
      if (item.message.channel === channel && item.tries > 0) item.base ??= after;
    }
  }

  /** Gives up all that is under way. */
  abandon(error: FunnelcastError): void {
    for (const item of [...this.#items]) this.#finish(item, error);
  }

  /** See `Client.renderKey`. */
  renderKey(event: Keyed): string {
    return this.#own.renderKey(event, this.#hooks.user());
  }

  /** Whether nothing is under way. */
  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  /**
   * Waits until nothing is under way, for at most `timeoutMs` or until the signal is aborted. Then, unless it was, calls
   * `close`, which abandons the rest.
   *
   * @returns what has failed meanwhile
   */
  async drain(
    env: Environment,
    timeoutMs: number,
    signal: AbortSignal,
    close: () => void,
  ): Promise<Undelivered[]> {
    const undelivered: Undelivered[] = [];
    const isOver = new AbortController();
    const over = () => isOver.abort();
    signal.addEventListener('abort', over);
    this.#watch = (item, error) => {
      const { channel, key, data } = item.message;
      if (error && !item.isCalledOff) undelivered.push({ channel, key, data, error: toError(error) });
      if (this.isEmpty) over();
    };
    if (!this.isEmpty) await pause(env, timeoutMs, isOver.signal).catch(over);
    if (!signal.aborted) close();
    this.#watch = undefined;
    return undelivered;
  }

  #enqueue(item: Item): void {
    const { channel } = item.message;
    const before = this.#lastOf.get(channel) ?? Promise.resolve();
    const turn = before.then(() => this.#deliver(item));
    this.#lastOf.set(channel, turn);
    void turn.then(() => {
      if (this.#lastOf.get(channel) === turn) this.#lastOf.delete(channel);
    });
  }

  async #deliver(item: Item): Promise<void> {
    if (!this.#items.has(item)) return;
    try {
      const { message, ended } = item;
      const sent = await this.#hooks.deliver(message, ask => this.#attempt(item, ask), ended.signal);
      this.#kept(item, sent);
      const event = echo(message, sent, this.#hooks.user());
      if (event) this.#hooks.event(event);
    } catch (error) {
      this.#finish(item, error);
    }
  }

  async #attempt(item: Item, request: (fields: SendFields) => Promise<Sent>): Promise<Sent> {
    const wasUncertain = item.isUncertain;
    item.isUncertain = true;
    item.tries++;
    const base = this.#base(item);
    try {
      return await request({ ...item.message, ...(base !== undefined && { base }) });
    } catch (error) {
      item.isUncertain = wasUncertain || !isRefusal(error);
      if (toError(error).code === 'conflict') item.own.base = undefined; // too far behind
      if (item.isCalledOff && !item.isUncertain) this.#finish(item);
      throw error;
    }
  }

  /**
   * The seq from which on the server is to look for an earlier try. Where its place is known, that is just before it. Of a
   * new message it is where we are: what is before that has been heard. Of one that was given up, or that the app may have
   * sent before a reload, it is not.
   */
  #base({ message, own, isNew, base }: Item): number | undefined {
    if (own.seq !== undefined) return own.seq - 1;
    const known = this.#hooks.known(message.channel);
    if (isNew && !own.isTried) own.base = known;
    own.isTried = true;
    return isNew ? (base ?? known) : own.base;
  }

  #kept(item: Item, sent: Sent): void {
    if (!this.#items.has(item)) return;
    item.own.seq = sent.seq;
    item.sent.resolve(sent);
    this.#finish(item);
  }

  #finish(item: Item, error?: unknown): void {
    if (!this.#items.delete(item)) return;
    if (error) item.sent.reject(error);
    item.ended.abort(closed('it is over'));
    this.#watch?.(item, error);
  }
}

/** Whether the server has said that it did not do what it was asked to. */
function isRefusal(error: unknown): boolean {
  return error instanceof FunnelcastError && !/^(disconnected|timeout|internal|closed)$/.test(error.code);
}
