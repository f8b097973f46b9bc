/** Two people and a backend, on the real local stack. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import {
  type Channel,
  type Client,
  type ConversationChannel,
  defaultEnvironment,
  type PresenceState,
  type TypingIndicator,
  watchPresence,
  watchTyping,
} from '../../src/index.js';
import { join, listen, type Person, patience, person, Stack, unique } from './stack.js';

let stack: Stack;
let ann: Person;
let bob: Person;
let channel: ConversationChannel;

beforeAll(async () => {
  stack = await Stack.start();
});

afterAll(() => stack?.stop());

beforeEach(async () => {
  const company = unique('biz');
  ann = person('Ann', `${company}:admin`);
  bob = person('Bob');
  const conversation = unique('conv');
  channel = `conversation:${conversation}`;
  await stack.updates.sendConversation({ companyId: company }, conversation, [ann.id, bob.id]);
});

afterEach(() => stack.faults({}));

const say = (client: Client, content: string) => client.send(channel, 'chat.message', { content });

describe('a conversation', () => {
  test('both receive the same messages in the same order, including their own', async () => {
    const [a, b] = [stack.client(ann), stack.client(bob)];
    const [heardByAnn, heardByBob] = await Promise.all([listen(a, channel), listen(b, channel)]);
    await Promise.all([say(a, 'hello'), say(b, 'hi'), say(a, 'how are you?')]);
    await vi.waitFor(() => expect(heardByAnn).toHaveLength(3), patience);
    await vi.waitFor(() => expect(heardByBob).toEqual(heardByAnn), patience);
    expect([...heardByAnn].sort()).toEqual(['hello', 'hi', 'how are you?']);

    const { events, more } = await b.history(channel, { limit: 10 });
    expect(events.map(({ event, data }) => event === 'chat.message' && data.content)).toEqual(heardByAnn);
    expect(more).toBe(false);
  });

  test('a search finds other forms of a word, and marks them', async () => {
    const a = stack.client(ann);
    for (const content of ['👍 We refunded it', 'Nothing else']) await say(a, content);
    const { results, next } = await a.search(channel, 'refund');
    const [found] = results;
    expect([results.length, next]).toEqual([1, undefined]);
    expect(found?.marks.map(({ start, end }) => found.event.data.content.slice(start, end))).toEqual([
      'refunded',
    ]);
  });

  test('a receipt reaches the other user, and the history', async () => {
    const [a, b] = [stack.client(ann), stack.client(bob)];
    await Promise.all([listen(a, channel), listen(b, channel)]);
    const receipts: number[] = [];
    a.subscribe(channel, event => event.event === 'chat.receipt' && receipts.push(event.data.seq));
    const { seq = 0 } = await say(a, 'read this');
    await expect(b.ack(channel, seq, 'read')).resolves.toBe(seq);
    await vi.waitFor(() => expect(receipts).toEqual([seq]), patience);
    const { events } = await a.history(channel);
    expect(events.at(-1)?.data).toMatchObject({ content: 'read this', isRead: true });
    const read = (await a.receipts(channel)).map(({ userId, read }) => [userId, read]);
    expect(new Map(read as [string, number][])).toEqual(
      new Map([
        [ann.id, 0],
        [bob.id, seq],
      ]),
    );
  });

  test('typing reaches the other user, and ends', async () => {
    const [a, b] = [stack.client(ann), stack.client(bob)];
    await Promise.all([listen(a, channel), listen(b, channel)]);
    const typing: TypingIndicator[] = [];
    watchTyping(b, channel, indicator => typing.push(indicator));
    await a.send(channel, 'chat.typing', { isTyping: true });
    await vi.waitFor(() =>
      expect(typing).toMatchObject([{ userId: ann.id, userName: 'Ann', isTyping: true }]),
    );
    await say(a, 'there');
    await vi.waitFor(() => expect(typing.at(-1)?.isTyping).toBe(false), patience);
  });

  test('each sees who joins and who leaves', async () => {
    const a = stack.client(ann);
    await listen(a, channel);
    let here: PresenceState = { users: [], count: 0 };
    watchPresence(a, channel, state => {
      here = state;
    });
    const names = () => here.users.map(({ name }) => name).sort();
    await vi.waitFor(() => expect(names()).toEqual(['Ann']), patience);
    const b = stack.client(bob);
    const { unsubscribe, joined } = b.subscribe(channel, () => {});
    await joined;
    await vi.waitFor(() => expect(names()).toEqual(['Ann', 'Bob']), patience);
    unsubscribe();
    await vi.waitFor(() => expect(names()).toEqual(['Ann']), patience);
  });

  test('a stranger is refused', async () => {
    const { joined } = stack.client(person('Eve')).subscribe(channel, () => {});
    await expect(joined).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('what must not separate a client from its channel', () => {
  test('channels that are left and joined again at the same moment', async () => {
    const company = unique('biz');
    const boss = person('Boss', `${company}:admin`);
    const conversations = Array.from({ length: 4 }, () => unique('conv'));
    await Promise.all(
      conversations.map(id => stack.updates.sendConversation({ companyId: company }, id, [ann.id, boss.id])),
    );
    const channels = conversations.map(id => `conversation:${id}` as const);
    // Here an unused channel does not stay joined at all, so that leave and join overtake each other.
    const after = (ms: number, callback: () => void) => {
      const timer = setTimeout(callback, ms === 5_000 ? 0 : ms);
      return () => clearTimeout(timer);
    };
    const a = stack.client(ann, {
      environment: { ...defaultEnvironment, WebSocket: WebSocket as never, after },
    });
    const b = stack.client(boss);
    const leaves = new Set<string>();
    a.on('frame', ({ text }) => {
      const { action, type, id } = JSON.parse(text);
      if (action === 'leave') leaves.add(id);
      if (type === 'reply') leaves.delete(id);
    });
    const heard = new Map<string, number>();
    const listenTo = (of: Channel) =>
      a.subscribe(of, ({ seq = 0 }) => heard.set(of, seq), {
        onError: error => expect(error).toBeUndefined(),
      });
    await Promise.all(channels.map(of => join(b, of, () => {})));
    for (let round = 1; round <= 2; round++) {
      const first = channels.map(listenTo);
      await Promise.all(first.map(({ joined }) => joined));
      for (const { unsubscribe } of first) unsubscribe();
      await vi.waitFor(() => expect(leaves.size).toBeGreaterThan(0), { interval: 1 }); // the first is being left
      const second = channels.map(listenTo);
      await Promise.all(second.map(({ joined }) => joined));
      await vi.waitFor(() => expect(leaves.size).toBe(0), patience); // whichever has been served first
      await Promise.all(channels.map(of => b.send(of, 'chat.message', { content: 'can you hear me?' })));
      await vi.waitFor(() => expect([...heard.values()]).toEqual(channels.map(() => round)), patience);
      for (const { unsubscribe } of second) unsubscribe();
    }
  });

  test('a message that is too large, which fails while everything else continues on the same socket', async () => {
    const a = stack.client(ann);
    const heard = await listen(a, channel);
    const states: string[] = [];
    a.on('state', ({ state }) => states.push(state));
    for (const content of ['x'.repeat(40_000), '\n'.repeat(16_384)]) {
      await expect(say(a, content)).rejects.toMatchObject({ code: 'too_large' });
    }
    await expect(say(a, 'x'.repeat(16_385))).rejects.toMatchObject({ code: 'too_large' }); // by the server
    await say(a, 'small');
    await vi.waitFor(() => expect(heard).toEqual(['small']), patience);
    expect(states).toEqual([]);
  });

  test('a new connection, on which the status is sent again', async () => {
    const [a, b] = [stack.client(ann), stack.client(bob)];
    await Promise.all([listen(a, channel), listen(b, channel)]);
    let here: PresenceState = { users: [], count: 0 };
    watchPresence(b, channel, state => {
      here = state;
    });
    const status = () => here.users.find(({ userId }) => userId === ann.id)?.status;
    await a.send(channel, 'presence.update', { status: 'away' });
    await vi.waitFor(() => expect(status()).toBe('away'), patience);
    a.reconnect();
    await vi.waitFor(() => expect(a.state).toBe('connected'), patience);
    await say(a, 'back'); // the channel is joined again
    await vi.waitFor(async () => {
      const roster = await b.presence(channel);
      expect(roster.users.find(({ userId }) => userId === ann.id)?.status).toBe('away');
    }, patience);
    await vi.waitFor(() => expect(status()).toBe('away'), patience);
  });
});

describe('a network that cuts off every socket again and again', () => {
  test('loses and duplicates nothing', async () => {
    const [a, b] = [stack.client(ann), stack.client(bob)];
    const [heardByAnn, heardByBob] = await Promise.all([listen(a, channel), listen(b, channel)]);
    let losses = 0;
    for (const client of [a, b]) client.on('state', ({ previous }) => previous === 'connected' && losses++);
    await stack.faults({ cut: 1 });
    const sent: Promise<unknown>[] = [];
    await vi.waitFor(
      () => {
        sent.push(say(a, `a${sent.length}`), say(b, `b${sent.length}`));
        expect(losses).toBeGreaterThanOrEqual(6);
      },
      { ...patience, interval: 200 },
    );
    await stack.faults({});
    await Promise.all(sent);
    await vi.waitFor(() => expect(heardByBob).toHaveLength(sent.length), patience);
    await vi.waitFor(() => expect(heardByAnn).toHaveLength(sent.length), patience);
    expect(heardByBob).toEqual(heardByAnn);
    expect(new Set(heardByAnn).size).toBe(sent.length);
  });
});
