/** Rooms and experiences with events of the app's own, on the real local stack. */

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import {
  type ChannelEvent,
  type Client,
  httpApi,
  type PresenceState,
  type SubscribeOptions,
  watchPresence,
} from '../../src/index.js';
import { appEvent, appSignal, createTokenIssuer, RealTimeUpdates } from '../../src/server/index.js';
import { network, patience, person, Stack, token, unique } from './stack.js';

const key = 'a secret of at least thirty-two bytes';
const issuer = createTokenIssuer({ key });

let stack: Stack;
let updates: RealTimeUpdates;
let channel: `room:${string}`;

beforeAll(async () => {
  const entry = { kind: 'app', iss: 'my-app', aud: 'funnelcast', alg: 'HS256' };
  const issuers = JSON.stringify([{ ...entry, keys: { secret: 'funnelcast/dev/my-app' } }]);
  stack = await Stack.start('--parameter', `Issuers=${issuers}`, '--secret', `funnelcast/dev/my-app=${key}`);
  updates = new RealTimeUpdates({ http: stack.addresses.http, issuer });
});

afterAll(() => stack?.stop());

beforeEach(() => {
  channel = `room:${unique('room')}`;
});

afterEach(() => stack.faults({}));

/** Makes a client of a new person whose token names the room, or something else. */
function guest(name: string, claims: { rooms?: string[]; experiences?: string[] } = {}): Client {
  const id = unique('user');
  const rooms = [channel.slice('room:'.length)];
  return stack.client(person(name), { token: () => issuer.token({ id, name, rooms, ...claims }) });
}

const vote = (client: Client, option: number) =>
  client.send(channel, 'app.event', { name: 'poll.vote', payload: { option } });

/** Joins, and returns the list of the events, without those of presence. */
async function enter(client: Client, options: SubscribeOptions = {}) {
  const heard: ChannelEvent<typeof channel>[] = [];
  const keep = (event: ChannelEvent<typeof channel>) => event.event.startsWith('app.') && heard.push(event);
  await client.subscribe(channel, keep, options).joined;
  return heard;
}

/** An event without what only its recipients get, or only the sender. */
const essence = ({ event, seq, from, key, data }: ChannelEvent<typeof channel>) => ({
  event,
  seq,
  from,
  key,
  data,
});

test('two guests get the same events, their own and those of the backend', async () => {
  const [ann, bob] = [guest('Ann'), guest('Bob')];
  const [byAnn, byBob] = await Promise.all([enter(ann), enter(bob)]);
  await vote(ann, 1);
  await vote(bob, 2);
  await updates.send(appEvent(channel, 'poll.closed'));
  await vi.waitFor(() => expect(byAnn).toHaveLength(3), patience);
  await vi.waitFor(() => expect(byBob).toHaveLength(3), patience);
  expect(byAnn.map(essence)).toEqual(byBob.map(essence));
  expect(byAnn.map(({ seq, from, data }) => [seq, from?.name, data])).toEqual([
    [1, 'Ann', { name: 'poll.vote', payload: { option: 1 } }],
    [2, 'Bob', { name: 'poll.vote', payload: { option: 2 } }],
    [3, undefined, { name: 'poll.closed' }],
  ]);
  const { events } = await guest('Cid').history(channel);
  expect(events.map(essence)).toEqual(byBob.map(essence));
});

test('a signal reaches those who are there, and is not kept', async () => {
  const [ann, bob] = [guest('Ann'), guest('Bob')];
  const [byAnn, byBob] = await Promise.all([enter(ann), enter(bob)]);
  await ann.send(channel, 'app.signal', { name: 'cursor', payload: { x: 1, y: 2 } });
  await updates.send(appSignal(channel, 'cursor', { x: 3, y: 4 }));
  await vi.waitFor(() => expect(byBob).toHaveLength(2), patience);
  expect(byBob).toMatchObject([
    { event: 'app.signal', from: { name: 'Ann' } },
    { data: { payload: { x: 3 } } },
  ]);
  await vi.waitFor(() => expect(byAnn).toMatchObject([{ data: { payload: { x: 3, y: 4 } } }]), patience);
  await expect(bob.history(channel)).resolves.toMatchObject({ events: [] });
});

test('each sees who comes, and their status', async () => {
  const ann = guest('Ann');
  await enter(ann);
  let here: PresenceState = { users: [], count: 0 };
  watchPresence(ann, channel, state => {
    here = state;
  });
  const bob = guest('Bob');
  await enter(bob);
  await bob.send(channel, 'presence.update', { status: 'away' });
  await vi.waitFor(() => {
    const statuses = here.users.map(({ name, status }) => [name, status]);
    expect(new Map(statuses as [string, string][])).toEqual(
      new Map([
        ['Ann', 'online'],
        ['Bob', 'away'],
      ]),
    );
  }, patience);
});

test('whose token does not name the room needs a grant', async () => {
  const ann = guest('Ann');
  const heard = await enter(ann);
  const id = unique('user');
  const bob = stack.client(person('Bob'), { token: () => issuer.token({ id, name: 'Bob' }) });
  await expect(enter(bob)).rejects.toMatchObject({ code: 'forbidden' });
  await enter(bob, { grant: () => issuer.grant({ userId: id, channel, caps: ['join', 'send'] }) });
  await vote(bob, 3);
  await vi.waitFor(() => expect(heard).toMatchObject([{ from: { name: 'Bob' } }]), patience);
});

test('events arrive once and in order, although sockets are lost, and by HTTP while they fail', async () => {
  const wire = network(false);
  const [ann, bob] = [guest('Ann'), person('Bob')];
  const rooms = [channel.slice('room:'.length)];
  const getToken = () => issuer.token({ id: bob.id, name: 'Bob', rooms });
  const http = httpApi(stack.addresses.http, { token: getToken, pollIntervalMs: 100 });
  const sender = stack.client(bob, { token: getToken, http, environment: wire.environment });
  const [byAnn, byBob] = await Promise.all([enter(ann), enter(sender)]);
  const options = [1, 2, 3, 4, 5, 6];
  const sent = options.slice(0, 3).map(option => vote(sender, option));
  sender.reconnect();
  await Promise.all(sent);
  wire.isBlocked = true;
  sender.reconnect();
  await Promise.all(options.slice(3).map(option => vote(sender, option)));
  const optionsOf = (heard: typeof byAnn) => heard.map(({ data }) => (data as { payload: object }).payload);
  const wanted = options.map(option => ({ option }));
  await vi.waitFor(() => expect(optionsOf(byAnn)).toEqual(wanted), patience);
  await vi.waitFor(() => expect(optionsOf(byBob)).toEqual(wanted), patience);
});

test('an experience has events of the backend, and clients publish nothing there', async () => {
  const experience = unique('exp');
  const ann = guest('Ann', { experiences: [experience] });
  const heard: unknown[] = [];
  await ann.subscribe(
    `experience:${experience}`,
    ({ event, data }) => event === 'app.event' && heard.push(data),
  ).joined;
  await updates.send(appEvent(`experience:${experience}`, 'poll.vote', { option: 1 }));
  await vi.waitFor(() => expect(heard).toEqual([{ name: 'poll.vote', payload: { option: 1 } }]), patience);
  const publish = ann.send(`experience:${experience}` as typeof channel, 'app.event', {
    name: 'poll.closed',
  });
  await expect(publish).rejects.toMatchObject({ code: 'forbidden' });
  const stranger = guest('Bob').subscribe(`experience:${experience}`, () => {});
  await expect(stranger.joined).rejects.toMatchObject({ code: 'forbidden' });
});

test('a token of the command line names rooms, too', async () => {
  const rooms = [channel.slice('room:'.length)];
  const ann = stack.client(person('Ann'), { token: () => token({ ...person('Ann'), rooms }) });
  await enter(ann);
});
