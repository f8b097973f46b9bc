/**
 * AWS's SDK, which only those need who put events on the bus.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';

/** An entry of PutEvents. */
export interface PutEventsEntry {
  EventBusName: string;
  Source: string;
  DetailType: string;
  Detail: string;
}

/** What PutEvents says of each entry, in the order of the entries. */
export interface PutEventsAnswer {
  Entries?: { ErrorCode?: string | undefined; ErrorMessage?: string | undefined }[] | undefined;
}

/**
 * As much of AWS's `EventBridgeClient` as is used. It is described here, and not imported, so that the types need no
 * SDK either.
 */
export interface EventBridge {
  /** Sends a `PutEventsCommand`. */
  send(command: object): Promise<unknown>;
}

/** One call of PutEvents. */
export async function callPutEvents(
  client: EventBridge | undefined,
  entries: PutEventsEntry[],
): Promise<PutEventsAnswer> {
  const { EventBridgeClient, PutEventsCommand } = await loadSdk();
  const command = new PutEventsCommand({ Entries: entries });
  if (client) return (await client.send(command)) as PutEventsAnswer;
  shared ??= new EventBridgeClient();
  return shared.send(command);
}

type Sdk = typeof import('@aws-sdk/client-eventbridge');

/** One client a process: it keeps the connections. */
let shared: InstanceType<Sdk['EventBridgeClient']> | undefined;

/** The `import` stands in a `try`, so that bundlers do without the package where it is not installed. */
async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-eventbridge');
  } catch (error) {
    throw new FunnelcastError(
      'bad_request',
      `to put events on the bus, install @aws-sdk/client-eventbridge (${String(error)})`,
    );
  }
}
