import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, importSPKI, jwtVerify } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import {
  companyNotification,
  createTokenIssuer,
  funnelUpdate,
  outboxItem,
  userIdOf,
} from '../../src/server/index.js';

const SECRET = 'a secret of at least thirty-two bytes';
const issuer = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'HS256', key: SECRET });
const verify = (token: string) =>
  jwtVerify(token, new TextEncoder().encode(SECRET), { issuer: 'my-app', audience: 'funnelcast' });

describe('a token', () => {
  test('states its user and its expiry', async () => {
    const user = { id: 'user_1', name: 'Ann', companies: [{ id: 'biz_1', role: 'admin' as const }] };
    const { payload } = await verify(await issuer.token(user, { ttlSeconds: 60 }));
    const { iat = 0, exp = 0, ...claims } = payload;
    expect(claims).toEqual({
      iss: 'my-app',
      aud: 'funnelcast',
      sub: 'user_1',
      name: 'Ann',
      companies: [{ id: 'biz_1', role: 'admin' }],
    });
    expect(exp - iat).toBe(60);
  });

  test('names experiences and rooms', async () => {
    const user = { id: 'user_1', experiences: ['exp_1', 'exp_2'], rooms: ['lobby'] };
    const { payload } = await verify(await issuer.token(user));
    expect(payload).toMatchObject({ experiences: ['exp_1', 'exp_2'], rooms: ['lobby'], companies: [] });
  });

  test('may contain the subject of an OpenID provider', async () => {
    const { payload } = await verify(await issuer.token({ id: 'auth0|5f7c8ec7' }));
    expect(payload.sub).toBe('auth0|5f7c8ec7');
  });

  test('may be signed with a private key', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const es256 = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'ES256', key });
    const token = await es256.token({ id: 'user_1' });
    expect(decodeProtectedHeader(token).alg).toBe('ES256');
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    await expect(jwtVerify(token, await importSPKI(pem, 'ES256'))).resolves.toMatchObject({
      payload: { sub: 'user_1', companies: [] },
    });
  });

  test('may be signed with a key whose line breaks are written as `\\n`', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().replaceAll('\n', '\\n');
    const es256 = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'ES256', key });
    await expect(es256.token({ id: 'user_1' })).resolves.toMatch(/^[\w-]+\.[\w-]+\.[\w-]{86}$/);
  });

  test('names its key, so that the stack finds it among several', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const kids = [
      [jwk, undefined, 'k1'],
      [jwk, 'k2', 'k2'],
      [pem, 'k2', 'k2'],
      [pem, undefined, undefined],
    ] as const;
    for (const [key, kid, expected] of kids) {
      const es256 = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'ES256', key, kid });
      const token = await es256.token({ id: 'user_1' });
      expect(decodeProtectedHeader(token).kid).toBe(expected);
      await expect(jwtVerify(token, createPublicKey(privateKey))).resolves.toBeDefined();
    }
  });

  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  test.each([
    ['no key', undefined, 'set TOKEN_KEY'],
    ['a key that is not PEM', 'key', 'or PKCS #8'],
    ['a JWK that is cut', '{"kty":"EC"', 'what `funnelcast keys` prints'],
    ['a public key', JSON.stringify(createPublicKey(p256).export({ format: 'jwk' })), 'a private key'],
    ['a key of another curve', p384.export({ type: 'pkcs8', format: 'pem' }).toString(), 'of P-256'],
    ['a key of another form', p256.export({ type: 'sec1', format: 'pem' }).toString(), 'or PKCS #8'],
  ])('is not signed with %s', async (_, key, reason) => {
    const es256 = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'ES256', key });
    await expect(es256.token({ id: 'user_1' })).rejects.toThrow(reason);
  });

  test.each([
    ['an empty id', () => issuer.token({ id: '' })],
    ['an invalid id', () => issuer.token({ id: ' a' })],
    ['a derived id', () => issuer.token({ id: 'sub-QapIeIfjxFwZskSLLwNlUvALLHjiOUbTkKfoRvatWOE' })],
    [
      'too many companies',
      () => issuer.token({ id: 'u', companies: Array(51).fill({ id: 'b', role: 'admin' }) }),
    ],
    ['too many rooms', () => issuer.token({ id: 'u', rooms: Array(11).fill('r') })],
    ['too many experiences', () => issuer.token({ id: 'u', experiences: Array(11).fill('exp_1') })],
    ['an invalid room', () => issuer.token({ id: 'u', rooms: ['room:lobby'] })],
    ['no validity', () => issuer.token({ id: 'u' }, { ttlSeconds: 0 })],
    [
      'a grant for too long',
      () => issuer.grant({ userId: 'u', channel: 'system', caps: [], ttlSeconds: 601 }),
    ],
  ])('is not signed with %s', async (_, make) => {
    await expect(make()).rejects.toMatchObject({ name: 'FunnelcastError' });
  });

  test('is not signed with a short secret', () => {
    const short = () => createTokenIssuer({ iss: 'a', aud: 'b', alg: 'HS256', key: 'short' });
    expect(short).toThrow('at least 32 bytes');
  });
});

describe('the id of a subject', () => {
  test.each([
    ['user_1', 'user_1'],
    ['sub-1', 'sub-1'],
    // The tests of the stack have the same pairs.
    ['auth0|5f7c8ec7c33c6c004bbafe82', 'sub-QapIeIfjxFwZskSLLwNlUvALLHjiOUbTkKfoRvatWOE'],
    ['deleted', 'sub-EYXzfTOw-J4zHxAaUbuOURZcfv2hWVC4aj68uzY_iY4'],
    ['sub-QapIeIfjxFwZskSLLwNlUvALLHjiOUbTkKfoRvatWOE', 'sub-dGFq4PplvMUNIWIonccqXSO3YBTmo6ePX34NKog0WKE'],
  ])('%s is %s', async (subject, userId) => {
    await expect(userIdOf(subject)).resolves.toBe(userId);
  });

  test('does not exist if the subject is empty', async () => {
    await expect(userIdOf('')).rejects.toMatchObject({ code: 'bad_request' });
  });
});

test('a grant is for one channel', async () => {
  const grant = await issuer.grant({ userId: 'user_1', channel: 'conversation:c1', caps: ['join'] });
  const { payload } = await verify(grant);
  expect(payload).toMatchObject({ sub: 'user_1', channel: 'conversation:c1', caps: ['join'] });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(600);
});

describe('an outbox item', () => {
  const user = { id: 'user_1', companyId: 'biz_1' };

  test('has the form that the stack reads', () => {
    const { Put } = outboxItem(funnelUpdate(user, 'f1', 'Spring', 'deployed'), {
      table: 't',
      key: 'deploy-1',
    });
    expect(Put).toMatchObject({
      TableName: 't',
      Item: {
        pk: 'OUTBOX#funnel_updates:biz_1',
        sk: 'deploy-1',
        channel: 'funnel_updates:biz_1',
        event: 'funnel.update',
      },
    });
    expect(JSON.parse(Put.Item.data)).toMatchObject({ type: 'deployed', companyId: 'biz_1' });
    expect(Put.Item.ttl).toBeGreaterThan(Date.now() / 1_000 + 3_600);
  });

  test('may be for a company, for which the bus has no name', () => {
    const notification = companyNotification(user, { level: 'info', title: 'Hi', message: 'All' });
    expect(notification.detailType).toBeUndefined();
    expect(outboxItem(notification, { table: 't', key: 'k' }).Put.Item.channel).toBe('company:biz_1');
  });

  test('goes to the table of the environment variable, unless another one is given', () => {
    const update = funnelUpdate(user, 'f1', 'Spring', 'deployed');
    expect(() => outboxItem(update, { key: 'k' })).toThrow('set FUNNELCAST_TABLE');
    vi.stubEnv('FUNNELCAST_TABLE', 'funnelcast-dev');
    expect(outboxItem(update, { key: 'k' }).Put.TableName).toBe('funnelcast-dev');
    vi.unstubAllEnvs();
  });

  test('needs a valid key', () => {
    const update = funnelUpdate(user, 'f1', 'Spring', 'deployed');
    expect(() => outboxItem(update, { table: 't', key: 'a key' })).toThrow('a key must be');
  });
});
