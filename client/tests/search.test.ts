/** Search, over a WebSocket and while the client polls. */

import { expect, test } from 'vitest';
import { httpApi } from '../src/index.js';
import { CHANNEL, joinedScene, pass, scene } from './fake/setup.js';

test('finds messages, with the parts that match', async () => {
  const it = await joinedScene();
  for (const content of ['one refund', 'nothing', 'another refund']) it.server.say(CHANNEL, content);
  const searching = it.client.search(CHANNEL, 'refund', { limit: 5, cursor: '9' });
  await pass(100);
  const { results } = await searching;
  const parts = results.map(({ event, marks }) => [
    event.seq,
    ...marks.map(({ start, end }) => event.data.content.slice(start, end)),
  ]);
  expect(parts).toEqual([
    [3, 'refund'],
    [1, 'refund'],
  ]);
  expect(it.server.requests.at(-1)).toMatchObject({ action: 'search', limit: 5, cursor: '9' });
});

test('goes by HTTP while WebSockets fail', async () => {
  const it = scene({ http: httpApi('https://api.test') });
  it.server.append(CHANNEL, 'a refund');
  it.server.door = 'closed';
  it.client.connect();
  const searching = it.client.search(CHANNEL, 'refund');
  await pass(60_000);
  expect((await searching).results).toHaveLength(1);
});

test.each([
  ['inbox:biz_1' as const, { companyId: 'biz_1' }],
  ['user:user_1' as const, {}],
])('searches all conversations of an inbox: %s', async (channel, scope) => {
  const it = await joinedScene();
  it.server.say(CHANNEL, 'one refund');
  it.server.append('conversation:other', 'another refund');
  const searching = it.client.search(channel, 'refund', { cursor: '1.other.3' });
  await pass(300);
  expect((await searching).results.map(({ event }) => event.channel)).toEqual([
    'conversation:other',
    CHANNEL,
  ]);
  const { id: _id, socket: _socket, ...request } = it.server.requests.at(-1) as Record<string, unknown>;
  expect(request).toEqual({ action: 'search', ...scope, query: 'refund', limit: 20, cursor: '1.other.3' });
  expect(
    it.server.requests.some(({ action, channel: joined }) => action === 'join' && joined === channel),
  ).toBe(true);
});

test('a query of another type is refused at once', async () => {
  const it = await joinedScene();
  await expect(it.client.search(CHANNEL, 5 as never)).rejects.toMatchObject({
    code: 'bad_request',
    field: 'query',
  });
});
