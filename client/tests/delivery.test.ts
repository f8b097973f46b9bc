import { describe, expect, expectTypeOf, test } from 'vitest';
import type { ChannelEvent, ChatMessage, Loss, TypingIndicator } from '../src/index.js';
import { generator } from './fake/random.js';
import { CHANNEL, joinedScene, pass, scene } from './fake/setup.js';

describe('a live channel', () => {
  test('delivers events once and in order, although they are repeated and overtake each other', async () => {
    const { server, heard } = await joinedScene();
    const [one, two, three] = ['one', 'two', 'three'].map(content => server.append(CHANNEL, content));
    for (const event of [two, one, one, three, two, three]) server.post(event as object);
    await pass(100);
    expect(heard).toEqual(['one', 'two', 'three']);
    expect(server.count('history')).toBe(0);
  });

  test('reads an event that does not arrive from the log', async () => {
    const { server, heard } = await joinedScene();
    server.append(CHANNEL, 'lost');
    server.say(CHANNEL, 'heard');
    await pass(200);
    expect(heard).toEqual([]);
    await pass(200);
    expect(heard).toEqual(['lost', 'heard']);
    expect(server.count('history')).toBe(1);
  });

  test('unpacks batches', async () => {
    const { server, heard } = await joinedScene();
    const events = ['one', 'two'].map(content => server.append(CHANNEL, content));
    server.socket.deliver({ type: 'batch', events });
    await pass(10);
    expect(heard).toEqual(['one', 'two']);
  });

  test('reports events that the log has lost, and continues', async () => {
    const { server, client } = await joinedScene();
    const losses: Loss[] = [];
    const seqs: (number | undefined)[] = [];
    client.subscribe(CHANNEL, event => seqs.push(event.seq), { onLost: loss => losses.push(loss) });
    for (let i = 0; i < 5; i++) server.append(CHANNEL, `${i}`);
    server.logs.set(CHANNEL, server.log(CHANNEL).slice(3)); // 1 to 3 have expired
    server.say(CHANNEL, 'six');
    await pass(1_000);
    expect(losses).toEqual([{ after: 0, next: 4 }]);
    expect(seqs).toEqual([4, 5, 6]);
  });

  test('delivers an event that is no longer in the log', async () => {
    const { server, heard } = await joinedScene();
    server.append(CHANNEL, 'one');
    server.say(CHANNEL, 'two');
    server.logs.set(CHANNEL, []);
    await pass(1_000);
    expect(heard).toEqual(['two']);
  });

  test('reads events from the log that are too many to be held', async () => {
    const { server, heard } = await joinedScene();
    server.append(CHANNEL, 'lost');
    for (let i = 0; i < 800; i++) server.say(CHANNEL, `${i}`);
    await pass(1_000);
    expect(heard).toEqual(['lost', ...Array.from({ length: 800 }, (_, i) => `${i}`)]);
  });

  test('reads on after a page of the log on which all events have expired', async () => {
    const { server, client } = await joinedScene();
    const seqs: (number | undefined)[] = [];
    client.subscribe(CHANNEL, event => seqs.push(event.seq));
    for (let i = 0; i < 4; i++) server.append(CHANNEL, `${i}`);
    server.intercept = frame =>
      frame.action === 'history' && frame['after'] === 0 ? { events: [], more: true, next: 2 } : undefined;
    server.say(CHANNEL, 'five');
    await pass(1_000);
    expect(seqs).toEqual([3, 4, 5]);
  });

  test('joins again when the server has forgotten the membership, without a loss', async () => {
    const { server, heard } = await joinedScene();
    server.socket.channels.clear();
    server.append(CHANNEL, 'one');
    server.socket.deliver(server.append(CHANNEL, 'two'));
    await pass(1_000);
    expect(heard).toEqual(['one', 'two']);
    server.say(CHANNEL, 'three');
    await pass(100);
    expect(heard).toEqual(['one', 'two', 'three']);
  });

  test.each(Array.from({ length: 25 }, (_, seed) => seed + 1))(
    'loses nothing at random with seed %i',
    async seed => {
      const random = generator(seed);
      const { server, heard } = await joinedScene();
      const said: string[] = [];
      for (let i = 0; i < 60; i++) {
        said.push(`${i}`);
        const event = server.append(CHANNEL, `${i}`);
        const copies = Math.floor(random() * 3); // lost, posted once or twice
        for (let copy = 0; copy < copies; copy++) setTimeout(() => server.post(event), random() * 500);
        if (random() < 0.05) server.socket.cut();
        await pass(random() * 100);
      }
      await pass(60_000);
      server.say(CHANNEL, 'last'); // a lost event is noticed when the next one arrives
      await pass(60_000);
      expect(heard).toEqual([...said, 'last']);
    },
  );
});

test('the type of a handler follows from the name of its channel', () => {
  type Conversation = ChannelEvent<'conversation:c1'>;
  expectTypeOf<Extract<Conversation, { event: 'chat.message' }>['data']>().toEqualTypeOf<ChatMessage>();
  expectTypeOf<Extract<Conversation, { event: 'chat.typing' }>['data']>().toEqualTypeOf<TypingIndicator>();
  expectTypeOf<ChannelEvent<'system'>['event']>().toEqualTypeOf<'system.notification' | 'access.revoked'>();
  expectTypeOf<ChannelEvent<'user:u1'>['event']>().toEqualTypeOf<
    | 'user.notification'
    | 'app.event'
    | 'app.signal'
    | 'inbox.update'
    | 'file.ready'
    | 'file.refused'
    | 'access.revoked'
  >();
  const { client } = scene();
  // @ts-expect-error: there is no such kind of channel
  client.subscribe('chat:c1', () => {});
  // @ts-expect-error: a client publishes only on conversations
  client.send('system', 'chat.message', { content: '' }).catch(() => {});
});
