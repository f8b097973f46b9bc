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

/**
 * Imports a key for {@link signJwt}.
 *
 * @param key - for ES256, a private key of P-256 as PEM (PKCS #8); for HS256, the secret itself
 * @throws {FunnelcastError} `bad_request` if the key has another form
 */
export async function importKey(alg: Algorithm, key: string): Promise<CryptoKey> {
  if (alg === 'HS256') {
    return crypto.subtle.importKey('raw', encoder.encode(key), SIGNING.HS256, false, ['sign']);
  }
  // Environment variables often contain the two characters `\n` instead of line breaks.
  const body = /-----BEGIN PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END PRIVATE KEY-----/.exec(
    key.replaceAll('\\n', '\n'),
  )?.[1];
  try {
    const der = Uint8Array.from(atob(body ?? ''), character => character.charCodeAt(0));
    return await crypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'sign',
    ]);
  } catch {
    throw new FunnelcastError(
      'bad_request',
      'an ES256 key must be a private key of P-256 in PKCS #8 as PEM, -----BEGIN PRIVATE KEY-----',
    );
  }
}

/** Signs a token with these claims (RFC 7515, 3.1: the compact serialization). */
export async function signJwt(alg: Algorithm, key: CryptoKey, claims: object): Promise<string> {
  const input = `${base64urlOfJson({ alg, typ: 'JWT' })}.${base64urlOfJson(claims)}`;
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
