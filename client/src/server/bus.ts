/**
 * The event bus: puts events on EventBridge in batches, and retries those that it did not accept. A call that fails as a whole
 * is a failure of each of its events.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { backoff } from '../waiting.js';
import { callFailure, entryFailure, type Failure, type PutEventsResult } from './bus-failure.js';
import { bytes } from './check.js';
import { ATTEMPTS_MAX, type BackendEvent, PublishError, sleep } from './events.js';

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
  /** Why it was not accepted, if it was put and was not. */
  failure?: Failure | undefined;
}

interface PutEventsEntry {
  EventBusName: string;
  Source: string;
  DetailType: string;
  Detail: string;
}

/** Calls PutEvents. It resolves with a result for each entry, in the order of the entries. */
type Put = (entries: PutEventsEntry[]) => Promise<readonly PutEventsResult[]>;

/**
 * Puts events on the bus, in as few calls as possible. The bus keeps no order.
 *
 * @throws {PublishError} if EventBridge did not accept some of them
 */
export async function putEvents(to: Bus, events: readonly BackendEvent[]): Promise<void> {
  const entries = events.map(event => entryOf(to, event)); // checks all before the first one is put
  if (entries.length === 0) return;
  const put = await connect(to.client);
  let failure: Failure | undefined;
  for (const batch of batches(entries)) {
    if (failure?.kind === 'aborted') for (const entry of batch) entry.failure = failure;
    // In an outage, the first batch has waited for all.
    else failure = await putBatch(to, put, batch, failure?.kind === 'temporary' ? 1 : ATTEMPTS_MAX);
  }
  const failed = entries.flatMap(({ event, failure }) =>
    failure ? [{ event, code: failure.code, message: failure.message }] : [],
  );
  const published = entries.flatMap(({ event, failure }) => (failure ? [] : [{ event, result: undefined }]));
  if (failed.length > 0) throw new PublishError(failed, published);
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

/**
 * Puts one batch, retries what was not accepted, and notes what failed nevertheless.
 *
 * @param attemptsMax - how many calls may fail as a whole
 * @returns why the last call failed as a whole, if it did
 */
async function putBatch(
  { random = Math.random }: Bus,
  put: Put,
  batch: readonly Entry[],
  attemptsMax: number,
): Promise<Failure | undefined> {
  let rest = batch;
  for (let attempts = 1; ; attempts++) {
    let failure: Failure | undefined;
    const results = await put(rest.map(({ request }) => request)).catch(thrown => {
      failure = callFailure(thrown);
      return [];
    });
    rest.forEach((entry, i) => {
      entry.failure = failure ?? entryFailure(results[i]);
    });
    rest = rest.filter(entry => entry.failure?.kind === 'temporary');
    if (rest.length === 0 || attempts >= (failure ? attemptsMax : ATTEMPTS_MAX)) return failure;
    await sleep(backoff(attempts, random));
  }
}

/** Loads AWS's SDK, and returns how to call PutEvents with this client. */
async function connect(own: EventBridge | undefined): Promise<Put> {
  const { EventBridgeClient, PutEventsCommand } = await loadSdk();
  const client = own ?? sharedClient(EventBridgeClient);
  return async entries => {
    const response = await client.send(new PutEventsCommand({ Entries: entries }));
    return (response as { Entries?: PutEventsResult[] } | undefined)?.Entries ?? [];
  };
}

type Sdk = typeof import('@aws-sdk/client-eventbridge');

/** One client per process, because it keeps connections open. */
let shared: EventBridge | undefined;

function sharedClient(EventBridgeClient: Sdk['EventBridgeClient']): EventBridge {
  shared ??= new EventBridgeClient() as EventBridge;
  return shared;
}

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
