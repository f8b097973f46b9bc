/**
 * Tokens and grants of the app's own issuer, and the ids of users that other issuers name.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import { COMPANIES_MAX, GRANT_SECONDS_MAX, NAME_BYTES_MAX, type Role } from '../wire.js';
import { bytes, checkId, checkText, isId } from './check.js';
import { type Algorithm, base64url, importKey, signJwt } from './jwt.js';

export type { Role };

/** The longest subject, in bytes. */
const SUBJECT_BYTES_MAX = 255;
/** An HS256 secret must be at least as long as the hash (RFC 7518, 3.2). */
const SECRET_BYTES_MIN = 32;
/** The form of the ids that {@link userIdOf} derives. */
const DERIVED_ID = /^sub-[A-Za-z0-9_-]{43}$/;

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
}

/** An issuer, as in the stack's parameter `Issuers`: `{"kind":"app","iss":..,"aud":..,"alg":..,"keys":..}`. */
export interface IssuerOptions {
  iss: string;
  aud: string;
  alg: Algorithm;
  /**
   * For ES256, the private key as PEM (PKCS #8). For HS256, the secret itself, at least 32 bytes long. It may be `undefined`,
   * as environment variables are while an app is built; signing then fails.
   */
  key: string | undefined;
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
}

/**
 * Makes an issuer that signs tokens for the app's users.
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
    if (key === undefined)
      throw new FunnelcastError('bad_request', `key is undefined; it must be the ${alg} key of the issuer`);
    imported ??= importKey(alg, key);
    const iat = Math.floor(Date.now() / 1_000);
    return signJwt(alg, await imported, { ...claims, iss, aud, sub, iat, exp: iat + ttlSeconds });
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
  };
}

/**
 * Returns the id of the user whom an issuer calls `subject` (`sub`): the subject itself if it is an id,
 * `[A-Za-z0-9_-]{1,64}`, or else one that is derived from its SHA-256. A subject that looks like a derived id is not taken
 * for an id, so that nobody can choose a subject that is the id of another user.
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
  if (isId(subject) && !DERIVED_ID.test(subject)) return subject;
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
  if (DERIVED_ID.test(id)) {
    throw new FunnelcastError(
      'bad_request',
      `the id of the user is derived from a subject: use the subject itself, not ${id}`,
    );
  }
}

function claimsOf({ id, name, companies = [] }: TokenUser): Record<string, unknown> {
  checkSubject(id);
  if (companies.length > COMPANIES_MAX) {
    throw new FunnelcastError(
      'too_large',
      `companies must have at most ${COMPANIES_MAX} entries, not ${companies.length}`,
    );
  }
  return {
    ...(name !== undefined && { name: checkText(name, NAME_BYTES_MAX, 'name') }),
    companies: companies.map(company => ({
      id: checkId(company.id, 'the id of a company'),
      role: company.role,
    })),
  };
}
