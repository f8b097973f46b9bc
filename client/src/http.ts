/**
 * The HTTP API: tickets, and what a client can still do while WebSockets fail. What imports it pays for it; a client
 * without it is smaller.
 *
 * @module
 */

import { type Token, tokenSource } from './address.js';
import type { Channel } from './channels.js';
import { check } from './encode.js';
import type { Environment } from './environment.js';
import { FunnelcastError, toError } from './errors.js';
import type { Feed } from './feed.js';
import type { FallbackLink, Fields, JoinReply } from './link.js';
import { Poller } from './poller.js';
import { unlessAborted } from './waiting.js';
import type { ActionName, Actions, ErrorBody, ErrorCode, Timestamp } from './wire.js';

/** How long an answer may take. */
const TIMEOUT_MS = 15_000;
const MESSAGES = '/api/websocket/messages';
/** The header of a grant: what is in a URL is written into logs. */
const GRANT = 'funnelcast-grant';

type Headers = Record<string, string>;

/** The answer to `POST /api/websocket/connect`: a ticket for one connection, good for 30 s. */
export interface Ticket {
  url: string;
  ticket: string;
  expiresAt: Timestamp;
}

/** The body of every refusal over HTTP. */
interface HttpErrorBody {
  error: ErrorBody;
}

/** How to use the HTTP API. */
export interface HttpOptions {
  /** What the API is told with `Authorization: Bearer`; none where the app's own proxy adds what says who is asking. */
  token?: Token | undefined;
  /** How long a polling client waits between its rounds, in milliseconds. 3,000 by default. */
  pollIntervalMs?: number | undefined;
}

/** What a client does by HTTP. Made by {@link httpApi}. */
export interface HttpApi {
  /** The way that is left while WebSockets fail. */
  link: FallbackLink;
  /** Gets a ticket for one connection. */
  ticket(): Promise<Ticket>;
  /** Begins or ends reading what is new on the channels that are joined on the link. */
  poll(isWanted: boolean, joined: () => Iterable<Feed>): void;
  /** Tells after each request whether the server can be reached. */
  watch(listener: (isReached: boolean) => void): void;
}

/**
 * The stack's HTTP API, for the option `http` of a client: tickets come from there if neither `ticket` nor `url` is given,
 * and it is polled while WebSockets fail.
 *
 * @param base - what comes before `/api/websocket/...`: its origin, or `''` where the page's own origin passes it on
 *
 * @example
 * ```ts
 * const client = createClient({ http: httpApi('https://api.example.com', { token: getToken }) });
 * ```
 */
export function httpApi(base: string, options: HttpOptions = {}): (environment: Environment) => HttpApi {
  return env => {
    const link = new HttpLink(env, base, options.token);
    const poller = new Poller(env, link, options.pollIntervalMs ?? 3_000);
    return {
      link,
      ticket: () => link.ticket(),
      poll: (isWanted, joined) => poller.run(isWanted, joined),
      watch: listener => {
        link.asked = listener;
      },
    };
  };
}

/** It can send and read histories, and nothing else. */
class HttpLink implements FallbackLink {
  /** Told after each request whether the server has answered it. */
  asked: (isReached: boolean) => void = () => {};
  readonly #env: Environment;
  readonly #base: string;
  readonly #token: () => string | undefined | Promise<string>;
  readonly isOpen = true;
  /** Those that were good for the last join. */
  readonly #grants = new Map<Channel, string>();

  constructor(env: Environment, base: string, token: Token | undefined) {
    this.#env = env;
    this.#base = base.replace(/\/$/, '');
    this.#token = tokenSource(token);
  }

  can(action: ActionName): boolean {
    return action === 'send' || action === 'history';
  }

  ticket(): Promise<Ticket> {
    return this.#call('POST', '/api/websocket/connect', {}) as Promise<Ticket>;
  }

  /** Asks for something small, only to see whether there is an answer. */
  async probe(): Promise<void> {
    await this.#call('GET', '/api/websocket/status');
  }

  async request<A extends ActionName>(action: A, fields: Fields<A>): Promise<Actions[A]['reply']> {
    const { channel } = fields as { channel: Channel };
    const grant = this.#grants.get(channel);
    try {
      return await this.#ask(action, fields, grant);
    } catch (error) {
      if (grant === undefined || toError(error).code !== 'forbidden') throw error;
      // It has ended, maybe; joining again gets a fresh one.
      throw new FunnelcastError('not_joined', 'the grant counts no more');
    }
  }

  /** Finds out whether the channel may be read, and where it stands. */
  async join({ channel, since, grant }: Fields<'join'>): Promise<JoinReply> {
    const from = since === undefined ? { limit: 1 } : { after: since, limit: 100 };
    const { events, more } = await this.#ask('history', { channel, ...from }, grant);
    if (grant === undefined) this.#grants.delete(channel);
    else this.#grants.set(channel, grant);
    const head = events.at(-1)?.seq ?? since ?? 0;
    const isWhole = since !== undefined;
    return {
      channel,
      head,
      recovered: true,
      events: isWhole ? events : [],
      more: isWhole && more,
      latest: [],
    };
  }

  async #ask<A extends ActionName>(
    action: A,
    fields: Fields<A>,
    grant: string | undefined,
  ): Promise<Actions[A]['reply']> {
    check(action, fields);
    const headers = grant === undefined ? {} : { [GRANT]: grant };
    if (action === 'send')
      return this.#call('POST', MESSAGES, fields, headers) as Promise<Actions[A]['reply']>;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) query.set(name, String(value));
    }
    return this.#call('GET', `${MESSAGES}?${query}`, undefined, headers) as Promise<Actions[A]['reply']>;
  }

  async #call(method: string, path: string, body?: object, more: Headers = {}): Promise<unknown> {
    const abort = new AbortController();
    const late = () => abort.abort(new FunnelcastError('timeout', `no answer to ${method} ${path}`));
    const cancel = this.#env.after(TIMEOUT_MS, late);
    try {
      const answering = this.#fetch(method, path, body, { ...more }, abort.signal);
      const answer = await unlessAborted(answering, abort.signal);
      this.asked(true);
      return answer;
    } catch (thrown) {
      const error = toError(thrown, 'disconnected');
      this.asked(!/^(disconnected|timeout|internal|unauthorized)$/.test(error.code));
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
    if (response.ok) return answer;
    const { code, message, retryAfterMs } =
      (answer as HttpErrorBody | undefined)?.error ?? refusal(response.status);
    throw new FunnelcastError(code, message, retryAfterMs);
  }
}

/** What a status means that came without a body of ours, from a proxy or from API Gateway itself. */
function refusal(status: number): { code: ErrorCode; message: string; retryAfterMs?: number } {
  const codes: Record<number, ErrorCode> = {
    401: 'unauthorized',
    403: 'forbidden',
    404: 'not_found',
    413: 'too_large',
    429: 'rate_limited',
  };
  const code = codes[status] ?? (status < 500 ? 'bad_request' : 'internal');
  return { code, message: `HTTP status ${status}` };
}
