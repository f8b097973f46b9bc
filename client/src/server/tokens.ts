/**
 * Tokens of the app's own issuer: who a user is, for the stack to believe.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import { bytes, checkId, checkText } from './check.js';
import { type Algorithm, importKey, signJwt } from './jwt.js';
import { isMadeId } from './subjects.js';

/** The longest display name, in bytes. */
const NAME_BYTES_MAX = 128;
/** The longest subject, in bytes. */
const SUBJECT_BYTES_MAX = 255;
/** The most companies of one token. */
const COMPANIES_MAX = 50;
/** The longest that a grant may last: it says what only the backend knows, and that changes. */
const GRANT_SECONDS_MAX = 600;
/** An HS256 secret must be as long as its hash (RFC 7518, 3.2). */
const SECRET_BYTES_MIN = 32;

/**
 * What a user is to a company. The team is `admin` and `member`; a `customer` sees only their own conversations; the
 * `backend` is nobody but your own, which says by HTTP who takes part in them.
 */
export type Role = 'admin' | 'member' | 'customer' | 'backend';

/** Whom a token is about. */
export interface TokenUser {
  /**
   * Their id; or what their OpenID provider calls them, such as `auth0|5f7c8ec7`, of which the stack makes the id as
   * `userIdOf` does. What that has made is no subject: the stack refuses it here.
   */
  id: string;
  /** What others see; the id where it is absent. */
  name?: string | undefined;
  /** At most 50. */
  companies?: readonly { id: string; role: Role }[] | undefined;
}

/** An issuer, as the stack's parameter `Issuers` has it: `{"kind":"app","iss":..,"aud":..,"alg":..,"keys":..}`. */
export interface IssuerOptions {
  iss: string;
  aud: string;
  alg: Algorithm;
  /**
   * ES256: the private key as PEM (PKCS #8). HS256: the secret itself, of 32 bytes and more. It may be `undefined`, as an
   * environment variable may where an app is only built; signing then fails.
   */
  key: string | undefined;
}

/** What a grant may allow: to hear a channel, and to send there what a client may send. None is without `join`. */
export type Capability = 'join' | 'send';

/** What a grant is about. */
export interface GrantOptions {
  userId: string;
  /** The one channel that it opens. */
  channel: Channel;
  /** What it allows there. */
  caps: readonly Capability[];
  /** At most 600, which is also the default. */
  ttlSeconds?: number | undefined;
}

/** Signs tokens. Made by {@link createTokenIssuer}. */
export interface TokenIssuer {
  /** A token of a user; it is good for an hour unless `ttlSeconds` says otherwise. */
  token(user: TokenUser, options?: { ttlSeconds?: number | undefined }): Promise<string>;
  /** A grant of one channel to one user, for the option `grant` of `subscribe`. */
  grant(options: GrantOptions): Promise<string>;
}

/**
 * Makes an issuer.
 *
 * @example
 * ```ts
 * const issuer = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'ES256', key: process.env.TOKEN_KEY });
 * const token = await issuer.token({ id: 'user_1', name: 'Ann', companies: [{ id: 'biz_1', role: 'admin' }] });
 * ```
 */
export function createTokenIssuer({ iss, aud, alg, key }: IssuerOptions): TokenIssuer {
  if (alg === 'HS256' && key !== undefined && bytes(key) < SECRET_BYTES_MIN) {
    throw new FunnelcastError('bad_request', `an HS256 secret must have at least ${SECRET_BYTES_MIN} bytes`);
  }
  let imported: Promise<CryptoKey> | undefined;
  const sign = async (sub: string, claims: Record<string, unknown>, ttlSeconds: number) => {
    if (!(ttlSeconds > 0)) throw new FunnelcastError('bad_request', 'ttlSeconds must be more than 0');
    if (key === undefined) throw new FunnelcastError('bad_request', `the ${alg} key is undefined`);
    imported ??= importKey(alg, key);
    const iat = Math.floor(Date.now() / 1_000);
    return signJwt(alg, await imported, { ...claims, iss, aud, sub, iat, exp: iat + ttlSeconds });
  };
  return {
    token: async (user, { ttlSeconds = 3_600 } = {}) => sign(user.id, claimsOf(user), ttlSeconds),
    grant: async ({ userId, channel, caps, ttlSeconds = GRANT_SECONDS_MAX }) => {
      if (ttlSeconds > GRANT_SECONDS_MAX) {
        throw new FunnelcastError('bad_request', `a grant lasts at most ${GRANT_SECONDS_MAX} seconds`);
      }
      return sign(checkId(userId, 'userId'), { channel, caps }, ttlSeconds);
    },
  };
}

function checkSubject(id: string): void {
  if (id === '' || id.trim() !== id || bytes(id) > SUBJECT_BYTES_MAX) {
    throw new FunnelcastError('bad_request', `the id of the user must be 1 to ${SUBJECT_BYTES_MAX} bytes`);
  }
  if (isMadeId(id)) {
    throw new FunnelcastError('bad_request', `${id} is made of a subject: sign the subject itself`);
  }
}

function claimsOf({ id, name, companies = [] }: TokenUser): Record<string, unknown> {
  checkSubject(id);
  if (companies.length > COMPANIES_MAX) {
    throw new FunnelcastError('too_large', `a token has at most ${COMPANIES_MAX} companies`);
  }
  return {
    ...(name !== undefined && { name: checkText(name, NAME_BYTES_MAX, 'name') }),
    companies: companies.map(company => ({
      id: checkId(company.id, 'the id of a company'),
      role: company.role,
    })),
  };
}
