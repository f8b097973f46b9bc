import { describe, expect, test } from 'vitest';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, contents, joinedScene, pass, say, scene, sends } from './fake/setup.js';

describe('a send', () => {
  test('is acknowledged with its place in the log, and its event is delivered here as to everybody else', async () => {
    const it = await joinedScene();
    const sent = say(it, 'hello', { key: 'k1' });
    await pass(100);
    await expect(sent).resolves.toMatchObject({ seq: 1, key: 'k1', duplicate: false });
    it.server.say(CHANNEL, 'welcome');
    await pass(100);
    expect(it.heard).toEqual(['hello', 'welcome']);
  });

  test('delivers an event with the user, the key, and the id and time of the server', async () => {
    const it = await joinedScene();
    const events: unknown[] = [];
    it.client.subscribe(CHANNEL, event => events.push(event));
    const { at } = await Promise.all([say(it, 'hello', { key: 'k1' }), pass(100)]).then(([sent]) => sent);
    expect(events).toEqual([
      {
        type: 'event',
        channel: CHANNEL,
        event: 'chat.message',
        seq: 1,
        at,
        from: { userId: 'user_1', name: 'Ann' },
        key: 'k1',
        data: {
          id: 'msg_1',
          conversationId: 'c1',
          type: 'user',
          content: 'hello',
          timestamp: at,
          isRead: false,
          userId: 'user_1',
          n: 1,
        },
      },
    ]);
  });

  test.each([
    ['chat.edit', { target: 1, content: 'Hello!' }, { target: 1, content: 'Hello!' }],
    ['chat.delete', { target: 1 }, { target: 1 }],
    [
      'chat.reaction',
      { target: 1, emoji: '👍', on: true },
      { target: 1, on: true, emoji: '👍', count: 1, users: ['user_1'] },
    ],
  ] as const)('of a %s delivers what the server has made of it, once', async (event, draft, data) => {
    const it = await joinedScene();
    const events: unknown[] = [];
    it.client.subscribe(CHANNEL, event => events.push(event));
    void say(it, 'hello');
    let losses = 0;
    it.server.losesReply = frame => frame['event'] === event && losses++ === 0;
    const sent = it.client.send(CHANNEL, event, draft, { key: 'k1' });
    await pass(20_000);
    await expect(sent).resolves.toMatchObject({ seq: 2, duplicate: true, data });
    const from = { userId: 'user_1', name: 'Ann' };
    const { at } = await sent;
    expect(events.slice(1)).toEqual([
      { type: 'event', channel: CHANNEL, event, seq: 2, at, from, key: 'k1', data },
    ]);
  });

  test('joins the channel if nobody listens to it, and leaves it again', async () => {
    const it = scene();
    it.client.connect();
    const sent = say(it, 'hello');
    await pass(100);
    await expect(sent).resolves.toMatchObject({ seq: 1 });
    await pass(10_000);
    expect(it.server.requests.map(({ action }) => action)).toEqual(['status', 'join', 'send', 'leave']);
  });

  test('waits for the ones before it in the same channel', async () => {
    const it = await joinedScene();
    let inFlight = 0;
    it.server.intercept = ({ action }) => {
      if (action === 'send') expect(++inFlight).toBe(1);
      queueMicrotask(() => setTimeout(() => inFlight--, 9));
      return undefined;
    };
    const all = Promise.all(['one', 'two', 'three'].map(content => say(it, content)));
    await pass(100);
    await all;
    expect(contents(it)).toEqual(['one', 'two', 'three']);
  });

  test('fails if the server refuses it, and the next one is sent', async () => {
    const it = await joinedScene();
    it.server.intercept = frame => {
      if (frame.action === 'send' && frame['key'] === 'bad') throw new Refusal('too_large');
      return undefined;
    };
    const outcome = Promise.allSettled([say(it, 'bad', { key: 'bad' }), say(it, 'good')]);
    await pass(100);
    const [bad, good] = await outcome;
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'too_large' } });
    expect(good).toMatchObject({ status: 'fulfilled' });
    expect(contents(it)).toEqual(['good']);
  });

  test('fails if the channel refuses the user', async () => {
    const it = scene();
    it.server.intercept = ({ action }) => {
      if (action === 'join') throw new Refusal('forbidden');
      return undefined;
    };
    it.client.connect();
    const outcome = Promise.allSettled([say(it, 'hello')]);
    await pass(100);
    expect((await outcome)[0]).toMatchObject({ reason: { code: 'forbidden' } });
  });
});

describe('aborting', () => {
  test('a message in the queue: it is never sent', async () => {
    const it = scene();
    const abort = new AbortController();
    const outcome = Promise.allSettled([say(it, 'hello', { signal: abort.signal })]);
    abort.abort(new Error('changed my mind'));
    expect((await outcome)[0]).toMatchObject({ reason: { message: 'changed my mind' } });
    it.client.connect();
    await pass(1_000);
    expect(sends(it)).toHaveLength(0);
    await expect(say(it, 'again', { signal: abort.signal })).rejects.toThrow('changed my mind');
  });

  test('a message in progress: the next one is sent', async () => {
    const it = await joinedScene();
    const abort = new AbortController();
    it.server.intercept = frame => {
      if (frame['key'] === 'slow') throw new Refusal('rate_limited', 60_000);
      return undefined;
    };
    const outcome = Promise.allSettled([
      say(it, 'slow', { key: 'slow', signal: abort.signal }),
      say(it, 'next'),
    ]);
    await pass(1_000);
    abort.abort();
    await pass(100);
    const [slow, next] = await outcome;
    expect(slow).toMatchObject({ status: 'rejected' });
    expect(next).toMatchObject({ status: 'fulfilled' });
  });

  test('a history that waits for a connection', async () => {
    const it = scene();
    const abort = new AbortController();
    const outcome = Promise.allSettled([it.client.history(CHANNEL, {}, { signal: abort.signal })]);
    await pass(1_000);
    abort.abort(new Error('enough'));
    expect((await outcome)[0]).toMatchObject({ reason: { message: 'enough' } });
  });
});

describe('ephemeral events', () => {
  test('are sent at once or not at all', async () => {
    const it = scene();
    const typing = () => it.client.send(CHANNEL, 'chat.typing', { isTyping: true });
    await expect(typing()).rejects.toMatchObject({ code: 'disconnected' });
    it.client.connect();
    await pass(100);
    const sent = typing();
    await pass(100);
    await expect(sent).resolves.toMatchObject({ duplicate: false });
    expect(sends(it)[0]).not.toHaveProperty('key');
  });

  test('receipts wait for the connection', async () => {
    const it = scene();
    const acked = it.client.ack(CHANNEL, 7, 'read');
    it.client.connect();
    await pass(100);
    await expect(acked).resolves.toBe(7);
  });
});

describe("the event of the user's own message", () => {
  test('has the data that was sent over the wire, as it was at that time', async () => {
    const it = await joinedScene();
    const heard: unknown[] = [];
    it.client.subscribe(CHANNEL, event => event.event === 'chat.message' && heard.push(event.data.metadata));
    const metadata = { at: new Date(0), map: new Map([[1, 2]]), number: NaN, gone: undefined, tags: ['one'] };
    const sent = say(it, 'hello');
    const own = it.client.send(CHANNEL, 'chat.message', { content: 'x', metadata });
    metadata.tags.push('two');
    await pass(100);
    await Promise.all([sent, own]);
    const wire = { at: '1970-01-01T00:00:00.000Z', map: {}, number: null, tags: ['one'] };
    expect(heard[1]).toStrictEqual(wire);
    expect(sends(it)[1]).toMatchObject({ data: { metadata: wire } });
    expect(contents(it)).toEqual(['hello', 'x']);
  });
});
