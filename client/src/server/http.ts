/**
 * Publishing by HTTP, `POST /api/publish`: in order, exactly once, and with a result for each event. It needs nothing but
 * `fetch` and WebCrypto, so it runs wherever a backend does.
 *
 * @module
 */

import { FunnelcastError, toError } from '../errors.js';
import { backoff } from '../waiting.js';
import type { Published, PublishReply, PublishResult } from '../wire.js';
import { type BackendEvent, sleep } from './events.js';
import { PublishCall, type PublishEntry } from './publish-call.js';
import { refusal } from './refusal.js';
import type { TokenIssuer } from './tokens.js';

const PATH = '/api/publish';
/** How long to wait for a response: as long as API Gateway lets a function run, and the way there. */
const TIMEOUT_MS = 31_000;
/** How long a token is valid, and how long before its end a new one is signed. */
const TOKEN_SECONDS = 600;
const TOKEN_MARGIN_SECONDS = 60;

/** Where to publish by HTTP. */
export interface HttpTarget {
  /** The stack's output `HttpUrl`. */
  http: string;
  /** Signs the tokens. */
  issuer: TokenIssuer;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Returns a number that is at least 0 and less than 1, for the back-off between attempts. Default: `Math.random`. */
  random?: (() => number) | undefined;
}

/**
 * Publishes the events of one process.
 *
 * A call waits for the earlier calls that have events of the same channels. Calls that overlap thus keep their order, even
 * while the first one is retried. Calls for different channels do not wait for each other: there is no order among channels,
 * and one that is in trouble must not delay the others.
 */
export class HttpPublisher {
  readonly #target: HttpTarget;
  /** The last call of each lane, while it is not done. */
  readonly #calls = new Map<string, Promise<Published[]>>();
  #token: { text: string; freshUntil: number } | undefined;

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  /**
   * Publishes events, and returns the result of each.
   *
   * @throws {PublishError} if some of them were not published
   */
  async publish(events: readonly BackendEvent[]): Promise<Published[]> {
    const call = new PublishCall(events);
    const earlier = call.lanes.map(lane => this.#calls.get(lane));
    const done = Promise.allSettled(earlier).then(() => this.#run(call));
    for (const lane of call.lanes) this.#calls.set(lane, done);
    try {
      return await done;
    } finally {
      for (const lane of call.lanes) if (this.#calls.get(lane) === done) this.#calls.delete(lane);
    }
  }

  async #run(call: PublishCall): Promise<Published[]> {
    const { random = Math.random } = this.#target;
    for (let entries = call.next(); entries.length > 0; entries = call.next()) {
      const answer = await this.#post(entries).catch(thrown => toError(thrown));
      const retry = answer instanceof FunnelcastError ? call.fail(answer) : call.settle(answer);
      if (retry) await sleep((retry.afterMs ?? 0) + backoff(retry.failures, random));
    }
    return call.results();
  }

  /** Makes one request; returns the result of each event. */
  async #post(entries: readonly PublishEntry[]): Promise<PublishResult[]> {
    const { http, fetch = globalThis.fetch } = this.#target;
    const url = `${http.replace(/\/+$/, '')}${PATH}`;
    const token = await this.#freshToken();
    const broken = (thrown: Error) => {
      const code = thrown.name === 'TimeoutError' ? 'timeout' : 'disconnected';
      throw new FunnelcastError(code, `no response to POST ${url}: ${thrown.cause ?? thrown}`);
    };
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: `{"events":[${entries.map(({ json }) => json).join(',')}]}`,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(broken);
    const text = await response.text().catch(broken);
    const body = parse(text);
    if (!response.ok) throw refusal(response, body);
    const { results } = (body ?? {}) as Partial<PublishReply>;
    if (Array.isArray(results) && results.length === entries.length) return results;
    throw new FunnelcastError(
      'bad_request',
      `${url} is not the HTTP API of a stack: it answered something else`,
    );
  }

  async #freshToken(): Promise<string> {
    const now = Date.now();
    if (!this.#token || this.#token.freshUntil <= now) {
      const text = await this.#target.issuer.publishToken({ ttlSeconds: TOKEN_SECONDS });
      this.#token = { text, freshUntil: now + (TOKEN_SECONDS - TOKEN_MARGIN_SECONDS) * 1_000 };
    }
    return this.#token.text;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
