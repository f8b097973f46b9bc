/**
 * The options of the client and of its methods, and the pages that `history` and `search` return.
 *
 * @module
 */

import type { Channel, ChannelEvent, EventOf } from './channels.js';
import type { AccessOptions } from './connection/access.js';
import type { Environment } from './environment.js';
import type { Mark, Only } from './wire.js';

/** The options of `createClient`: how to connect, and what else may be set. */
export interface ClientOptions extends AccessOptions {
  /** How many messages the send queue may hold; more are rejected with `outbox_full`. Default: 100. */
  outboxLimit?: number | undefined;
  /** Replaces parts of the environment, in tests or in a runtime without a global `WebSocket`. */
  environment?: Partial<Environment> | undefined;
}

/** The options of every request. */
export interface CallOptions {
  /** Aborts the request: its promise rejects with the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/** The options of `client.send`. */
export interface SendOptions extends CallOptions {
  /**
   * Identifies the message, so that sending it again does not duplicate it: `[A-Za-z0-9_.:-]{1,64}`. Default: a new key. An
   * app that stores its drafts should set it, and {@link isRetry} when it sends a draft again after a reload.
   */
  key?: string | undefined;
  /**
   * Whether another page, or the app before a reload, may have sent the message. The server then looks for the key in the
   * whole channel, instead of the last 100 events. If it holds more than 4 MB, some 10,000 short messages, the
   * server refuses the message with the code `conflict`. What this page sends again is looked for in any case.
   */
  isRetry?: boolean | undefined;
}

/** The options of `client.drain`. */
export interface DrainOptions {
  /** How long to wait for the send queue, in milliseconds. Default: 10,000. */
  timeoutMs?: number | undefined;
  /** The message of the error with which the remaining messages fail. */
  reason?: string | undefined;
}

/** Selects a page of an inbox. */
export interface InboxQuery {
  /** The size of the page, 1 to 50. Default: 50. */
  limit?: number | undefined;
  /** The `next` of the page before; without it, the first page. */
  cursor?: string | undefined;
}

/** Selects a page of a channel's log. Set either `before` or `after`, or neither for the end of the log. */
export interface HistoryQuery {
  /** Selects the latest events before this seq. */
  before?: number | undefined;
  /** Selects the earliest events after this seq. */
  after?: number | undefined;
  /** The size of the page, 1 to 100. Default: 50. */
  limit?: number | undefined;
  /** Selects only chat messages that contain this text, in upper or lower case. */
  contains?: string | undefined;
  /** Selects only chat messages, each as it is now, without the events that change them. */
  only?: Only | undefined;
}

/**
 * Selects a page of the results of a search: of a conversation, of those in which the user takes part (`user:{userId}`), or, for
 * its team, of all of a company (`inbox:{companyId}`), for which the stack's parameter `Search` must be `on`.
 *
 * A message is found if it has every word of the query: the word itself, with or without its accents; another form of it, in
 * English, French, German, Portuguese and Spanish; or a longer word that begins with it. A phrase in quotes is found as it is
 * written.
 *
 * @example
 * ```ts
 * const { results } = await client.search('conversation:conv-123', 'refund "second invoice"');
 * for (const { event, marks } of results) {
 *   const parts = marks.map(({ start, end }) => event.data.content.slice(start, end));
 *   console.log(event.seq, parts);
 * }
 * ```
 */
export interface SearchQuery {
  /** The most results, 1 to 50. Default: 20. */
  limit?: number | undefined;
  /** The `next` of the page before. */
  cursor?: string | undefined;
}

/** A page of the results of a search. */
export interface SearchPage {
  /** The newest messages that match, of them the best match first, each with the parts of its text that match. */
  results: { event: EventOf<'chat.message'>; marks: Mark[] }[];
  /**
   * The `cursor` of the next page. What one page looks through is limited, so it may have few results, or none, and still not
   * be the last.
   */
  next?: string;
}

/** A page of a channel's log. */
export interface HistoryPage<C extends Channel> {
  /** The events, in the order of their seqs. */
  events: ChannelEvent<C>[];
  /** Whether there are more events in the direction of the query. */
  more: boolean;
  /** The `before` or `after` of the next page, if there are more events. */
  next?: number;
}
