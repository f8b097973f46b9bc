/**
 * What a client is made of.
 *
 * @module
 */

import type { AccessOptions } from './address.js';
import type { Channel, ChannelEvent } from './channels.js';
import type { StateChange } from './connection.js';
import type { Environment } from './environment.js';
import type { FunnelcastError } from './errors.js';

/** How to make a client: a way in, and what may be set beside it. */
export interface ClientOptions extends AccessOptions {
  /** How many messages may wait for the server at once; more are refused with `outbox_full`. 100 by default. */
  outboxLimit?: number | undefined;
  /** What of the world around is to be replaced, in a test, or where there is no global `WebSocket`. */
  environment?: Partial<Environment> | undefined;
}

/** What a client tells of itself. */
export interface ClientEvents {
  /** A step of the state machine. */
  state: StateChange;
  /** Whether messages come and go, whenever that changes: see `isConnected` of the client. */
  connected: boolean;
  /** Something was refused or has failed that no promise tells. */
  error: { error: FunnelcastError; channel?: Channel };
  /** A frame, as it is on the wire: for looking at, e.g. on a console. */
  frame: { direction: 'in' | 'out'; text: string };
}

/** A request that can be called off. */
export interface CallOptions {
  /** Ends the wait: the promise fails with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** How to send a message. */
export interface SendOptions extends CallOptions {
  /**
   * What a repeat of this send is known by, `[A-Za-z0-9_.:-]{1,64}`; made up where it is absent. An app that keeps its
   * drafts gives its own, and may then send again after a reload: the message is there once, unless more than 100 events
   * have come in between.
   */
  key?: string | undefined;
}

/** How to close a client that may have messages waiting. */
export interface DrainOptions {
  /** How long they may take, in milliseconds. Default: 10,000. */
  timeoutMs?: number | undefined;
  /** The message of the error with which the rest fails. */
  reason?: string | undefined;
}

/** Which part of a channel's log to read. `before` and `after` exclude each other; without either, its end. */
export interface HistoryQuery {
  /** The events before this seq, the latest of them. */
  before?: number | undefined;
  /** The events after this seq, the earliest of them. */
  after?: number | undefined;
  /** 1 to 100; 50 by default. */
  limit?: number | undefined;
  /** Only chat messages with this in them, whatever the case of its letters. */
  contains?: string | undefined;
}

/** A page of a channel's history. */
export interface HistoryPage<C extends Channel> {
  /** In the order of their seqs. */
  events: ChannelEvent<C>[];
  /** Whether there are more in the direction asked for. */
  more: boolean;
  /** Where there are: the `before` or `after` to go on with. */
  next?: number;
}
