/**
 * Events as they leave a backend, and what becomes of them. Both ways of publishing, HTTP and the bus, share this.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import type { ErrorCode, Published, BackendEvent as WireBackendEvent } from '../wire.js';

/** How often an event is sent before a temporary error becomes its result. */
export const ATTEMPTS_MAX = 5;

/** An event of the app's backend, by its type on the bus, such as `FunnelUpdate`. */
export interface BackendEvent extends WireBackendEvent {
  /**
   * The channel that it belongs to. Events of one channel keep their order, and those without a channel that of their type.
   * Default: the `channel` of the detail, if it has one.
   */
  channel?: Channel;
}

/** An event that was published. The result is only known by HTTP: the bus has just accepted it. */
export interface PublishedEvent {
  event: BackendEvent;
  result: Published | undefined;
}

/** An event that was not published, with the reason. */
export interface FailedEvent {
  event: BackendEvent;
  /** A code of the protocol, `disconnected` or `timeout`; on the bus also a code of EventBridge, or the name of what its client threw. */
  code: string;
  message: string;
  /** The field that is at fault, such as `detail.funnelName`, if it is one field. */
  field?: string | undefined;
}

/**
 * Thrown when some events have not been published, although those with a temporary error were sent several times.
 *
 * Events whose error was temporary (`disconnected`, `timeout`, `internal`, `rate_limited`) can be sent again as they are:
 * by HTTP they have their keys, so that nothing is published twice, even where only the answer was lost: within a day or,
 * with a key of your own, while the first try is one of the last 100 events of its channel. An event that comes after such an
 * event of the same channel has not been sent, so that this keeps the order.
 *
 * @example
 * ```ts
 * try {
 *   await realTimeUpdates.sendBotMessage('conv-123', 'Hello!');
 * } catch (error) {
 *   if (!(error instanceof PublishError)) throw error;
 *   for (const { event, code, field, message } of error.failed) console.error(event.type, code, field, message);
 *   await realTimeUpdates.send(...error.failed.map(({ event }) => event)); // later, perhaps from a queue of your own
 * }
 * ```
 */
export class PublishError extends FunnelcastError {
  /** The events that were not published, in their order. */
  readonly failed: readonly FailedEvent[];
  /** The events of the same call that were published, in their order. */
  readonly published: readonly PublishedEvent[];

  constructor(failed: readonly FailedEvent[], published: readonly PublishedEvent[]) {
    const { event, code, message, field } = failed[0] as FailedEvent;
    const count = `${failed.length} of ${failed.length + published.length} events`;
    const which = `${event.type}${event.channel === undefined ? '' : ` for ${event.channel}`}`;
    const text = `${count} were not published, the first (${which}) with ${code}: ${message}`;
    // The codes of EventBridge are not among those of the protocol.
    super(/^[a-z_]+$/.test(code) ? (code as ErrorCode) : 'internal', text, undefined, field);
    this.name = 'PublishError';
    this.failed = failed;
    this.published = published;
  }
}

/** Waits between two attempts. */
export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
