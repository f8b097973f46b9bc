/**
 * Access to the server: where to connect, with which credentials, and opening a socket with them. All of it happens again
 * for each attempt, because a ticket is valid for one connection and a token expires.
 *
 * @module
 */

import type { Environment } from '../environment.js';
import { FunnelcastError, invalid } from '../errors.js';
import { unlessAborted } from '../waiting.js';
import type { HttpApi } from './link.js';
import { type Address, Socket, type SocketHooks } from './socket.js';

/** The WebSocket subprotocol. Its version is that of the protocol. */
const PROTOCOL = 'funnelcast.v1';
/** The time for getting an address and opening a socket there, both together. */
const OPEN_TIMEOUT_MS = 10_000;

/** A token, or a function that gets one. */
export type Token = string | (() => string | Promise<string>);

/** How a client connects: with a `ticket`, with `url` and `token`, or with `http` alone. */
export interface AccessOptions {
  /**
   * Gets a ticket for one connection from the app's own backend. If another attempt would be useless, throw a
   * {@link FunnelcastError} with the code `unauthorized` or `forbidden`: the client then closes.
   *
   * @example
   * ```ts
   * const client = createClient({
   *   async ticket(signal) {
   *     const response = await fetch('/my/ticket', { signal });
   *     if (response.status === 401) throw new FunnelcastError('unauthorized', 'nobody is signed in');
   *     return response.json();
   *   },
   * });
   * ```
   */
  ticket?: ((signal: AbortSignal) => Promise<{ url: string; ticket: string }>) | undefined;
  /** The URL of the WebSocket API, `wss://...`. */
  url?: string | undefined;
  /** A JWT of one of the stack's issuers, or a function that gets a fresh one. The function may throw as `ticket` may. */
  token?: Token | undefined;
  /** The stack's HTTP API, from `httpApi(...)`. It provides tickets, and is polled while WebSockets fail. */
  http?: ((environment: Environment) => HttpApi) | undefined;
}

/** Gets the address for the next attempt. */
export type GetAddress = (signal: AbortSignal) => Promise<Address>;

/** Converts a token to a function that gets it. */
export function tokenSource(token: Token | undefined): () => string | undefined | Promise<string> {
  return typeof token === 'function' ? token : () => token;
}

/** Chooses the way to connect that the options describe. */
export function addressSource({ ticket, url, token }: AccessOptions, http: HttpApi | undefined): GetAddress {
  const getTicket = ticket ?? (url === undefined ? http?.ticket : undefined);
  if (getTicket) {
    return async signal => {
      const given = await getTicket(signal);
      return { url: withTicket(given?.url, given?.ticket), protocols: [PROTOCOL] };
    };
  }
  if (url === undefined) {
    throw new FunnelcastError('bad_request', 'give `ticket`, `url` or `http` to createClient');
  }
  return async () => {
    const value = await tokenSource(token)();
    if (value !== undefined) checkToken(value);
    // Not in the URL, which ends up in logs. The subprotocol is the only header that a browser lets a page set.
    return { url, protocols: value === undefined ? [PROTOCOL] : [PROTOCOL, `token.${value}`] };
  };
}

/** Gets an address and opens a socket there. Aborting the attempt ends both, and nothing stays behind. */
export async function openSocket(
  env: Environment,
  getAddress: GetAddress,
  hooks: SocketHooks,
  attempt: AbortController,
): Promise<Socket> {
  const { signal } = attempt;
  const cancel = env.after(OPEN_TIMEOUT_MS, () =>
    attempt.abort(new FunnelcastError('timeout', 'the socket did not open in time')),
  );
  let socket: Socket | undefined;
  try {
    socket = new Socket(env, await unlessAborted(getAddress(signal), signal), hooks);
    await unlessAborted(socket.opened, signal);
    return socket;
  } catch (error) {
    socket?.end('the attempt was aborted');
    throw error;
  } finally {
    cancel();
  }
}

function withTicket(url: unknown, ticket: unknown): string {
  try {
    const address = new URL(String(url));
    address.searchParams.set('ticket', String(ticket ?? '')); // valid for one connection, so logs may contain it
    return address.href;
  } catch {
    // It may be what the app's backend answers when it is down, so the next attempt may fare better.
    throw new FunnelcastError('internal', 'ticket must resolve to a valid `url`');
  }
}

/** Checks that the token can be a subprotocol, which must be a token of HTTP. Every JWT can: its base64 is base64url. */
function checkToken(value: unknown): void {
  if (typeof value === 'string' && /^[\w.~+-]+$/.test(value)) return;
  throw invalid('token', 'must be a JWT, whose parts are base64url without `/` and `=`');
}
