/**
 * Links: the ways by which requests reach the server. A link is a socket, or the HTTP API while WebSockets fail. The rest
 * of the client knows no more about either than what is written here.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import type { Environment } from '../environment.js';
import type { FunnelcastError } from '../errors.js';
import { retry } from '../waiting.js';
import {
  type ActionName,
  type Actions,
  HISTORY_LIMIT_MAX,
  type Joined,
  type Page,
  type Ticket,
} from '../wire.js';

/** `T`, with `undefined` allowed in optional fields. JSON leaves such a field out. */
export type Loose<T> = {
  [Name in keyof T]: object extends Pick<T, Name> ? T[Name] | undefined : T[Name];
};

/** The fields of a request. */
export type Fields<A extends ActionName> = Loose<Actions[A]['fields']>;

/** The reply to a join. A link without presence leaves out the roster and its time. */
export type JoinReply = Omit<Joined, 'presence' | 'at'> & Partial<Pick<Joined, 'presence' | 'at'>>;

/** A way to the server. */
export interface Link {
  /** Whether requests can be made. */
  readonly isOpen: boolean;
  /** Makes one attempt at a request. Rejects with a {@link FunnelcastError}. */
  request<A extends ActionName>(action: A, fields: Fields<A>): Promise<Actions[A]['reply']>;
  /** Replaces the action `join` on a link over which the server pushes nothing: reads what is new instead. */
  join?(fields: Fields<'join'>): Promise<JoinReply>;
}

/** A link that serves while WebSockets fail, and serves some actions only. */
export interface FallbackLink extends Link {
  /** Whether this link serves the action. */
  can(action: ActionName): boolean;
}

/** A channel that can be polled. */
export interface Pollable {
  /** Reads what is new in the log. Never rejects. */
  refresh(link: Link): Promise<void>;
}

/** The HTTP API as a client uses it. Made by `httpApi(...)`. */
export interface HttpApi {
  /** The link that serves while WebSockets fail. */
  link: FallbackLink;
  /** Gets a ticket for one connection. */
  ticket(): Promise<Ticket>;
  /**
   * Makes one attempt at a request of the HTTP API, with the caller's token.
   *
   * @param path - begins with `/api/`
   * @param grant - the grant of a user without access of their own
   * @throws {@link FunnelcastError} with the code of the server, `disconnected` or `timeout`
   */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, grant?: string): Promise<unknown>;
  /** Starts or stops polling the given channels. */
  poll(isWanted: boolean, joined: () => Iterable<Pollable>): void;
  /** Reports after each request whether the server answered it. */
  watch(listener: (isAnswered: boolean) => void): void;
}

/** Reads a page of a channel's log. */
export function readPage(
  env: Environment,
  link: Link,
  channel: Channel,
  query: { after?: number; latest?: string },
  limit = HISTORY_LIMIT_MAX,
): Promise<Page> {
  return retry(env, () => link.request('history', { channel, limit, ...query }));
}

/** Completes the reply to a join with the latest values that did not fit into it. */
export async function withAllLatest(env: Environment, link: Link, reply: JoinReply): Promise<JoinReply> {
  const latest = [...reply.latest];
  for (let next = reply.latestNext; next; ) {
    const page = await readPage(env, link, reply.channel, { latest: next });
    latest.push(...page.events);
    next = page.latestNext;
  }
  return { ...reply, latest };
}
