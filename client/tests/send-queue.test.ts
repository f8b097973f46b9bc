import { describe, expect, test } from 'vitest';
import type { Sent } from '../src/index.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, contents, joinedScene, pass, say, scene, sends } from './fake/setup.js';

describe('a send whose reply is lost', () => {
  test('is repeated with a base just before its place in the log, as it may not have been posted', async () => {
    const it = await joinedScene();
    await pass(12_000);
    let cuts = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action === 'send' && cuts++ === 0) queueMicrotask(() => socket?.cut());
      return undefined;
    };
    const sent = say(it, 'hello', { key: 'k1' });
    await pass(100);
    await expect(sent).resolves.toMatchObject({ seq: 1, key: 'k1', duplicate: true });
    expect(sends(it).map(({ base }) => base)).toEqual([undefined, 0]);
    expect(it.heard).toEqual(['hello']);
  });

  test('is repeated with the same key, and the new head as its base', async () => {
    const it = await joinedScene();
    await pass(12_000);
    let cuts = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action !== 'send' || cuts++ > 0) return undefined;
      socket?.cut();
      it.server.append(CHANNEL, 'meanwhile');
      throw new Refusal('internal'); // not in the log
    };
    const sent = say(it, 'hello');
    await pass(100);
    await expect(sent).resolves.toMatchObject({ seq: 2, duplicate: false });
    expect(sends(it).map(({ base }) => base)).toEqual([0, 1]);
    expect(new Set(sends(it).map(({ key }) => key)).size).toBe(1);
    expect(it.heard).toEqual(['meanwhile', 'hello']);
  });

  test('keeps its base if the events that may include it are lost', async () => {
    const it = await joinedScene();
    it.server.say(CHANNEL, 'one');
    await pass(12_000);
    let cuts = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action !== 'send' || cuts++ > 0) return undefined;
      socket?.cut();
      for (let i = 0; i < 5; i++) it.server.append(CHANNEL, `${i}`);
      it.server.logs.set(CHANNEL, it.server.log(CHANNEL).slice(4));
      throw new Refusal('internal');
    };
    const sent = say(it, 'hello');
    await pass(100);
    await expect(sent).resolves.toMatchObject({ seq: 7 });
    expect(sends(it).map(({ base }) => base)).toEqual([1, 1]);
  });

  test('is found by the second attempt if the first one arrives late', async () => {
    const it = await joinedScene();
    await pass(12_000);
    let tries = 0;
    it.server.intercept = (frame, socket) => {
      if (frame.action !== 'send' || ++tries > 1) return undefined;
      socket?.cut();
      setTimeout(() => {
        // Its Lambda function finished after the client had recovered, and before the second attempt.
        it.server.append(CHANNEL, 'hello', { key: 'k1', from: { userId: 'user_1', name: 'Ann' } });
      }, 17);
      throw new Refusal('internal');
    };
    const sent = say(it, 'hello', { key: 'k1' });
    await pass(1_000);
    await expect(sent).resolves.toMatchObject({ seq: 1, duplicate: true });
    expect(contents(it)).toEqual(['hello']);
    expect(it.heard).toEqual(['hello']);
  });

  test('is not settled by a message of another user with the same key', async () => {
    const it = await joinedScene();
    await pass(12_000);
    let cuts = 0;
    it.server.intercept = ({ action }, socket) => {
      if (action !== 'send' || cuts++ > 0) return undefined;
      socket?.cut();
      it.server.append(CHANNEL, 'theirs', { key: 'order-1' });
      throw new Refusal('internal');
    };
    const sent = say(it, 'ours', { key: 'order-1' });
    await pass(100);
    await expect(sent).resolves.toMatchObject({ seq: 2, duplicate: false });
    expect(contents(it)).toEqual(['theirs', 'ours']);
  });
});

describe('a server that fails for a while', () => {
  test.each(['rate_limited', 'internal'])('gets the request again after `%s`', async code => {
    const it = await joinedScene();
    let refusals = 0;
    it.server.intercept = ({ action }) => {
      if (action === 'send' && ++refusals < 3) throw new Refusal(code, 250);
      return undefined;
    };
    const sent = say(it, 'hello');
    await pass(5_000);
    await expect(sent).resolves.toMatchObject({ seq: 1 });
    expect(new Set(sends(it).map(({ key }) => key)).size).toBe(1);
    expect(sends(it)).toHaveLength(3);
  });

  test('fails the send in the end', async () => {
    const it = await joinedScene();
    it.server.intercept = ({ action }) => {
      if (action === 'send') throw new Refusal('internal');
      return undefined;
    };
    const outcome = Promise.allSettled([say(it, 'hello')]);
    await pass(120_000);
    expect((await outcome)[0]).toMatchObject({ reason: { code: 'internal' } });
    expect(sends(it)).toHaveLength(8);
  });

  test('gets the request again if it never replies', async () => {
    const it = await joinedScene();
    let tries = 0;
    it.server.losesReply = ({ action }) => action === 'send' && ++tries === 1;
    const sent = say(it, 'hello', { key: 'k1' });
    await pass(20_000);
    await expect(sent).resolves.toMatchObject({ seq: 1, duplicate: true });
    expect(contents(it)).toEqual(['hello']);
  });

  test('gets the request again after an error of API Gateway that names no request', async () => {
    const it = await joinedScene();
    let tries = 0;
    it.server.losesReply = ({ action }) => {
      if (action !== 'send' || ++tries > 1) return false;
      it.server.socket.deliver({ message: 'Internal server error', connectionId: 'c', requestId: 'r' });
      return true;
    };
    const sent = say(it, 'hello', { key: 'k1' });
    await pass(2_000);
    await expect(sent).resolves.toMatchObject({ seq: 1, duplicate: true });
    expect(contents(it)).toEqual(['hello']);
  });

  test('gets the request again after `conflict`, when the client has caught up', async () => {
    const it = await joinedScene();
    let refusals = 0;
    it.server.intercept = ({ action }) => {
      if (action !== 'send' || refusals++ > 0) return undefined;
      for (let i = 0; i < 3; i++) it.server.append(CHANNEL, `${i}`); // which the client does not receive
      throw new Refusal('conflict');
    };
    const sent = say(it, 'hello');
    await pass(1_000);
    await expect(sent).resolves.toMatchObject({ seq: 4 });
    expect(sends(it).map(({ base }) => base)).toEqual([0, 3]);
    expect(it.heard).toEqual(['0', '1', '2', 'hello']);
  });

  test('gets the request again after `not_joined`, when the channel has been joined', async () => {
    const it = await joinedScene();
    it.server.socket.channels.clear();
    const sent = say(it, 'hello');
    await pass(1_000);
    await expect(sent).resolves.toMatchObject({ seq: 1 });
    expect(it.server.count('join')).toBe(2);
  });
});

describe('the send queue', () => {
  test('has a limit', async () => {
    const it = scene({ outboxLimit: 2 });
    const waiting = [say(it, 'one'), say(it, 'two')];
    await expect(say(it, 'three')).rejects.toMatchObject({ code: 'outbox_full' });
    it.client.connect();
    await pass(100);
    await Promise.all(waiting);
    const four = say(it, 'four');
    await pass(100);
    await expect(four).resolves.toMatchObject({ seq: 3 });
  });

  test('rejects its messages on close(), with the reason', async () => {
    const it = scene();
    it.server.door = 'closed';
    it.client.connect();
    const outcome = Promise.allSettled([say(it, 'one'), it.client.history(CHANNEL)]);
    await pass(1_000);
    it.client.close('the user left');
    const [send, history] = await outcome;
    expect(send).toMatchObject({ reason: { code: 'closed', message: 'the user left' } });
    expect(history).toMatchObject({ reason: { code: 'closed' } });
  });

  test('survives any number of connections, and sends each message once', async () => {
    const it = await joinedScene();
    let requests = 0;
    it.server.intercept = (_, socket) => {
      if (++requests % 7 === 0) queueMicrotask(() => socket?.cut());
      return undefined;
    };
    const sent: Promise<Sent>[] = [];
    for (let i = 0; i < 30; i++) sent.push(say(it, `${i}`));
    await pass(300_000);
    const seqs = (await Promise.all(sent)).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(contents(it)).toEqual(Array.from({ length: 30 }, (_, i) => `${i}`));
    expect(it.heard).toEqual(contents(it));
    expect(it.server.sockets.length).toBeGreaterThan(5);
  });
});
