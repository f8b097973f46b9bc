/**
 * The outbox: news in the transaction that makes it true, so that there are both or neither.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import type { Update } from './updates.js';

/** How long an item stays in the table after it has been sent. */
const KEPT_SECONDS = 24 * 3_600;

/** What is said of an outbox item. */
export interface OutboxOptions {
  /** The stack's table, its output `TableName`; read from `FUNNELCAST_TABLE` where it is absent. */
  table?: string | undefined;
  /**
   * What a repeat is known by, `[A-Za-z0-9_.:-]{1,64}`: give one that follows from the change itself, e.g.
   * `deployment-17`, and the news comes once, however often the transaction is tried.
   */
  key: string;
}

/** One item of a `TransactWriteCommand` of `@aws-sdk/lib-dynamodb`. */
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
 * An update as an item for the transaction that writes the app's own state. The stack takes it from the table's stream.
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
  if (!/^[A-Za-z0-9_.:-]{1,64}$/.test(key)) {
    throw new FunnelcastError(
      'bad_request',
      `a key must be [A-Za-z0-9_.:-]{1,64}, not ${JSON.stringify(key)}`,
    );
  }
  const tableName = table ?? process.env['FUNNELCAST_TABLE'];
  if (!tableName) throw new FunnelcastError('bad_request', 'set FUNNELCAST_TABLE, or give `table`');
  const ttl = Math.floor(Date.now() / 1_000) + KEPT_SECONDS;
  return {
    Put: {
      TableName: tableName,
      Item: { pk: `OUTBOX#${channel}`, sk: key, channel, event, data: JSON.stringify(data), ttl },
    },
  };
}
