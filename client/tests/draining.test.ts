import { describe, expect, test } from 'vitest';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, contents, joinedScene, pass, say, scene } from './fake/setup.js';

describe('drain', () => {
  test('delivers the queued messages, and then closes', async () => {
    const it = await joinedScene();
    const sent = Promise.all([say(it, 'one'), say(it, 'two')]);
    const drained = it.client.drain({ reason: 'the page went' });
    expect(it.client.state).toBe('connected');
    await pass(100);
    await expect(drained).resolves.toEqual([]);
    await sent;
    expect(contents(it)).toEqual(['one', 'two']);
    expect(it.client.state).toBe('closed');
    expect(it.client.error).toMatchObject({ code: 'closed', message: 'the page went' });
  });

  test('closes at once if the queue is empty, or nothing can be delivered', async () => {
    const it = await joinedScene();
    void it.client.drain();
    expect(it.client.state).toBe('closed');
    const idle = scene();
    const outcome = Promise.allSettled([say(idle, 'one', { key: 'k1' })]);
    const drained = idle.client.drain();
    await pass(10);
    await expect(drained).resolves.toMatchObject([
      { channel: CHANNEL, key: 'k1', data: { content: 'one' }, error: { code: 'closed' } },
    ]);
    expect((await outcome)[0]).toMatchObject({ reason: { code: 'closed' } });
  });

  test('returns the messages that were refused, and those for which the time was too short', async () => {
    const it = await joinedScene();
    it.server.intercept = frame => {
      if (frame.action === 'send') throw new Refusal(frame['key'] === 'bad' ? 'forbidden' : 'rate_limited');
      return undefined;
    };
    const sent = Promise.allSettled([say(it, 'bad', { key: 'bad' }), say(it, 'slow', { key: 'slow' })]);
    const drained = it.client.drain({ timeoutMs: 2_000 });
    await pass(1_900);
    expect(it.client.state).toBe('connected');
    await pass(200);
    expect((await drained).map(({ key, error }) => [key, error.code])).toEqual([
      ['bad', 'forbidden'],
      ['slow', 'closed'],
    ]);
    expect((await sent).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  test('survives a lost connection', async () => {
    const it = await joinedScene();
    await pass(12_000);
    let cuts = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action === 'send' && cuts++ === 0) queueMicrotask(() => socket?.cut());
      return undefined;
    };
    void say(it, 'one');
    const drained = it.client.drain();
    await pass(1_000);
    await expect(drained).resolves.toEqual([]);
    expect(contents(it)).toEqual(['one']);
  });

  test('tells of the messages that it has lost, though another one was cancelled in the same moment', async () => {
    const it = scene();
    it.server.door = 'closed';
    void say(it, 'one').catch(() => {});
    const first = it.client.drain();
    it.client.connect();
    const last = it.client.drain({ timeoutMs: 1_000 });
    await pass(2_000);
    await expect(first).resolves.toEqual([]);
    await expect(last).resolves.toMatchObject([{ error: { code: 'closed' } }]);
  });

  test('is cancelled by connect(), and may start again', async () => {
    const it = await joinedScene();
    void say(it, 'one');
    const first = it.client.drain();
    it.client.connect();
    const second = say(it, 'two');
    await pass(100);
    await expect(first).resolves.toEqual([]);
    await second;
    expect(it.client.state).toBe('connected');
    void say(it, 'three');
    const last = it.client.drain();
    expect(it.client.drain()).toBe(last);
    await pass(100);
    await last;
    expect(it.client.state).toBe('closed');
    expect(contents(it)).toEqual(['one', 'two', 'three']);
  });
});

describe('renderKey', () => {
  test('is the key of the draft for an own message, and no other user can claim it', async () => {
    const it = await joinedScene();
    const keys: string[] = [];
    it.client.subscribe(CHANNEL, event => keys.push(it.client.renderKey(event)));
    it.server.post(it.server.append(CHANNEL, 'theirs', { key: 'k1' })); // by another user with the same key
    void say(it, 'ours', { key: 'k1' });
    await pass(100);
    it.server.post(it.server.append(CHANNEL, 'theirs again', { key: 'k1' }));
    it.server.post(it.server.append(CHANNEL, 'no key', { key: undefined as never }));
    await pass(100);
    expect(keys).toEqual(['#1', 'k1', '#3', '#4']);
    const page = it.client.history(CHANNEL);
    await pass(100);
    expect((await page).events.map(event => it.client.renderKey(event))).toEqual(keys);
  });

  test('is the key of the draft for a message that was abandoned and arrived nevertheless', async () => {
    const it = await joinedScene();
    it.server.losesReply = ({ action }) => action === 'send';
    const outcome = Promise.allSettled([say(it, 'ours', { key: 'k1' })]);
    await pass(100);
    it.client.close();
    await outcome;
    it.client.connect();
    await pass(100);
    const page = it.client.history(CHANNEL);
    await pass(100);
    expect((await page).events.map(event => it.client.renderKey(event))).toEqual(['k1']);
  });
});
