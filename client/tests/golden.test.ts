/**
 * The samples of docs/samples, which the tests of the backend decode and encode, too: the client sends what the backend
 * reads, and reads what the backend sends. The compiler checks `samples.ts` against the client's types.
 */

import { describe, expect, test } from 'vitest';
import { Socket } from '../src/connection/socket.js';
import type { AnyEvent, Channel, FunnelcastError } from '../src/index.js';
import { pass, scene } from './fake/setup.js';
import { batch, events, refusals, replies, requests } from './samples.js';

/** Opens a socket on which only the samples reply, and records what it sends. */
async function openSocket() {
  const { server, client } = scene();
  const ended: string[] = [];
  const address = { url: 'wss://fake.test/dev', protocols: [] };
  const socket = new Socket(client.environment, address, {
    event: () => {},
    frame: () => {},
    ended: (_, reason) => ended.push(reason),
  });
  await pass(10);
  const sent: { id: string }[] = [];
  server.socket.send = text => sent.push(JSON.parse(text));
  /** Replies to the last request, with its id. */
  const answer = (reply: object) => server.socket.deliver({ ...reply, id: sent.at(-1)?.id });
  return { socket, sent, answer, ended };
}

test.each(Object.entries(requests))('the request %s is sent', async (_, sample) => {
  const { socket, sent } = await openSocket();
  const { action, id, ...fields } = sample;
  socket.request(action, fields as never).catch(() => {}); // by `end`
  expect(sent).toEqual([{ ...sample, id: expect.any(String) }]);
  socket.end('done');
});

test.each(Object.entries(replies))('the reply to %s is read', async (_, reply) => {
  const { socket, answer } = await openSocket();
  const data = socket.request('status', {});
  answer(reply);
  await pass(10);
  expect(await data).toEqual(reply.data);
});

test.each(Object.values(refusals))('the refusal $error.code is read', async ({ error, ...reply }) => {
  const { socket, answer, ended } = await openSocket();
  const refused = socket.request('status', {}).catch((refusal: FunnelcastError) => refusal);
  answer({ ...reply, error });
  await pass(10);
  if (error.code === 'unauthorized') {
    expect(ended).toEqual([error.message]);
  } else {
    expect(await refused).toMatchObject({ name: 'FunnelcastError', ...error });
  }
});

describe('events', () => {
  /** Returns the events that frames deliver to a handler that has received everything before them. */
  async function hear(channel: Channel, head: number, frames: object[]): Promise<AnyEvent[]> {
    const { server, client } = scene();
    const joined = { channel, head, recovered: true, events: [], more: false, latest: [], presence: [] };
    server.intercept = ({ action }) => (action === 'join' ? joined : undefined);
    const heard: AnyEvent[] = [];
    client.subscribe(channel, event => heard.push(event));
    client.connect();
    await pass(100);
    for (const frame of frames) server.socket.deliver(frame);
    await pass(10);
    return heard;
  }

  test.each(Object.values(events))('$event is delivered', async event => {
    const head = 'seq' in event ? event.seq - 1 : 0;
    expect(await hear(event.channel, head, [event])).toEqual([event]);
  });

  test('those of a batch are delivered one by one', async () => {
    const { channel, seq } = events['chat.message']; // the first of them
    expect(await hear(channel, seq - 1, [batch])).toEqual(batch.events);
  });
});
