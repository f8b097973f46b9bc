/**
 * Where to connect, and with what: asked anew for every try, because tickets are for one use and tokens expire.
 *
 * @module
 */

import type { Environment } from './environment.js';
import { FunnelcastError } from './errors.js';
import type { HttpApi } from './http.js';
import type { Address } from './socket.js';

/** The subprotocol; its version is the protocol's. */
const PROTOCOL = 'funnelcast.v1';

/** A token, or how to get one. */
export type Token = string | (() => string | Promise<string>);

/** How a client gets in: by a ticket, by `url` and `token`, or by `http` alone. */
export interface AccessOptions {
  /**
   * Gets a ticket for one connection from the app's own backend. To say that trying again is of no use, throw a
   * {@link FunnelcastError} with the code `unauthorized` or `forbidden`: the client then closes.
   *
   * @example
   * ```ts
   * const client = createClient({ ticket: signal => fetch('/my/ticket', { signal }).then(r => r.json()) });
   * ```
   */
  ticket?: ((signal: AbortSignal) => Promise<{ url: string; ticket: string }>) | undefined;
  /** The WebSocket API, `wss://...`. */
  url?: string | undefined;
  /** A JWT of one of the stack's issuers, or a function that gets a fresh one; it may refuse as `ticket` may. */
  token?: Token | undefined;
  /** The stack's HTTP API, by `httpApi(...)`: for tickets, and to poll while WebSockets fail. */
  http?: ((environment: Environment) => HttpApi) | undefined;
}

/** `token` as a function. */
export function tokenSource(token: Token | undefined): () => string | undefined | Promise<string> {
  return typeof token === 'function' ? token : () => token;
}

/** The way in that these options describe. */
export function addressSource(
  { ticket, url, token }: AccessOptions,
  http: HttpApi | undefined,
): (signal: AbortSignal) => Promise<Address> {
  const getTicket = ticket ?? (url === undefined ? http?.ticket : undefined);
  if (getTicket) {
    return async signal => {
      const given = await getTicket(signal);
      return { url: withTicket(given?.url, given?.ticket), protocols: [PROTOCOL] };
    };
  }
  if (url === undefined) throw new FunnelcastError('bad_request', 'give `ticket`, `url` or `http`');
  return async () => {
    const value = await tokenSource(token)();
    if (value !== undefined) checkToken(value);
    // Not in the URL, which ends up in logs; a browser can set no header but this one.
    return { url, protocols: value === undefined ? [PROTOCOL] : [PROTOCOL, `token.${value}`] };
  };
}

function withTicket(url: unknown, ticket: unknown): string {
  try {
    const address = new URL(String(url));
    address.searchParams.set('ticket', String(ticket ?? '')); // good for one use, so logs may have it
    return address.href;
  } catch {
    throw new FunnelcastError(
      'bad_request',
      'ticket must come with the `url` to use it at',
      undefined,
      'url',
    );
  }
}

/** A browser offers only what is a token of HTTP as a subprotocol. A JWT is one: its base64 is the URL's. */
function checkToken(value: unknown): void {
  if (typeof value === 'string' && /^[\w.~+-]+$/.test(value)) return;
  const why = 'token must be a JWT: its three parts are base64url, without `+`, `/` and `=`';
  throw new FunnelcastError('bad_request', why, undefined, 'token');
}
