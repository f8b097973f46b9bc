/**
 * Moderation, for the team of a company: mutes and bans users by the HTTP API.
 *
 * @module
 */

import { type Token, tokenSource } from './connection/access.js';
import { defaultEnvironment, type Environment } from './environment.js';
import { FunnelcastError, refusalOf, toError } from './errors.js';
import type { Moderation, ModerationQuery, ModerationReply } from './wire.js';

const PATH = '/api/websocket/moderation';
/** How long to wait for a response. */
const TIMEOUT_MS = 15_000;

/** The options of {@link moderation}. */
export interface ModerationOptions {
  /** Sent as `Authorization: Bearer`. Leave it out if the app's own proxy adds the caller's credentials. */
  token?: Token | undefined;
  /** Replaces parts of the environment. */
  environment?: Partial<Environment> | undefined;
}

/** Restricts users. Made by {@link moderation}. */
export interface Moderator {
  /**
   * Mutes or bans a user in a conversation or a company, or lifts that with `restriction: 'none'`. Resolves when all of the
   * user's connections feel it.
   *
   * @throws {@link FunnelcastError} `forbidden` if the caller is not of the company's team
   */
  restrict(change: Moderation): Promise<ModerationReply>;
  /** Returns how a user is restricted there. */
  get(query: ModerationQuery): Promise<ModerationReply>;
}

/**
 * Restricts users by the HTTP API, for the team of their company.
 *
 * @param base - the part of the URL before `/api/websocket/...`: the API's origin, or `''` for a proxy on the page's own
 *
 * @example
 * ```ts
 * const { restrict } = moderation('https://api.example.com', { token: getToken });
 * const until = new Date(Date.now() + 3_600_000).toISOString();
 * await restrict({ userId: 'user_2', conversationId: 'conv-123', restriction: 'mute', until, reason: 'spam' });
 * await restrict({ userId: 'user_2', conversationId: 'conv-123', restriction: 'none' });
 * ```
 */
export function moderation(base: string, { token, environment }: ModerationOptions = {}): Moderator {
  const { fetch } = { ...defaultEnvironment, ...environment };
  const url = base.replace(/\/$/, '') + PATH;
  const getToken = tokenSource(token);
  const call = async (method: 'GET' | 'POST', target: string, body?: Moderation) => {
    const bearer = await getToken();
    const init: RequestInit = { method, signal: AbortSignal.timeout(TIMEOUT_MS) };
    init.headers = {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body && { 'content-type': 'application/json' }),
    };
    if (body) init.body = JSON.stringify(body);
    const response = await fetch(target, init).catch(thrown => {
      throw thrown?.name === 'TimeoutError'
        ? new FunnelcastError('timeout', `no response to ${method} ${PATH}`)
        : toError(thrown, 'disconnected');
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer as ModerationReply;
    throw refusalOf(response, answer);
  };
  return {
    restrict: change => call('POST', url, change),
    get(query) {
      const given = Object.entries(query).filter(([, value]) => value !== undefined);
      return call('GET', `${url}?${new URLSearchParams(given)}`);
    },
  };
}
