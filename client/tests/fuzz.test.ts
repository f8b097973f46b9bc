/**
 * Everything at once, at random from a seed: sends and aborts, lost connections, rotations, polling, slow frames, lost
 * replies, refusals, and joins and leaves that overtake each other. In the end:
 * - every promise has settled, and no rejection was unhandled;
 * - each listener has received every event after its start once and in order;
 * - the client's messages are in the log once each, in the order in which they were sent;
 * - every listener still receives events, and no socket has joined a channel that is not in use.
 */

import { expect, test } from 'vitest';
import { type AnyEvent, type ChannelEvent, type Client, httpApi, type Subscription } from '../src/index.js';
import { generator } from './fake/random.js';
import { Refusal } from './fake/refusal.js';
import type { FakeServer } from './fake/server.js';
import { pass, scene, watchRejections } from './fake/setup.js';

const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 30);
const FIRST_SEED = Number(process.env['FUZZ_FIRST_SEED'] ?? 1);
const STEPS = 80;
const CHANNELS = ['conversation:c1', 'conversation:c2', 'room:r1'] as const;

watchRejections();

type Fuzzed = (typeof CHANNELS)[number];

/** What is said in a room is a vote. */
const voteOf = (content: string) => ({ name: 'poll.vote', payload: { option: Number(content) } }) as const;

/** What an event says. */
function contentOf({ event, data }: ChannelEvent<Fuzzed>): string | undefined {
  if (event === 'chat.message') return data.content;
  return event === 'app.event' && data.name === 'poll.vote' ? `${data.payload.option}` : undefined;
}

/** A listener, and what it has received. */
interface Ear {
  channel: Fuzzed;
  since: number | undefined;
  subscription: Subscription;
  heard: number[];
  isGone: boolean;
  /** The head of the first `onJoined`, and how many events came before it. */
  begin: { head: number; heardBefore: number } | undefined;
}

class Fuzz {
  readonly random: () => number;
  readonly server: FakeServer;
  readonly client: Client;
  readonly ears: Ear[] = [];
  readonly settled: Promise<unknown>[] = [];
  /** The messages that were sent, in order. Those that were aborted may be missing from the log. */
  readonly sent: { channel: Fuzzed; content: string; isCalledOff: boolean }[] = [];
  isCalm = false;

  constructor(seed: number) {
    this.random = generator(seed);
    const { server, client } = scene({ outboxLimit: 10_000, http: httpApi('https://api.test') });
    this.server = server;
    this.client = client;
    server.delay = ({ action }) => (this.chance(0.3) ? this.upTo(action === 'leave' ? 9_000 : 2_000) : 0);
    server.losesReply = () => this.chance(0.03);
    server.intercept = ({ action }) => {
      if (action === 'status' || action === 'ping') return undefined;
      if (this.chance(0.05)) throw new Refusal(this.chance(0.5) ? 'internal' : 'rate_limited');
      return undefined;
    };
  }

  chance = (rate: number) => !this.isCalm && this.random() < rate;
  upTo = (most: number) => this.random() * most;
  pick = <T>(of: readonly T[]): T => of[Math.floor(this.random() * of.length)] as T;

  listen(channel: Fuzzed): void {
    const head = this.server.head(channel);
    const since = this.random() < 0.3 ? Math.floor(this.upTo(head + 1)) : undefined;
    const ear: Omit<Ear, 'subscription'> = { channel, since, heard: [], isGone: false, begin: undefined };
    const subscription = this.client.subscribe(
      channel,
      ({ seq }) => seq !== undefined && ear.heard.push(seq),
      {
        since,
        onJoined: info => {
          ear.begin ??= { head: info.head, heardBefore: ear.heard.length };
        },
      },
    );
    this.ears.push(Object.assign(ear, { subscription }));
  }

  leave(): void {
    if (this.ears.length === 0) return;
    const ear = this.pick(this.ears);
    ear.isGone = true;
    ear.subscription.unsubscribe();
  }

  send(channel: Fuzzed): void {
    const abort = new AbortController();
    const message = { channel, content: `${this.sent.length}`, isCalledOff: false };
    this.sent.push(message);
    const { signal } = abort;
    const sent =
      channel === 'room:r1'
        ? this.client.send(channel, 'app.event', voteOf(message.content), { signal })
        : this.client.send(channel, 'chat.message', { content: message.content }, { signal });
    this.settled.push(sent.catch(() => {}));
    if (this.random() > 0.4) return;
    const callOff = () => {
      message.isCalledOff = true;
      abort.abort();
    };
    if (this.random() < 0.3) callOff();
    else setTimeout(callOff, this.upTo(500));
  }

  request(channel: Fuzzed): void {
    const abort = new AbortController();
    const { signal } = abort;
    const request = this.pick([
      () => this.client.history(channel, {}, { signal }),
      () =>
        channel === 'room:r1'
          ? this.client.send(channel, 'app.signal', voteOf('0'), { signal })
          : this.pick([
              () => this.client.ack(channel, 1, 'read', { signal }),
              () => this.client.send(channel, 'signal', { name: 'ring' }, { signal }),
            ])(),
      () =>
        this.client.send(channel, 'presence.update', { status: this.pick(['online', 'away']) }, { signal }),
    ])();
    this.settled.push(request.catch(() => {}));
    if (this.random() < 0.5) setTimeout(() => abort.abort(), this.upTo(300));
  }

  /** Another user sends a message. One in ten posts is lost, repeated or late. */
  hear(channel: Fuzzed): void {
    const event = this.server.append(channel, 'theirs');
    const copies = this.chance(0.1) ? this.pick([0, 2]) : 1;
    for (let i = 0; i < copies; i++)
      setTimeout(() => this.server.post(event), this.chance(0.2) ? this.upTo(900) : 0);
  }

  step(): void {
    const channel = this.pick(CHANNELS);
    const dice = this.random();
    if (dice < 0.3) this.send(channel);
    else if (dice < 0.55) this.hear(channel);
    else if (dice < 0.67) this.listen(channel);
    else if (dice < 0.79) this.leave();
    else if (dice < 0.89) this.request(channel);
    else if (dice < 0.93) this.pick(this.server.sockets)?.cut();
    else if (dice < 0.945) this.client.reconnect();
    else if (dice < 0.98)
      this.server.tokenMs = this.pick([60_000, 90_000, 24 * 3_600_000]); // the socket will be replaced soon
    else this.door();
  }

  /** WebSockets fail for a while, so that the client polls. Sometimes HTTP fails, too. */
  door(): void {
    this.server.door = this.pick(['open', 'closed', 'silent']);
    this.server.http = this.pick(['open', 'open', 'closed']);
    if (this.server.door !== 'open') for (const socket of this.server.sockets) socket.cut();
  }

  /** The time until the next step: sometimes none, sometimes longer than an unused channel stays joined. */
  pause = () => (this.random() < 0.1 ? this.upTo(8_000) : this.upTo(150));
}

function expectHeard({ since, heard, begin }: Ear, log: readonly AnyEvent[], isThere: boolean): void {
  const first = since ?? begin?.head ?? log.length;
  expect(heard).toEqual(Array.from(heard, (_, i) => first + 1 + i));
  if (begin && since === undefined) expect(begin.heardBefore).toBe(0);
  if (isThere) expect(first + heard.length).toBe(log.length);
}

test.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))('seed %i', async seed => {
  const fuzz = new Fuzz(seed);
  const { server, client, ears, sent } = fuzz;
  client.connect();
  for (let i = 0; i < STEPS; i++) {
    fuzz.step();
    await pass(fuzz.pause());
  }
  fuzz.isCalm = true;
  server.tokenMs = 24 * 3_600_000;
  server.door = 'open';
  server.http = 'open';
  await pass(200_000);
  for (const channel of CHANNELS) server.say(channel, 'can you hear me?');
  await pass(5_000);
  let open = fuzz.settled.length;
  for (const promise of fuzz.settled) void promise.then(() => open--);
  await pass(0);
  expect(open).toBe(0);

  const wanted = new Set<string>();
  for (const ear of ears) {
    const isThere = !ear.isGone;
    expectHeard(ear, server.log(ear.channel), isThere);
    if (isThere) wanted.add(ear.channel);
  }
  expect(server.sockets.filter(({ state }) => state === 'open')).toHaveLength(1);
  expect([...server.socket.channels].sort()).toEqual([...wanted].sort());

  for (const channel of CHANNELS) {
    const ours = server.log(channel).filter(({ from }) => from?.userId === server.user);
    const kept = ours.map(event => contentOf(event as ChannelEvent<Fuzzed>));
    const inOrder = sent.filter(message => message.channel === channel);
    expect(kept).toEqual(inOrder.map(({ content }) => content).filter(content => kept.includes(content)));
    expect(new Set(kept).size).toBe(kept.length);
    for (const { content, isCalledOff } of inOrder) if (!isCalledOff) expect(kept).toContain(content);
  }
});
