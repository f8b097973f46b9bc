/** What the publisher on the bus does when whole calls fail: with the real SDK, over real HTTP and without, and by AbortSignal. */

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BackendEvent, PublishError, RealTimeUpdates } from '../../src/server/index.js';

type Fault = 'cut' | { status: number; body: string } | undefined;

let server: Server;
/** The names of the events of each call. */
let calls: string[][];
/** What happens to a call, by its number from 0 on and its events. */
let fault: (call: number, names: string[]) => Fault;
/** The error code of an event that a call has not accepted. */
let refuse: (name: string) => string | undefined;

beforeEach(async () => {
  calls = [];
  fault = () => undefined;
  refuse = () => undefined;
  server = createServer(async (request, response) => {
    const { Entries } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const names = (Entries as { Detail: string }[]).map(({ Detail }) => JSON.parse(Detail).name);
    answer(response, fault(calls.push(names) - 1, names), names);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  server.closeAllConnections();
  return new Promise(resolve => server.close(resolve));
});

function answer(response: ServerResponse, fault: Fault, names: string[]): void {
  if (fault === 'cut') return void response.socket?.destroy();
  const results = names.map(name => {
    const code = refuse(name);
    return code ? { ErrorCode: code, ErrorMessage: 'no' } : { EventId: 'e' };
  });
  const { status, body } = fault ?? { status: 200, body: JSON.stringify({ Entries: results }) };
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(body);
}

/** A client of the SDK that tries once. */
function clientAt(port = (server.address() as AddressInfo).port): EventBridgeClient {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  return new EventBridgeClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
  });
}

function updatesOf(client: { send(command: object): Promise<unknown> }): RealTimeUpdates {
  return new RealTimeUpdates({ client, bus: 'funnelcast-dev', random: () => 0 });
}

const names = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);
const events = (count: number): BackendEvent[] =>
  names(0, count).map(name => ({ type: 'AppEvent', detail: { channel: 'room:lobby', name } }));

/** Sends events. Returns the names of those that failed, with their code, and of those that were published. */
async function outcomeOf(updates: RealTimeUpdates, count: number) {
  const error: unknown = await updates.send(...events(count)).then(
    () => undefined,
    thrown => thrown,
  );
  if (!(error instanceof PublishError)) throw new Error(`not a PublishError: ${error}`);
  const failed = error.failed.map(({ event }) => event.detail['name']);
  const published = error.published.map(({ event }) => event.detail['name']);
  return { failed, codes: [...new Set(error.failed.map(({ code }) => code))], published };
}

const throttled = { status: 400, body: '{"__type":"ThrottlingException","message":"slow down"}' };
const denied = { status: 400, body: '{"__type":"AccessDeniedException","message":"no"}' };

test.each<[string, Fault]>([
  ['is cut', 'cut'],
  ['is throttled', throttled],
  ['fails in EventBridge', { status: 500, body: '{"__type":"InternalException","message":"oh"}' }],
  ['a proxy answers with 408', { status: 408, body: '' }],
  ['a proxy answers with 429', { status: 429, body: '<h1>no</h1>' }],
  ['a proxy answers with 503', { status: 503, body: '<h1>no</h1>' }],
  ['has no results', { status: 200, body: '{}' }],
])('a call that %s is made again, and the others go on', async (_, failure) => {
  fault = call => (call === 1 || call === 2 ? failure : undefined);
  await updatesOf(clientAt()).send(...events(23));
  expect(calls).toEqual([names(0, 10), names(10, 20), names(10, 20), names(10, 20), names(20, 23)]);
});

test.each<[string, Fault, string]>([
  ['that is cut', 'cut', 'disconnected'],
  ['that is throttled', throttled, 'ThrottlingException'],
  ['that a proxy answers with 503', { status: 503, body: '<h1>no</h1>' }, 'internal'],
  ['without results', { status: 200, body: '{}' }, 'internal'],
])('a call %s, again and again, fails its own events', async (_, failure, code) => {
  fault = (_, [name]) => (name === '10' ? failure : undefined);
  const outcome = await outcomeOf(updatesOf(clientAt()), 23);
  expect(outcome).toEqual({
    failed: names(10, 20),
    codes: [code],
    published: [...names(0, 10), ...names(20, 23)],
  });
  expect(calls).toHaveLength(7);
});

test('a call that is refused for good is made once, and the others go on', async () => {
  fault = (_, [name]) => (name === '10' ? denied : undefined);
  const outcome = await outcomeOf(updatesOf(clientAt()), 23);
  expect(outcome).toMatchObject({ failed: names(10, 20), codes: ['AccessDeniedException'] });
  expect(calls).toEqual([names(0, 10), names(10, 20), names(20, 23)]);
});

test('a call that fails while some of its events are put again leaves those that were accepted', async () => {
  refuse = name =>
    name === '1' ? 'InternalFailure' : name === '2' ? 'NotAuthorizedForDetailTypeException' : undefined;
  fault = call => (call === 0 ? undefined : 'cut');
  const outcome = await outcomeOf(updatesOf(clientAt()), 4);
  expect(outcome).toMatchObject({ failed: ['1', '2'], published: ['0', '3'] });
  expect(outcome.codes).toEqual(['disconnected', 'NotAuthorizedForDetailTypeException']);
});

test('in an outage only the first call is repeated, until one succeeds', async () => {
  fault = call => (call < 6 || call === 7 ? 'cut' : undefined);
  const outcome = await outcomeOf(updatesOf(clientAt()), 35);
  expect(outcome).toMatchObject({ failed: names(0, 20), published: names(20, 35) });
  expect(calls.map(([first]) => first)).toEqual([...Array(5).fill('0'), '10', '20', '30', '30']);
});

test('a network that is not there is no raw error', async () => {
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  const outcome = await outcomeOf(updatesOf(clientAt(port)), 3);
  expect(outcome).toEqual({ failed: names(0, 3), codes: ['disconnected'], published: [] });
});

test('a client that cannot make its calls is not retried', async () => {
  let attempts = 0;
  const send = async () => {
    attempts += 1;
    throw new Error('Region is missing');
  };
  expect(await outcomeOf(updatesOf({ send }), 3)).toMatchObject({ failed: names(0, 3), codes: ['Error'] });
  expect(attempts).toBe(1);
});

test('an AbortSignal ends it at once, with what was known', async () => {
  const aborting = new AbortController();
  const client = clientAt();
  fault = call => {
    if (call === 1) aborting.abort();
    return undefined;
  };
  const send = (command: object) =>
    client.send(command as Parameters<typeof client.send>[0], { abortSignal: aborting.signal });
  const outcome = await outcomeOf(updatesOf({ send }), 35);
  expect(outcome).toEqual({ failed: names(10, 35), codes: ['AbortError'], published: names(0, 10) });
  expect(calls).toHaveLength(2);
});

test('an event that is given twice, and fails once, is in both lists', async () => {
  let isFirst = true;
  refuse = name => {
    const code = name === '0' && isFirst ? 'NotAuthorizedForSourceException' : undefined;
    isFirst = false;
    return code;
  };
  const [event] = events(1) as [BackendEvent];
  const error = await updatesOf(clientAt())
    .send(event, event)
    .catch(thrown => thrown);
  expect([error.failed.length, error.published.length]).toEqual([1, 1]);
});
