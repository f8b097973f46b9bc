/** The start of most tests: fake time, a fake server, a client, and a record of what it receives. */

import { afterEach, beforeEach, expect, vi } from 'vitest';
import {
  type Client,
  type ClientOptions,
  createClient,
  type SendOptions,
  type State,
} from '../../src/index.js';
import { FakeServer } from './server.js';

export const CHANNEL = 'conversation:c1';

/** Lets time pass. */
export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Lets time pass in steps of a millisecond until a condition holds. */
export async function passUntil(isSo: () => boolean, atMostMs = 1_000): Promise<void> {
  for (let ms = 0; !isSo(); ms++) {
    if (ms > atMostMs) throw new Error(`still not so after ${atMostMs} ms`);
    await pass(1);
  }
}

export interface Scene {
  server: FakeServer;
  client: Client;
  states: State[];
  /** The contents of the messages that the handler of {@link CHANNEL} has received, in order. */
  heard: string[];
}

/** Makes a server that works, and a client that is not connected yet. */
export function scene(options: Partial<ClientOptions> = {}): Scene {
  const server = new FakeServer();
  const client = createClient({ url: 'wss://fake.test/dev', environment: server.environment, ...options });
  clients.push(client);
  const states: State[] = [];
  client.on('state', ({ state }) => states.push(state));
  return { server, client, states, heard: [] };
}

/** Makes a client that is connected, and is subscribed to {@link CHANNEL}. */
export async function joinedScene(options: Partial<ClientOptions> = {}): Promise<Scene> {
  const it = scene(options);
  listen(it);
  it.client.connect();
  await pass(100);
  return it;
}

/** Records the messages of {@link CHANNEL}. */
export function listen({ client, heard }: Scene) {
  return client.subscribe(CHANNEL, event => {
    if (event.event === 'chat.message') heard.push(event.data.content);
  });
}

/** Sends a message to {@link CHANNEL}. */
export const say = ({ client }: Scene, content: string, options: SendOptions = {}) =>
  client.send(CHANNEL, 'chat.message', { content }, options);

/** The contents of the messages in the server's log. */
export const contents = ({ server }: Scene) =>
  server.log(CHANNEL).map(event => (event.data as { content: string }).content);

/** The requests with the action `send` that the server has received. */
export const sends = ({ server }: Scene) => server.requests.filter(({ action }) => action === 'send');

/** Fails every test of the file that leaves an unhandled rejection behind. */
export function watchRejections(): void {
  const unhandled: unknown[] = [];
  const keep = (reason: unknown) => unhandled.push(reason);
  beforeEach(() => {
    process.on('unhandledRejection', keep);
  });
  afterEach(async () => {
    await new Promise(resolve => realImmediate(resolve)); // they are reported after the microtasks
    process.off('unhandledRejection', keep);
    expect(unhandled.splice(0)).toEqual([]);
  });
}

const realImmediate = setImmediate;
const clients: Client[] = [];

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.useRealTimers();
});
