/**
 * The outbox: publishes an update in the transaction that makes it true, so that both happen or neither.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import { KEY_PATTERN } from '../wire.js';
import type { Update } from './updates.js';
import { variable } from './variables.js';

/** How long an item stays in the table. It has been published long before that. */
const KEPT_SECONDS = 24 * 3_600;

/** The options of {@link outboxItem}. */
export interface OutboxOptions {
  /** The stack's table, its output `TableName`. Default: the variable `FUNNELCAST_TABLE`. */
  table?: string | undefined;
  /**
   * Identifies the update, `[A-Za-z0-9_.:-]{1,64}`. Derive it from the change itself, for example `deployment-17`. The
   * update is then published once, however often the transaction is repeated.
   */
  key: string;
}

/** One item of a `TransactWriteCommand` from `@aws-sdk/lib-dynamodb`. */
export interface OutboxItem {
  Put: {
    TableName: string;
    Item: {
      pk: string;
      sk: string;
      channel: string;
      event: string;
      data: string;
      ttl: number;
    };
  };
}

/**
 * Makes an item for the transaction that writes the app's own state. The stack publishes the update from the table's stream.
 *
 * @example
 * ```ts
 * await documents.send(new TransactWriteCommand({
 *   TransactItems: [
 *     { Put: { TableName: 'funnels', Item: funnel } },
 *     outboxItem(funnelUpdate(user, funnel.id, funnel.name, 'deployed'), { key: `deployment-${funnel.version}` }),
 *   ],
 * }));
 * ```
 */
export function outboxItem({ channel, event, data }: Update, { table, key }: OutboxOptions): OutboxItem {
  if (!KEY_PATTERN.test(key)) {
    throw new FunnelcastError(
      'bad_request',
      `a key must be [A-Za-z0-9_.:-]{1,64}, not ${JSON.stringify(key)}`,
    );
  }
  const tableName = table ?? variable('FUNNELCAST_TABLE');
  if (!tableName) throw new FunnelcastError('bad_request', 'set FUNNELCAST_TABLE, or give `table`');
  const ttl = Math.floor(Date.now() / 1_000) + KEPT_SECONDS;
  return {
    Put: {
      TableName: tableName,
      Item: { pk: `OUTBOX#${channel}`, sk: key, channel, event, data: JSON.stringify(data), ttl },
    },
  };
}
