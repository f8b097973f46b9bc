/**
 * The event bus: events in batches, and what it did not take put again.
 *
 * @module
 */

import { backoff } from '../backoff.js';
import { FunnelcastError } from '../errors.js';
import { bytes } from './check.js';
import { callPutEvents, type EventBridge, type PutEventsEntry } from './sdk.js';

/** The most entries of one call, and the most bytes of them together: EventBridge's own limits. */
const BATCH_ENTRIES_MAX = 10;
const BATCH_BYTES_MAX = 256 * 1024;
/** How often an entry is put before its refusal is believed. */
const TRIES_MAX = 5;

/** An event for the bus. */
export interface BusEvent {
  detailType: string;
  detail: object;
}

/** Where to put events. */
export interface Bus {
  /**
   * The `EventBridgeClient` of AWS's SDK. Where it is absent, one is made from the usual variables (`AWS_REGION` and so
   * on).
   */
  client?: EventBridge | undefined;
  /** The bus's name, the output `BusName` of the stack. */
  bus: string;
  /** The `source` of the events, as the stack's parameter `EventSource` has it. */
  source: string;
  /** From 0 up to 1, for the waits between tries. */
  random?: (() => number) | undefined;
}

/** Some events were not taken, after all tries. The others were. */
export class PublishError extends Error {
  /** Those that were not, each with the bus's reason. */
  readonly failed: readonly { event: BusEvent; code: string; message: string }[];

  constructor(failed: PublishError['failed']) {
    const first = failed[0];
    super(`${failed.length} events were not taken: ${first?.code}: ${first?.message}`);
    this.name = 'PublishError';
    this.failed = failed;
  }
}

interface Entry {
  event: BusEvent;
  request: PutEventsEntry;
  bytes: number;
}

/** Puts events on the bus, in their order, as few calls as it takes. */
export async function putEvents(to: Bus, events: readonly BusEvent[]): Promise<void> {
  const entries = events.map(event => entryOf(to, event)); // checked before the first one is put
  const failed: PublishError['failed'][number][] = [];
  for (const batch of batches(entries)) failed.push(...(await putBatch(to, batch)));
  if (failed.length > 0) throw new PublishError(failed);
}

function entryOf({ bus, source }: Bus, event: BusEvent): Entry {
  const detail = JSON.stringify(event.detail);
  const size = bytes(source) + bytes(event.detailType) + bytes(detail);
  if (size > BATCH_BYTES_MAX) {
    throw new FunnelcastError('too_large', `an event is larger than ${BATCH_BYTES_MAX} bytes`);
  }
  const request = { EventBusName: bus, Source: source, DetailType: event.detailType, Detail: detail };
  return { event, request, bytes: size };
}

function* batches(entries: readonly Entry[]): Generator<Entry[]> {
  let batch: Entry[] = [];
  let size = 0;
  for (const entry of entries) {
    if (batch.length === BATCH_ENTRIES_MAX || size + entry.bytes > BATCH_BYTES_MAX) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(entry);
    size += entry.bytes;
  }
  if (batch.length > 0) yield batch;
}

/** Puts one batch, and what was refused of it again; returns what is refused in the end. */
async function putBatch(to: Bus, batch: Entry[]): Promise<PublishError['failed']> {
  const failed: PublishError['failed'][number][] = [];
  let rest = batch;
  for (let tries = 1; rest.length > 0; tries++) {
    const requests = rest.map(({ request }) => request);
    const { Entries: answers = [] } = await callPutEvents(to.client, requests);
    const again: Entry[] = [];
    rest.forEach((entry, i) => {
      const { ErrorCode: code, ErrorMessage: message = '' } = answers[i] ?? {};
      if (code === undefined) return;
      if (isPassing(code) && tries < TRIES_MAX) again.push(entry);
      else failed.push({ event: entry.event, code, message });
    });
    rest = again;
    if (rest.length > 0) await sleep(backoff(tries, to.random ?? Math.random));
  }
  return failed;
}

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html */
function isPassing(code: string): boolean {
  return /^(InternalFailure|InternalException|ThrottlingException)$/.test(code);
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
