/**
 * Signs JSON Web Tokens with WebCrypto, which Node, workers and Deno all provide. The packages for it are ES modules only,
 * which neither Jest with its defaults nor `require` in older versions of Node can load. Only the stack verifies tokens.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';

/** The algorithms for signing tokens. */
export type Algorithm = 'ES256' | 'HS256';

/** The parameters of each algorithm (RFC 7518, 3.1). WebCrypto formats an ECDSA signature as a JWT does, `r || s`. */
const SIGNING = { ES256: { name: 'ECDSA', hash: 'SHA-256' }, HS256: { name: 'HMAC', hash: 'SHA-256' } };

const encoder = /* @__PURE__ */ new TextEncoder();

/** The members of a private key of P-256 as JWK that are read (RFC 7518, 6.2), and its id. */
type PrivateJwk = Record<'kty' | 'crv' | 'x' | 'y' | 'd', string> & { kid?: unknown };

/**
 * Imports a key for {@link signJwt}.
 *
 * @param key - for ES256, a private key of P-256, as JWK or as PEM (PKCS #8); for HS256, the secret itself
 * @throws {FunnelcastError} `bad_request` if the key has another form
 */
export async function importKey(alg: Algorithm, key: string): Promise<CryptoKey> {
  if (alg === 'HS256') {
    return crypto.subtle.importKey('raw', encoder.encode(key), SIGNING.HS256, false, ['sign']);
  }
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  try {
    const jwk = parseJwk(key);
    if (jwk) {
      const { kty, crv, x, y, d } = jwk;
      return await crypto.subtle.importKey('jwk', { kty, crv, x, y, d }, algorithm, false, ['sign']);
    }
    return await crypto.subtle.importKey('pkcs8', derOf(key), algorithm, false, ['sign']);
  } catch {
    throw new FunnelcastError(
      'bad_request',
      'an ES256 key must be a private key of P-256: what `funnelcast keys` prints, or PKCS #8 as PEM, -----BEGIN PRIVATE KEY-----',
    );
  }
}

/** The id that a key carries; a PEM or a secret carries none. */
export function kidOf(key: string): string | undefined {
  const kid = parseJwk(key)?.kid;
  return typeof kid === 'string' && kid !== '' ? kid : undefined;
}

function parseJwk(key: string): PrivateJwk | undefined {
  if (!key.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(key) as PrivateJwk;
  } catch {
    return undefined;
  }
}

function derOf(pem: string): Uint8Array<ArrayBuffer> {
  // Environment variables often contain the two characters `\n` instead of line breaks.
  const body = /-----BEGIN PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END PRIVATE KEY-----/.exec(
    pem.replaceAll('\\n', '\n'),
  )?.[1];
  return Uint8Array.from(atob(body ?? ''), character => character.charCodeAt(0));
}

/**
 * Signs a token with these claims (RFC 7515, 3.1: the compact serialization).
 *
 * @param kid - the id of the key, by which the stack finds its public half among several
 */
export async function signJwt(alg: Algorithm, key: CryptoKey, claims: object, kid?: string): Promise<string> {
  const header = { alg, typ: 'JWT', ...(kid !== undefined && { kid }) };
  const input = `${base64urlOfJson(header)}.${base64urlOfJson(claims)}`;
  const signature = await crypto.subtle.sign(SIGNING[alg], key, encoder.encode(input));
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

/** Encodes bytes as base64url, without padding. */
export function base64url(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function base64urlOfJson(value: object): string {
  return base64url(encoder.encode(JSON.stringify(value)));
}
