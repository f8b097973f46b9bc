/**
 * One call that publishes by HTTP: which of its events goes into which request, and what becomes of each. It makes no
 * request itself.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { errorOf, FunnelcastError } from '../errors.js';
import { isTemporary } from '../waiting.js';
import {
  type DetailType,
  PUBLISH_BYTES_MAX,
  PUBLISH_EVENTS_MAX,
  type Published,
  type PublishResult,
  type Timestamp,
} from '../wire.js';
import { bytes } from './check.js';
import { ATTEMPTS_MAX, type BackendEvent, PublishError } from './events.js';

/** The size of a body beside its events: `{"events":[]}`. */
const ENVELOPE_BYTES = 13;
/** The types whose detail may have a `timestamp`. */
const TIMED: ReadonlySet<DetailType> = new Set<DetailType>([
  'AnalyticsUpdate',
  'ChatMessage',
  'Conversation',
  'FunnelUpdate',
  'Moderation',
  'ResourceUpdate',
  'SystemNotification',
  'UserNotification',
]);

/** An event in a request. */
export interface PublishEntry {
  /** The event, with its key. */
  event: BackendEvent;
  /** What is sent for it. */
  json: string;
  bytes: number;
  /** Events of one lane keep their order: those of a channel or, without one, of a type. */
  lane: string;
  /** What became of it; absent while it may still be published. */
  outcome?: Published | FunnelcastError;
}

/** What must be retried, and when. */
export interface Retry {
  /** How often it has failed in a row. */
  failures: number;
  /** How long the stack asks to wait, in milliseconds. */
  afterMs: number | undefined;
}

export class PublishCall {
  readonly #entries: readonly PublishEntry[];
  /** The entries of the last request. */
  #request: readonly PublishEntry[] = [];
  /** How many requests in a row were not answered, or refused as a whole. */
  #failures = 0;
  /** How often in a row nothing of a lane was published. */
  readonly #failuresOf = new Map<string, number>();

  /** @throws {FunnelcastError} `too_large` if an event does not fit into a request */
  constructor(events: readonly BackendEvent[]) {
    this.#entries = events.map(entryOf);
  }

  /** The lanes of all events. */
  get lanes(): string[] {
    return lanesOf(this.#entries);
  }

  /** The entries of the next request: as many of what is left, from the first on, as fit. None if the call is done. */
  next(): readonly PublishEntry[] {
    let size = ENVELOPE_BYTES;
    const rest = this.#rest;
    const end = rest.findIndex((entry, i) => {
      size += entry.bytes + 1;
      return i === PUBLISH_EVENTS_MAX || size > PUBLISH_BYTES_MAX;
    });
    this.#request = end === -1 ? rest : rest.slice(0, end);
    return this.#request;
  }

  /** Notes the results of the last request. Returns what must be retried. */
  settle(results: readonly PublishResult[]): Retry | undefined {
    this.#failures = 0;
    const waiting = new Map<string, FunnelcastError>();
    this.#request.forEach((entry, i) => {
      const outcome = outcomeOf(results[i]);
      if (!isRetryable(outcome)) entry.outcome = outcome;
      else if (!waiting.has(entry.lane)) waiting.set(entry.lane, outcome);
    });
    let retry: Retry | undefined;
    for (const lane of lanesOf(this.#request)) {
      const error = waiting.get(lane);
      const hasProgress = this.#request.some(entry => entry.lane === lane && entry.outcome);
      const failures = error ? (hasProgress ? 1 : (this.#failuresOf.get(lane) ?? 0) + 1) : 0;
      this.#failuresOf.set(lane, failures);
      if (error && failures >= ATTEMPTS_MAX)
        giveUp(
          this.#rest.filter(entry => entry.lane === lane),
          error,
        );
      else if (error && failures > (retry?.failures ?? 0)) retry = { failures, afterMs: error.retryAfterMs };
    }
    return retry;
  }

  /** Notes that the last request failed as a whole. Returns whether it must be retried. */
  fail(error: FunnelcastError): Retry | undefined {
    this.#failures += 1;
    if (isRetryable(error) && this.#failures < ATTEMPTS_MAX) {
      return { failures: this.#failures, afterMs: error.retryAfterMs };
    }
    // No other request would fare better.
    giveUp(this.#rest, error);
    return undefined;
  }

  /** The results of all events, in their order. Throws a {@link PublishError} if some were not published. */
  results(): Published[] {
    const published = this.#entries.flatMap(({ event, outcome: result }) =>
      !result || result instanceof FunnelcastError ? [] : [{ event, result }],
    );
    const failed = this.#entries.flatMap(({ event, outcome }) => {
      if (!(outcome instanceof FunnelcastError)) return [];
      const { code, message, field } = outcome;
      return [{ event, code, message, field }];
    });
    if (failed.length > 0) throw new PublishError(failed, published);
    return published.map(({ result }) => result);
  }

  get #rest(): readonly PublishEntry[] {
    return this.#entries.filter(({ outcome }) => outcome === undefined);
  }
}

function entryOf(event: BackendEvent): PublishEntry {
  const complete = identified(event);
  const { type, detail, key, time } = complete;
  const json = JSON.stringify({ type, detail, key, time });
  const size = bytes(json);
  if (ENVELOPE_BYTES + size > PUBLISH_BYTES_MAX) {
    const message = `the event has ${size} bytes; a request has at most ${PUBLISH_BYTES_MAX}`;
    throw new FunnelcastError('too_large', message);
  }
  const lane = event.channel ?? (detail as { channel?: Channel }).channel ?? type;
  return { event: complete, json, bytes: size, lane };
}

/**
 * The event with all by which the stack recognises a repeat. Its `time` says that no try is older: the stack looks no further
 * back for the key. That is known of a key that is made here, and not of one of the caller's own, which an earlier call may have
 * sent already. Such an event gets no `time`, but its detail gets the `timestamp`, so that all tries have the same one. A `Kick` is
 * in no log, and ends only what was joined by its `time`: without one, a late repeat would end what was joined since.
 */
function identified(event: BackendEvent): BackendEvent {
  const now = new Date().toISOString();
  const { key = crypto.randomUUID(), time = now } = event;
  if (event.key === undefined || event.type === 'Kick') return { ...event, key, time };
  const { timestamp } = event.detail as { timestamp?: Timestamp };
  if (event.time !== undefined || timestamp !== undefined || !TIMED.has(event.type)) return event;
  return { ...event, detail: { ...event.detail, timestamp: now } };
}

function lanesOf(entries: readonly PublishEntry[]): string[] {
  return [...new Set(entries.map(({ lane }) => lane))];
}

function outcomeOf(result: PublishResult | undefined): Published | FunnelcastError {
  if (!result) return new FunnelcastError('internal', 'the stack gave no result');
  if (!('error' in result)) return result;
  return errorOf(result.error);
}

/** Whether an event may still be published; if so, the outcome is not final. */
function isRetryable(outcome: Published | FunnelcastError): outcome is FunnelcastError {
  return outcome instanceof FunnelcastError && (isTemporary(outcome) || outcome.code === 'disconnected');
}

/** The first one has failed with `error`; the others must not overtake it. */
function giveUp(entries: readonly PublishEntry[], error: FunnelcastError): void {
  entries.forEach((entry, i) => {
    const message = i === 0 ? error.message : `an earlier event was not published: ${error.message}`;
    entry.outcome = new FunnelcastError(error.code, message, undefined, i === 0 ? error.field : undefined);
  });
}
