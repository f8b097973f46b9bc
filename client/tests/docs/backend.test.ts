/**
 * Compiles each example for a backend, and runs it by HTTP and, with AWS's real SDK, on the bus, against servers in the process
 * of the test.
 */

import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createTokenIssuer } from '../../src/server/index.js';
import { PublishServer } from '../server/publish-server.js';
import { compile, examplesOf } from './examples.js';

const examples = examplesOf('backend');
let errors: string[];
let server: Server;
/** The calls of AWS: the operations and their input. */
let calls: { operation: string; input: unknown }[];

beforeAll(async () => {
  errors = await compile('backend', examples);
  server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const input = JSON.parse(Buffer.concat(chunks).toString());
    calls.push({ operation, input });
    response.setHeader('content-type', String(request.headers['content-type']));
    response.end(
      JSON.stringify({ FailedEntryCount: 0, Entries: input.Entries?.map(() => ({ EventId: 'e' })) }),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { port } = server.address() as AddressInfo;
  const environment = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
    FUNNELCAST_BUS: 'funnelcast-dev',
    FUNNELCAST_TABLE: 'funnelcast-dev',
    TOKEN_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const setting = {
    user: { id: 'user_1', companyId: 'biz_1' },
    ...{ funnelId: 'funnel_1', funnelName: 'Spring', funnel: { id: 'funnel_1', name: 'Spring', version: 7 } },
    documents: DynamoDBDocumentClient.from(new DynamoDBClient()),
    issuer: createTokenIssuer({ key: 'a secret of at least thirty-two bytes' }),
    pdf: new TextEncoder().encode('%PDF-1.7'),
    fetch: filesOf(fetch),
  };
  for (const [name, value] of Object.entries(setting)) vi.stubGlobal(name, value);
});

/** Answers requests for files, as the stack and S3 do, and passes all others on. */
function filesOf(real: typeof fetch): typeof fetch {
  return async (input, init) => {
    const url = String(input);
    if (url.startsWith('https://storage.example')) return new Response();
    if (!url.startsWith('https://api.example.com/api/files')) return real(input, init);
    if (!url.endsWith('/files')) return Response.json({ id: 'file_1', state: 'checking' });
    const upload = { url: 'https://storage.example/1', headers: {}, expiresAt: '2099-01-01T00:00:00.000Z' };
    return Response.json({ fileId: 'file_1', upload });
  };
}

beforeEach(() => {
  calls = [];
});

afterAll(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  server.close();
});

/** The calls of AWS that are expected from the examples that contain these words. */
const EXPECTED: [words: string, operations: string[], input: object][] = [
  ['sendFunnelDeploymentUpdate(', ['PutEvents', 'PutEvents'], { Entries: [{ DetailType: 'FunnelUpdate' }] }],
  ['sendConversation(', ['PutEvents', 'PutEvents'], { Entries: [{ DetailType: 'Conversation' }] }],
  ['sendUserNotification(', ['PutEvents'], { Entries: [{ DetailType: 'UserNotification' }] }],
  ['appEvent(', ['PutEvents'], { Entries: [{ DetailType: 'AppEvent' }] }],
  [
    'outboxItem(',
    ['TransactWriteItems'],
    { TransactItems: [{}, { Put: { Item: { sk: { S: 'deployment-7' } }, TableName: 'funnelcast-dev' } }] },
  ],
  [
    'uploadFile(',
    ['PutEvents'],
    { Entries: [{ DetailType: 'ChatMessage', Detail: expect.stringContaining('"attachments":["file_1"]') }] },
  ],
  ['createTokenIssuer(', [], {}],
];

test.each(examples.map(example => [example.at, example] as const))(
  '%s compiles and runs',
  async (_, { file, code }) => {
    expect(errors.filter(line => file.endsWith(line.split('(')[0] ?? ''))).toEqual([]);
    const { default: run } = await import(/* @vite-ignore */ file);
    await run();
    for (const [words, operations, input] of EXPECTED) {
      if (!code.includes(words)) continue;
      expect(calls.map(({ operation }) => operation)).toEqual(operations);
      for (const call of calls) expect(call.input).toMatchObject(input);
    }
  },
);

test('those that publish do so by HTTP too', async () => {
  const stack = await PublishServer.start();
  vi.stubEnv('FUNNELCAST_HTTP', stack.url);
  for (const { file, code } of examples) {
    // A route publishes only when it is asked.
    if (!/realTimeUpdates\.send/.test(code) || /onMessage\(/.test(code)) continue;
    const before = stack.requests.length;
    await (await import(/* @vite-ignore */ file)).default();
    expect(stack.requests.length, file).toBeGreaterThan(before);
  }
  expect(calls).toEqual([]);
  const types = new Set(stack.requests.flat().map(({ type }) => type));
  const expected = ['AppEvent', 'FunnelUpdate', 'ChatMessage', 'Conversation', 'UserNotification'];
  expect(types).toEqual(new Set(expected));
  await stack.stop();
});

test.each(EXPECTED)('an example contains the words %s', words => {
  expect(examples.some(({ code }) => code.includes(words))).toBe(true);
});
