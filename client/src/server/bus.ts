/**
 * The event bus: puts events on EventBridge in batches, and retries those that it did not accept.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { backoff } from '../waiting.js';
import { bytes } from './check.js';
import { ATTEMPTS_MAX, type BackendEvent, type FailedEvent, PublishError, sleep } from './events.js';

/** EventBridge's limits on one call: the number of entries, and their total size in bytes. */
const BATCH_ENTRIES_MAX = 10;
const BATCH_BYTES_MAX = 256 * 1024;

/**
 * The part of AWS's `EventBridgeClient` that is used. It is declared here and not imported, so that the types do not depend
 * on the SDK either.
 */
export interface EventBridge {
  /** Sends a `PutEventsCommand`. */
  send(command: object): Promise<unknown>;
}

/** Where to put events. */
export interface Bus {
  /** The `EventBridgeClient` of AWS's SDK. Default: one that is configured by AWS's own variables, such as `AWS_REGION`. */
  client?: EventBridge | undefined;
  /** The name of the bus, the stack's output `BusName`. */
  bus: string;
  /** The `source` of the events, the stack's parameter `EventSource`. */
  source: string;
  /** Returns a number that is at least 0 and less than 1, for the back-off between attempts. Default: `Math.random`. */
  random?: (() => number) | undefined;
}

interface Entry {
  event: BackendEvent;
  request: PutEventsEntry;
  bytes: number;
}

interface PutEventsEntry {
  EventBusName: string;
  Source: string;
  DetailType: string;
  Detail: string;
}

/** The response to PutEvents has a result for each entry, in the order of the entries. */
interface PutEventsResponse {
  Entries?: { ErrorCode?: string | undefined; ErrorMessage?: string | undefined }[] | undefined;
}

/**
 * Puts events on the bus, in as few calls as possible. The bus keeps no order.
 *
 * @throws {PublishError} if EventBridge did not accept some of them
 */
export async function putEvents(to: Bus, events: readonly BackendEvent[]): Promise<void> {
  const entries = events.map(event => entryOf(to, event)); // checks all before the first one is put
  const failed: FailedEvent[] = [];
  for (const batch of batches(entries)) failed.push(...(await putBatch(to, batch)));
  if (failed.length === 0) return;
  const isFailed = new Set(failed.map(({ event }) => event));
  const published = entries.filter(({ event }) => !isFailed.has(event));
  throw new PublishError(
    failed,
    published.map(({ event }) => ({ event, result: undefined })),
  );
}

function entryOf({ bus, source }: Bus, event: BackendEvent): Entry {
  if (event.key !== undefined)
    throw new FunnelcastError('bad_request', 'key needs HTTP: the bus has none', undefined, 'key');
  const detail = JSON.stringify(event.detail);
  const size = bytes(source) + bytes(event.type) + bytes(detail);
  if (size > BATCH_BYTES_MAX) {
    const message = `the event has ${size} bytes; EventBridge accepts at most ${BATCH_BYTES_MAX}`;
    throw new FunnelcastError('too_large', message);
  }
  const request = { EventBusName: bus, Source: source, DetailType: event.type, Detail: detail };
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

/** Puts one batch, retries the entries that were not accepted, and returns those that never were. */
async function putBatch(to: Bus, batch: Entry[]): Promise<FailedEvent[]> {
  const failed: FailedEvent[] = [];
  let rest = batch;
  for (let attempts = 1; rest.length > 0; attempts++) {
    const requests = rest.map(({ request }) => request);
    const { Entries: results = [] } = await callPutEvents(to.client, requests);
    const again: Entry[] = [];
    rest.forEach((entry, i) => {
      const { ErrorCode: code, ErrorMessage: message = '' } = results[i] ?? {};
      if (code === undefined) return;
      if (isTemporary(code) && attempts < ATTEMPTS_MAX) again.push(entry);
      else failed.push({ event: entry.event, code, message });
    });
    rest = again;
    if (rest.length > 0) await sleep(backoff(attempts, to.random ?? Math.random));
  }
  return failed;
}

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html */
function isTemporary(code: string): boolean {
  return /^(InternalFailure|InternalException|ThrottlingException)$/.test(code);
}

async function callPutEvents(
  client: EventBridge | undefined,
  entries: PutEventsEntry[],
): Promise<PutEventsResponse> {
  const { EventBridgeClient, PutEventsCommand } = await loadSdk();
  const command = new PutEventsCommand({ Entries: entries });
  if (client) return (await client.send(command)) as PutEventsResponse;
  shared ??= new EventBridgeClient();
  return shared.send(command);
}

type Sdk = typeof import('@aws-sdk/client-eventbridge');

/** One client per process, because it keeps connections open. */
let shared: InstanceType<Sdk['EventBridgeClient']> | undefined;

/** Loads AWS's SDK. Because the `import` is in a `try`, bundlers do not require the package to be installed. */
async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-eventbridge');
  } catch (error) {
    throw new FunnelcastError(
      'bad_request',
      `install @aws-sdk/client-eventbridge to put events on the bus (${String(error)})`,
    );
  }
}
