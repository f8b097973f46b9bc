import { describe, expect, test } from 'vitest';
import { CHANNEL, joinedScene, pass, passUntil } from './fake/setup.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Just before the rotation, as random numbers are 0.5. */
const ROTATION_MS = 105 * MINUTE_MS - 200;

describe('before the 2-hour limit', () => {
  test('a second socket is open and joined before the first is closed', async () => {
    const { server, states, heard } = await joinedScene();
    states.length = 0;
    await pass(ROTATION_MS);
    expect(server.sockets).toHaveLength(1);
    await passUntil(() => server.sockets.length === 2);
    const [first, second] = server.sockets;
    let isFirstClosedEarly = false;
    for (let ms = 0; ms < 100 && !first?.wasClosedByClient; ms++) {
      server.say(CHANNEL, `${ms}`);
      server.post({ type: 'event', channel: CHANNEL, event: 'signal', at: `${ms}`, data: { name: 'ring' } });
      isFirstClosedEarly ||= first?.state === 'closed' && !second?.channels.has(CHANNEL);
      await pass(1);
    }
    expect(first?.wasClosedByClient).toBe(true);
    expect(isFirstClosedEarly).toBe(false);
    await pass(1_000);
    expect(heard).toEqual(server.log(CHANNEL).map(event => (event.data as { content: string }).content));
    expect(heard.length).toBeGreaterThan(5);
    expect(states).toEqual([]);
  });

  test('an ephemeral event is delivered once, although it arrives on both sockets', async () => {
    const { server, client } = await joinedScene();
    const signals: string[] = [];
    client.subscribe(CHANNEL, event => event.event === 'signal' && signals.push(event.data.name));
    await pass(ROTATION_MS);
    await passUntil(() => server.sockets[1]?.state === 'open');
    const signal = { type: 'event', channel: CHANNEL, event: 'signal', at: 'now', data: { name: 'ring' } };
    for (const socket of server.sockets) socket.deliver(signal);
    await pass(5);
    expect(server.sockets.map(({ state }) => state)).toEqual(['open', 'open']);
    await pass(1_000);
    expect(signals).toEqual(['ring']);
  });

  test('a send in progress is acknowledged on the first socket', async () => {
    const { server, client } = await joinedScene();
    await pass(ROTATION_MS);
    await passUntil(() => server.sockets.length === 2);
    await pass(12); // the second is joining
    const sent = client.send(CHANNEL, 'chat.message', { content: 'hello' });
    await pass(1_000);
    await expect(sent).resolves.toMatchObject({ seq: 1, duplicate: false });
    const requests = server.requests.filter(({ action }) => action === 'send');
    expect(requests.map(({ socket }) => socket)).toEqual([server.sockets[0]]);
    expect(server.sockets[0]?.wasClosedByClient).toBe(true);
  });

  test('if the second socket does not open, the first stays in use, and the rotation is tried again', async () => {
    const { server, client, states, heard } = await joinedScene();
    await pass(100 * MINUTE_MS);
    server.door = 'closed';
    states.length = 0;
    await pass(10 * MINUTE_MS);
    expect(server.sockets.length).toBeGreaterThan(2);
    expect(client.state).toBe('connected');
    server.say(CHANNEL, 'still here');
    server.door = 'open';
    await pass(2 * MINUTE_MS);
    server.say(CHANNEL, 'and here');
    await pass(100);
    expect(server.sockets[0]?.wasClosedByClient).toBe(true);
    expect(states).toEqual([]);
    expect(heard).toEqual(['still here', 'and here']);
  });

  test('if the first socket is lost in the meantime, one socket remains', async () => {
    const { server, client } = await joinedScene();
    await pass(ROTATION_MS);
    await passUntil(() => server.sockets.length === 2);
    await pass(7);
    server.sockets[0]?.cut();
    await pass(10_000);
    expect(client.state).toBe('connected');
    expect(server.sockets.filter(({ state }) => state === 'open')).toHaveLength(1);
  });

  test('if the first socket is lost and the network is down, none remains', async () => {
    const { server, client } = await joinedScene();
    await pass(ROTATION_MS);
    await passUntil(() => server.sockets.length === 2);
    await pass(7);
    server.isOnline = false;
    server.sockets[0]?.cut();
    await pass(10_000);
    expect(client.state).toBe('waiting');
    expect(server.sockets.filter(({ state }) => state === 'open')).toHaveLength(0);
  });

  test('the socket is replaced again and again', async () => {
    const { server, states } = await joinedScene();
    states.length = 0;
    await pass(12 * HOUR_MS);
    expect(server.sockets.length).toBeGreaterThanOrEqual(6);
    expect(server.sockets.filter(({ state }) => state === 'open')).toHaveLength(1);
    expect(states).toEqual([]);
  });
});

describe("before the token's expiry", () => {
  test('the socket is replaced by one with a new token', async () => {
    const { server, states } = await joinedScene();
    expect(server.sockets).toHaveLength(1);
    server.tokenMs = 10 * MINUTE_MS;
    server.socket.cut();
    await pass(1_000);
    states.length = 0;
    await pass(8 * MINUTE_MS);
    expect(server.sockets).toHaveLength(2);
    await pass(2 * MINUTE_MS);
    expect(server.sockets).toHaveLength(3);
    expect(states).toEqual([]);
  });

  test('a token that stays the same causes no further rotations', async () => {
    const { server } = await joinedScene();
    const end = new Date(Date.now() + 10 * MINUTE_MS).toISOString();
    server.intercept = ({ action }) =>
      action === 'status'
        ? { user: 'user_1', connectedAt: new Date().toISOString(), expiresAt: end }
        : undefined;
    server.socket.cut();
    await pass(30 * MINUTE_MS);
    expect(server.sockets.length).toBeLessThanOrEqual(3);
  });
});

test('a listener that reads the log on the first socket continues on the second one', async () => {
  const { server, client } = await joinedScene();
  for (const content of ['one', 'two']) server.say(CHANNEL, content);
  await pass(ROTATION_MS);
  await passUntil(() => server.sockets.length === 2);
  server.losesReply = ({ action }) => action === 'history';
  const seqs: (number | undefined)[] = [];
  client.subscribe(CHANNEL, ({ seq }) => seqs.push(seq), { since: 0 });
  await passUntil(() => server.count('history') === 1);
  server.losesReply = () => false;
  await pass(20_000);
  expect(server.requests.find(({ action }) => action === 'history')?.socket).toBe(server.sockets[0]);
  expect(server.sockets[0]?.wasClosedByClient).toBe(true);
  expect(seqs).toEqual([1, 2]);
});
