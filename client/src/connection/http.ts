/**
 * The HTTP API: tickets, and what a client can still do while WebSockets fail. Only apps that import this module pay for
 * it; the bundle of a client without it is smaller.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import type { Environment } from '../environment.js';
import { disconnected, FunnelcastError, ownError, refusalOf, toError } from '../errors.js';
import { pause, unlessAborted } from '../waiting.js';
import { type ActionName, type Actions, HISTORY_LIMIT_MAX, type Ticket } from '../wire.js';
import { type Token, tokenSource } from './access.js';
import { check } from './encode.js';
import type { FallbackLink, Fields, HttpApi, JoinReply, Pollable } from './link.js';

/** How long to wait for a response. */
const TIMEOUT_MS = 15_000;
const CONNECT = '/api/websocket/connect';
const MESSAGES = '/api/websocket/messages';
/** Where each action that HTTP serves is sent to: those with fields in a body, and those with fields in the URL. */
const POSTS: Partial<Record<ActionName, string>> = { send: MESSAGES, ack: '/api/websocket/receipts' };
const GETS: Partial<Record<ActionName, string>> = {
  history: MESSAGES,
  search: '/api/websocket/search',
  inbox: '/api/conversations',
};
/** The header that carries a grant. The URL would end up in logs. */
const GRANT = 'funnelcast-grant';

type Headers = Record<string, string>;

/** The options of {@link httpApi}. */
export interface HttpOptions {
  /** Sent as `Authorization: Bearer`. Leave it out if the app's own proxy adds the caller's credentials. */
  token?: Token | undefined;
  /** How long a client that polls waits between two rounds, in milliseconds. Default: 3,000. */
  pollIntervalMs?: number | undefined;
}

/**
 * Connects a client to the stack's HTTP API, for the option `http`. The client gets its tickets there if neither `ticket`
 * nor `url` is given, and polls it while WebSockets fail.
 *
 * @param base - the part of the URL before `/api/websocket/...`: the API's origin, or `''` for a proxy on the page's own
 *
 * @example
 * ```ts
 * const client = createClient({ http: httpApi('https://api.example.com', { token: getToken }) });
 * ```
 */
export function httpApi(base: string, options: HttpOptions = {}): (environment: Environment) => HttpApi {
  return env => {
    const link = new HttpLink(env, base, options.token);
    let polling: AbortController | undefined;
    return {
      link,
      ticket: () => link.ticket(),
      call: (method, path, body, grant) => link.call(method, path, body, grant),
      poll(isWanted, joined) {
        if (isWanted === (polling !== undefined)) return;
        polling?.abort();
        polling = isWanted ? new AbortController() : undefined;
        // It ends by being aborted.
        if (polling) poll(env, link, options.pollIntervalMs ?? 3_000, joined, polling.signal).catch(() => {});
      },
      watch(listener) {
        link.ended = listener;
      },
    };
  };
}

/** Reads what is new on the channels, round after round. */
async function poll(
  env: Environment,
  link: HttpLink,
  intervalMs: number,
  joined: () => Iterable<Pollable>,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    // Without a channel there is nothing to read, but the app may be waiting for `isConnected`.
    if ([...joined()].length === 0) await link.probe().catch(() => {});
    await pause(env, intervalMs, signal);
    // One after the other: a client that polls has a bad network, or the server is in trouble.
    for (const channel of [...joined()]) {
      await channel.refresh(link);
      signal.throwIfAborted();
    }
  }
}

/** A link by HTTP. It sends messages, acknowledges them, reads histories and inboxes, and searches, and nothing else. */
class HttpLink implements FallbackLink {
  /** Called after each request with whether the server answered it. */
  ended: (isAnswered: boolean) => void = () => {};
  readonly isOpen = true;
  readonly #env: Environment;
  readonly #base: string;
  readonly #token: () => string | undefined | Promise<string>;
  /** The grants with which channels were last joined. */
  readonly #grants = new Map<Channel, string>();

  constructor(env: Environment, base: string, token: Token | undefined) {
    this.#env = env;
    this.#base = base.replace(/\/$/, '');
    this.#token = tokenSource(token);
  }

  can(action: ActionName): boolean {
    return action in POSTS || action in GETS;
  }

  async ticket(): Promise<Ticket> {
    const ticket = (await this.call('POST', CONNECT, {}, undefined, ticketRefusalOf)) as Ticket | undefined;
    if (typeof ticket?.url === 'string') return ticket;
    throw new FunnelcastError('internal', `the response to POST ${CONNECT} is no ticket`);
  }

  /** Makes a small request, to find out whether the server answers. */
  async probe(): Promise<void> {
    await this.call('GET', '/api/websocket/status');
  }

  async request<A extends ActionName>(action: A, fields: Fields<A>): Promise<Actions[A]['reply']> {
    const { channel } = fields as { channel: Channel };
    const grant = this.#grants.get(channel);
    try {
      return await this.#request(action, fields, grant);
    } catch (error) {
      if (grant === undefined || toError(error).code !== 'forbidden') throw error;
      // The grant may have expired. Joining again gets a fresh one.
      throw new FunnelcastError('not_joined', 'the grant is no longer valid');
    }
  }

  /** Finds out whether the channel may be read, and where its log ends. */
  async join({ channel, since, grant }: Fields<'join'>): Promise<JoinReply> {
    const range = since === undefined ? { limit: 1 } : { after: since, limit: HISTORY_LIMIT_MAX };
    const { events, more } = await this.#request('history', { channel, ...range }, grant);
    if (grant === undefined) this.#grants.delete(channel);
    else this.#grants.set(channel, grant);
    const head = events.at(-1)?.seq ?? since ?? 0;
    const recovers = since !== undefined;
    return {
      channel,
      head,
      recovered: true,
      events: recovers ? events : [],
      more: recovers && more,
      latest: [],
    };
  }

  async #request<A extends ActionName>(
    action: A,
    fields: Fields<A>,
    grant: string | undefined,
  ): Promise<Actions[A]['reply']> {
    check(action, fields);
    const path = POSTS[action];
    if (path) return this.call('POST', path, fields, grant) as Promise<Actions[A]['reply']>;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) query.set(name, String(value));
    }
    return this.call('GET', `${GETS[action]}?${query}`, undefined, grant) as Promise<Actions[A]['reply']>;
  }

  /** Makes one attempt at a request. */
  async call(
    method: string,
    path: string,
    body?: object,
    grant?: string,
    refusal = refusalOf,
  ): Promise<unknown> {
    const abort = new AbortController();
    const late = () => abort.abort(new FunnelcastError('timeout', `no response to ${method} ${path}`));
    const cancel = this.#env.after(TIMEOUT_MS, late);
    try {
      const headers: Headers = grant === undefined ? {} : { [GRANT]: grant };
      const answering = this.#fetch(method, path, body, headers, abort.signal);
      const { response, answer } = await unlessAborted(answering, abort.signal);
      if (!response.ok) throw refusal(response, answer);
      // A page to sign in, or that of a filter, is no answer of the stack's.
      if (typeof answer !== 'object' || answer === null)
        throw disconnected(`the response to ${method} ${path} is not the stack's`);
      this.ended(true);
      return answer;
    } catch (thrown) {
      const error = toError(thrown, 'disconnected');
      this.ended(!/^(disconnected|timeout|internal|unauthorized)$/.test(error.code));
      throw error;
    } finally {
      cancel();
    }
  }

  async #fetch(
    method: string,
    path: string,
    body: object | undefined,
    headers: Headers,
    signal: AbortSignal,
  ) {
    const token = await this.#token();
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    const init: RequestInit = { method, headers, signal };
    if (body) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(body);
    }
    const response = await this.#env.fetch(this.#base + path, init);
    const answer: unknown = await response.json().catch(() => undefined);
    return { response, answer };
  }
}

/**
 * The error of a response to the request for a ticket. One that is not the stack's own comes from a proxy or a firewall, so the next
 * attempt may fare better, unless it is about the credentials.
 */
function ticketRefusalOf(response: Response, body: unknown): FunnelcastError {
  const error = refusalOf(response, body);
  if (ownError(body) || error.code === 'unauthorized') return error;
  return new FunnelcastError('internal', error.message, error.retryAfterMs);
}
