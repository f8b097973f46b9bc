/** The HTTP API of the real local stack: tickets, and a chat while WebSockets are blocked. */

import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type ClientOptions, createClient, httpApi } from '../../src/index.js';
import { listen, network, type Person, patience, person, Stack, token, unique } from './stack.js';

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.start();
});

afterAll(() => stack?.stop());

const overHttp = (who: Person): Partial<ClientOptions> => ({
  http: httpApi(stack.addresses.http, { token: () => token(who), pollIntervalMs: 100 }),
});

test('a ticket of the HTTP API opens a connection', async () => {
  const ann = person('Ann');
  const { environment } = network(false);
  const client = createClient({ ...overHttp(ann), environment });
  client.connect();
  await vi.waitFor(() => expect(client.state).toBe('connected'), patience);
  await vi.waitFor(() => expect(client.user).toBe(ann.id), patience);
  await expect(client.subscribe(`user:${ann.id}`, () => {}).joined).resolves.toMatchObject({ head: 0 });
  client.close();
});

test('two users chat, one of them by HTTP, and nothing is lost or duplicated when the socket is back', async () => {
  const company = unique('biz');
  const [ann, bob] = [person('Ann', `${company}:admin`), person('Bob')];
  const conversation = unique('conv');
  const channel = `conversation:${conversation}` as const;
  await stack.updates.sendConversation({ companyId: company }, conversation, [ann.id, bob.id]);

  const a = stack.client(ann);
  const heardByAnn = await listen(a, channel);

  const blocked = network(true);
  const b = stack.client(bob, { ...overHttp(bob), environment: blocked.environment });
  const heardByBob = await listen(b, channel);
  expect(b.state).toBe('polling');

  const say = (client: typeof a, content: string) => client.send(channel, 'chat.message', { content });
  await Promise.all([say(a, 'can you hear me?'), say(b, 'slowly'), say(b, 'but yes')]);
  await vi.waitFor(() => expect(heardByBob).toHaveLength(3), patience);
  await expect(b.ack(channel, 3, 'read')).resolves.toBe(3);
  const receipts = await a.receipts(channel);
  expect(receipts.find(({ userId }) => userId === bob.id)).toMatchObject({ read: 3 });
  expect(b.state).toBe('polling');

  blocked.isBlocked = false;
  const rest = Array.from({ length: 10 }, (_, i) => Promise.all([say(a, `a${i}`), say(b, `b${i}`)]));
  await Promise.all(rest);
  await vi.waitFor(() => expect(b.state).toBe('connected'), patience);
  await say(b, 'by socket');
  await vi.waitFor(() => expect(heardByBob).toHaveLength(24), patience);
  await vi.waitFor(() => expect(heardByAnn).toEqual(heardByBob), patience);
  expect(new Set(heardByBob).size).toBe(24);
});

test('a refusal of the HTTP API has its code', async () => {
  const blocked = network(true);
  const eve = person('Eve');
  const client = stack.client(eve, { ...overHttp(eve), environment: blocked.environment });
  const { joined } = client.subscribe('company:biz_1', () => {});
  await expect(joined).rejects.toMatchObject({ code: 'forbidden' });
});
