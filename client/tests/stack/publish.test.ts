/** A backend that publishes by HTTP on the real local stack, over a network that breaks off. */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { fileLink } from '../../src/files/index.js';
import { httpApi } from '../../src/index.js';
import {
  chatMessage,
  createTokenIssuer,
  PublishError,
  RealTimeUpdates,
  uploadFile,
} from '../../src/server/index.js';
import { listen, patience, person, Stack, token, unique } from './stack.js';

const key = 'a secret of at least thirty-two bytes';
const issuer = createTokenIssuer({ key });
const company = unique('biz');
const [ann, bob] = [person('Ann', `${company}:admin`), person('Bob')];

let stack: Stack;
let updates: RealTimeUpdates;
let network: Server;
/** What happens to the next connections: cut before the request is complete, or before its response is. */
let cuts: ('request' | 'response')[] = [];

beforeAll(async () => {
  const entry = { kind: 'app', iss: 'my-app', aud: 'funnelcast', alg: 'HS256' };
  const issuers = JSON.stringify([{ ...entry, keys: { secret: 'funnelcast/dev/my-app' } }]);
  stack = await Stack.start('--parameter', `Issuers=${issuers}`, '--secret', `funnelcast/dev/my-app=${key}`);
  network = createServer(pass);
  await new Promise<void>(resolve => network.listen(0, '127.0.0.1', resolve));
  const { port } = network.address() as { port: number };
  updates = new RealTimeUpdates({ http: `http://127.0.0.1:${port}`, issuer, random: () => 0.1 });
});

afterEach(() => {
  cuts = [];
});

afterAll(async () => {
  network?.close();
  await stack?.stop();
});

/** Passes a connection on to the stack, and cuts it. */
function pass(near: Socket): void {
  const far = connect(Number(new URL(stack.addresses.http).port), '127.0.0.1');
  const cut = () => [near, far].map(socket => socket.destroy());
  for (const socket of [near, far]) socket.on('error', cut).on('close', cut);
  near.on('data', chunk => {
    const isCut = cuts[0] === 'request';
    far.write(isCut ? chunk.subarray(0, chunk.length - 20) : chunk);
    if (isCut) cuts.shift();
    if (isCut) setTimeout(cut, 50);
  });
  far.on('data', chunk => {
    if (cuts[0] !== 'response') return void near.write(chunk);
    cuts.shift();
    near.write(chunk.subarray(0, chunk.length - 20), cut);
  });
}

const contents = Array.from({ length: 12 }, (_, i) => `message ${i + 1}`);

/** Opens a conversation, and returns its id and what Bob hears in it. */
async function conversation() {
  const id = unique('conv');
  await updates.sendConversation({ companyId: company }, id, [ann.id, bob.id]);
  return { id, heard: await listen(stack.client(bob), `conversation:${id}`) };
}

/** The messages in the log, read after everything has been published. */
async function logOf(id: string): Promise<string[]> {
  const { events } = await stack.client(ann).history(`conversation:${id}`, { after: 0, limit: 100 });
  return events.map(({ data }) => (data as { content: string }).content);
}

describe('twelve messages arrive in their order', () => {
  test('if each is awaited', async () => {
    const { id, heard } = await conversation();
    const seqs = [];
    for (const content of contents) seqs.push((await updates.sendBotMessage(id, content))?.seq);
    expect(seqs).toEqual(contents.map((_, i) => i + 1));
    await vi.waitFor(() => expect(heard).toEqual(contents), patience);
  });

  test('in one call', async () => {
    const { id, heard } = await conversation();
    const results = await updates.send(...contents.map(content => chatMessage(id, { content })));
    expect(results.map(({ seq }) => seq)).toEqual(contents.map((_, i) => i + 1));
    await vi.waitFor(() => expect(heard).toEqual(contents), patience);
  });

  test('in calls that overlap', async () => {
    const { id, heard } = await conversation();
    await Promise.all(contents.map(content => updates.sendBotMessage(id, content)));
    await vi.waitFor(() => expect(heard).toEqual(contents), patience);
  });

  test.each([
    ['request', false],
    ['response', true],
  ] as const)('and once, if the connection is cut in the %s', async (cut, duplicate) => {
    const { id, heard } = await conversation();
    cuts = [cut, cut];
    const results = await updates.send(...contents.map(content => chatMessage(id, { content })));
    expect(cuts).toEqual([]);
    expect(results.map(result => [result.seq, result.duplicate])).toEqual(
      contents.map((_, i) => [i + 1, duplicate]),
    );
    await vi.waitFor(() => expect(heard).toEqual(contents), patience);
    expect(await logOf(id)).toEqual(contents);
  });

  test('and once, if the connection is cut again and again while calls overlap', async () => {
    const { id, heard } = await conversation();
    cuts = ['response', 'request', 'response', 'request']; // a call makes five attempts
    await Promise.all(contents.map(content => updates.sendBotMessage(id, content)));
    await vi.waitFor(() => expect(heard).toEqual(contents), patience);
    expect(await logOf(id)).toEqual(contents);
  });
});

test('participants are set once, if the connection is cut in the response', async () => {
  const id = unique('conv');
  cuts = ['response', 'request'];
  await updates.sendConversation({ companyId: company }, id, [bob.id]);
  expect(cuts).toEqual([]);
  expect(await listen(stack.client(bob), `conversation:${id}`)).toEqual([]);
});

test('a refused event is named with its field, and those beside it are published', async () => {
  const { id, heard } = await conversation();
  const funnel = { type: 'FunnelUpdate', detail: { type: 'deployed', companyId: company } } as const;
  const call = updates.send(chatMessage(id, { content: 'a' }), funnel, chatMessage(id, { content: 'b' }));
  const error = (await call.catch(thrown => thrown)) as PublishError;
  expect(error).toBeInstanceOf(PublishError);
  expect(error.failed).toMatchObject([
    { event: { type: 'FunnelUpdate' }, code: 'bad_request', field: expect.stringMatching(/^detail/) },
  ]);
  expect(error.published.map(({ result }) => result?.seq)).toEqual([1, 2]);
  await vi.waitFor(() => expect(heard).toEqual(['a', 'b']), patience);
});

test('a file of the backend comes with a message of its bot, over a network that breaks off', async () => {
  const { id } = await conversation();
  const { port } = network.address() as { port: number };
  cuts = ['request', 'response'];
  const target = { http: `http://127.0.0.1:${port}`, issuer, random: () => 0.1 };
  const bytes = new TextEncoder().encode('The invoice');
  const file = await uploadFile(target, id, { name: 'Invoice.txt', type: 'text/plain', bytes });
  expect(cuts).toEqual([]);
  const sent = await updates.sendBotMessage(id, '', { attachments: [file] });
  const bob2 = stack.client(bob, { http: httpApi(stack.addresses.http, { token: () => token(bob) }) });
  const { url } = await vi.waitFor(async () => {
    const link = await fileLink(bob2, file);
    expect(link.url).toBeDefined();
    return link;
  }, patience);
  expect(await (await fetch(url as string)).text()).toBe('The invoice');
  const { events } = await stack.client(ann).history(`conversation:${id}`, { after: 0, limit: 100 });
  expect(events[0]).toMatchObject({
    seq: sent?.seq,
    data: { content: '', attachments: [{ id: file, name: 'Invoice.txt' }] },
  });
});

test('with a key of the app, an event is published once', async () => {
  const { id } = await conversation();
  const update = { ...chatMessage(id, { content: 'Welcome' }), key: 'webhook-17' };
  await expect(updates.send(update)).resolves.toMatchObject([{ seq: 1, duplicate: false }]);
  await expect(updates.send(update)).resolves.toMatchObject([{ seq: 1, duplicate: true, key: 'webhook-17' }]);
});

test('another key is refused', async () => {
  const foreign = createTokenIssuer({ key: 'another secret of at least thirty-two bytes' });
  const stranger = new RealTimeUpdates({ http: stack.addresses.http, issuer: foreign });
  await expect(stranger.sendBotMessage('conv-1', 'Hi!')).rejects.toMatchObject({ code: 'unauthorized' });
});
