/**
 * Tokens and grants of the app's own issuer, and the ids of users that other issuers name.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import {
  COMPANIES_MAX,
  EXPERIENCES_MAX,
  GRANT_SECONDS_MAX,
  NAME_BYTES_MAX,
  ROOMS_MAX,
  type Role,
} from '../wire.js';
import { bytes, checkId, checkText, isId } from './check.js';
import { type Algorithm, base64url, importKey, kidOf, signJwt } from './jwt.js';
import { variable } from './variables.js';

export type { Role };

/** The longest subject, in bytes. */
const SUBJECT_BYTES_MAX = 255;
/** An HS256 secret must be at least as long as the hash (RFC 7518, 3.2). */
const SECRET_BYTES_MIN = 32;
/** The defaults of the issuer, which are the names in all examples. */
const ISS = 'my-app';
const AUD = 'funnelcast';
/** The `sub` of tokens for publishing: they are the backend's, and no user's. */
const BACKEND = 'backend';
/** The ids that are nobody's subject: those that {@link userIdOf} derives, and the one that stands for erased users. */
const RESERVED_ID = /^(sub-[A-Za-z0-9_-]{43}|deleted)$/;

/** The user that a token identifies. */
export interface TokenUser {
  /**
   * The user's id, or the subject that their OpenID provider uses, such as `auth0|5f7c8ec7`, from which the stack derives the
   * id as {@link userIdOf} does. An id that is derived like this is not allowed here.
   */
  id: string;
  /** The name that other users see. Default: the id. */
  name?: string | undefined;
  /** The companies of the user, with their roles. At most 50. */
  companies?: readonly { id: string; role: Role }[] | undefined;
  /** The experiences that the user has access to, for an app whose users do not come with Whop's tokens. At most 10. */
  experiences?: readonly string[] | undefined;
  /** The rooms that the user may join, and publish in. At most 10; a {@link TokenIssuer.grant} opens any other. */
  rooms?: readonly string[] | undefined;
}

/** An issuer, as in the stack's parameter `Issuers`: `{"kind":"app","iss":..,"aud":..,"alg":..,"keys":..}`. */
export interface IssuerOptions {
  /** Default: the variable `TOKEN_ISSUER`, or `my-app`. */
  iss?: string | undefined;
  /** Default: the variable `TOKEN_AUDIENCE`, or `funnelcast`. */
  aud?: string | undefined;
  /** Default: `ES256` if the key is a private key, and otherwise `HS256`. */
  alg?: Algorithm | undefined;
  /**
   * For ES256, the private key: the JWK that `funnelcast keys` prints, or PEM (PKCS #8). For HS256, the secret itself, at least
   * 32 bytes long. Default: the variable `TOKEN_KEY`, read when the first token is signed, because it may not be set while an
   * app is built.
   */
  key?: string | undefined;
  /**
   * The id of the key, by which the stack finds its public half among several of the issuer. Default: the `kid` of a key that
   * is a JWK, else none.
   */
  kid?: string | undefined;
}

/** What a grant allows: to receive the events of a channel, and to publish there. Every grant needs `join`. */
export type Capability = 'join' | 'send';

/** The options of {@link TokenIssuer.grant}. */
export interface GrantOptions {
  userId: string;
  /** The channel that the user may join. */
  channel: Channel;
  /** What the user may do there. */
  caps: readonly Capability[];
  /** The validity, at most 600. Default: 600. */
  ttlSeconds?: number | undefined;
}

/** Signs tokens. Made by {@link createTokenIssuer}. */
export interface TokenIssuer {
  /** Signs a token for a user. It is valid for `ttlSeconds`. Default: one hour. */
  token(user: TokenUser, options?: { ttlSeconds?: number | undefined }): Promise<string>;
  /** Signs a grant of one channel for one user. Clients pass it to the option `grant` of `subscribe`. */
  grant(options: GrantOptions): Promise<string>;
  /**
   * Signs a token with which a backend may publish everything (`POST /api/publish`), and which is good for nothing else.
   * `realTimeUpdates` signs its own. It is valid for `ttlSeconds`. Default: ten minutes.
   */
  publishToken(options?: { ttlSeconds?: number | undefined }): Promise<string>;
}

/**
 * Makes an issuer that signs tokens for the app's users.
 *
 * @example
 * ```ts
 * const issuer = createTokenIssuer(); // configured by TOKEN_KEY, TOKEN_ISSUER and TOKEN_AUDIENCE
 * const token = await issuer.token({ id: 'user_1', name: 'Ann', companies: [{ id: 'biz_1', role: 'admin' }] });
 * ```
 */
export function createTokenIssuer(options: IssuerOptions = {}): TokenIssuer {
  if (options.key !== undefined) algorithmOf(options.key, options.alg); // fails early
  let imported: Promise<CryptoKey> | undefined;
  const sign = async (sub: string, claims: Record<string, unknown>, ttlSeconds: number) => {
    if (!(ttlSeconds > 0)) throw new FunnelcastError('bad_request', 'ttlSeconds must be more than 0');
    const key = options.key ?? variable('TOKEN_KEY');
    if (key === undefined) throw new FunnelcastError('bad_request', 'set TOKEN_KEY, or give `key`');
    const alg = algorithmOf(key, options.alg);
    const iss = options.iss ?? variable('TOKEN_ISSUER') ?? ISS;
    const aud = options.aud ?? variable('TOKEN_AUDIENCE') ?? AUD;
    imported ??= importKey(alg, key);
    const iat = Math.floor(Date.now() / 1_000);
    const all = { ...claims, iss, aud, sub, iat, exp: iat + ttlSeconds };
    const kid = options.kid ?? (alg === 'ES256' ? kidOf(key) : undefined);
    return signJwt(alg, await imported, all, kid);
  };
  return {
    token: async (user, { ttlSeconds = 3_600 } = {}) => sign(user.id, claimsOf(user), ttlSeconds),
    grant: async ({ userId, channel, caps, ttlSeconds = GRANT_SECONDS_MAX }) => {
      if (ttlSeconds > GRANT_SECONDS_MAX) {
        throw new FunnelcastError(
          'bad_request',
          `ttlSeconds must be at most ${GRANT_SECONDS_MAX} for a grant`,
        );
      }
      return sign(checkId(userId, 'userId'), { channel, caps }, ttlSeconds);
    },
    publishToken: async ({ ttlSeconds = 600 } = {}) => sign(BACKEND, { scope: 'publish' }, ttlSeconds),
  };
}

/** The algorithm for a key, by its form if none is given. */
function algorithmOf(key: string, given: Algorithm | undefined): Algorithm {
  const alg = given ?? (/^\s*(-----BEGIN |\{)/.test(key) ? 'ES256' : 'HS256');
  if (alg === 'HS256' && bytes(key) < SECRET_BYTES_MIN) {
    throw new FunnelcastError('bad_request', `an HS256 secret must have at least ${SECRET_BYTES_MIN} bytes`);
  }
  return alg;
}

/**
 * Returns the id of the user whom an issuer calls `subject` (`sub`): the subject itself if it is an id,
 * `[A-Za-z0-9_-]{1,64}`, or else one that is derived from its SHA-256. A subject that looks like a derived id is not taken
 * for an id, so that nobody can choose a subject that is the id of another user, and neither is `deleted`, which stands for
 * users who have been erased.
 *
 * @param subject - the subject in the user's token, not empty
 * @throws {FunnelcastError} `bad_request` if the subject is empty
 *
 * @example
 * ```ts
 * const id = await userIdOf('auth0|5f7c8ec7');
 * await realTimeUpdates.sendUserNotification({ id }, { level: 'info', title: 'Welcome', message: 'Your shop is open.' });
 * ```
 */
export async function userIdOf(subject: string): Promise<string> {
  if (subject === '') throw new FunnelcastError('bad_request', 'subject must not be empty');
  if (isId(subject) && !RESERVED_ID.test(subject)) return subject;
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(subject));
  return `sub-${base64url(new Uint8Array(hash))}`;
}

function checkSubject(id: string): void {
  if (id === '' || id.trim() !== id || bytes(id) > SUBJECT_BYTES_MAX) {
    throw new FunnelcastError(
      'bad_request',
      `the id of the user must have 1 to ${SUBJECT_BYTES_MAX} bytes, without spaces around it`,
    );
  }
  if (RESERVED_ID.test(id)) {
    throw new FunnelcastError(
      'bad_request',
      `the id of the user must be their own subject, not one that the stack derives or reserves: ${id}`,
    );
  }
}

function claimsOf({ id, name, companies = [], experiences, rooms }: TokenUser): Record<string, unknown> {
  checkSubject(id);
  checkCount(companies, COMPANIES_MAX, 'companies');
  return {
    ...(name !== undefined && { name: checkText(name, NAME_BYTES_MAX, 'name') }),
    companies: companies.map(company => ({
      id: checkId(company.id, 'companies'),
      role: company.role,
    })),
    ...(experiences && { experiences: checkIds(experiences, EXPERIENCES_MAX, 'experiences') }),
    ...(rooms && { rooms: checkIds(rooms, ROOMS_MAX, 'rooms') }),
  };
}

function checkIds(ids: readonly string[], max: number, what: string): string[] {
  checkCount(ids, max, what);
  return ids.map(id => checkId(id, what));
}

function checkCount({ length }: readonly unknown[], max: number, what: string): void {
  if (length <= max) return;
  throw new FunnelcastError('too_large', `${what} must have at most ${max} entries, not ${length}`);
}
