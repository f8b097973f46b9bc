import { describe, expect, test } from 'vitest';
import type { JoinInfo, Loss } from '../src/index.js';
import { CHANNEL, joinedScene, pass } from './fake/setup.js';

describe('after a lost connection', () => {
  test('missed events arrive once, before new ones', async () => {
    const { server, heard } = await joinedScene();
    server.say(CHANNEL, 'one');
    await pass(12_000);
    server.socket.cut();
    server.append(CHANNEL, 'two');
    server.append(CHANNEL, 'three');
    await pass(100);
    server.say(CHANNEL, 'four');
    await pass(100);
    expect(heard).toEqual(['one', 'two', 'three', 'four']);
  });

  test('missed events arrive even if they do not fit into one reply', async () => {
    const { server, client, heard } = await joinedScene();
    let heardWhenJoined = 0;
    client.subscribe(CHANNEL, () => {}, {
      onJoined: () => {
        heardWhenJoined = heard.length;
      },
    });
    await pass(12_000);
    server.socket.cut();
    const missed = Array.from({ length: 450 }, (_, i) => `${i}`);
    for (const content of missed) server.append(CHANNEL, content);
    await pass(1_000);
    expect(heard).toEqual(missed);
    expect(heardWhenJoined).toBe(450);
  });

  test('events that cannot be recovered are reported as lost', async () => {
    const { server, client } = await joinedScene();
    const infos: JoinInfo[] = [];
    const losses: Loss[] = [];
    client.subscribe(CHANNEL, () => {}, {
      onJoined: info => infos.push(info),
      onLost: loss => losses.push(loss),
    });
    server.say(CHANNEL, 'one');
    await pass(12_000);
    server.socket.cut();
    for (let i = 0; i < 5; i++) server.append(CHANNEL, `${i}`);
    server.logs.set(CHANNEL, server.log(CHANNEL).slice(4));
    await pass(100);
    expect(losses).toEqual([{ after: 1, next: 7 }]);
    expect(infos.map(({ head, recovered }) => ({ head, recovered }))).toEqual([
      { head: 0, recovered: true },
      { head: 6, recovered: false },
    ]);
  });

  test('a log that has restarted is followed from its new end', async () => {
    const { server, heard } = await joinedScene();
    for (let i = 0; i < 5; i++) server.say(CHANNEL, `${i}`);
    await pass(12_000);
    server.logs.clear(); // a local stack without `--data` was restarted
    server.socket.cut();
    await pass(100);
    server.say(CHANNEL, 'anew');
    await pass(1_000);
    server.say(CHANNEL, 'and on');
    await pass(1_000);
    expect(heard).toEqual(['0', '1', '2', '3', '4', 'anew', 'and on']);
  });
});

describe('the latest values', () => {
  const FUNNELS = 'funnel_updates:biz_1';
  const METRICS = 'analytics:biz_1';
  const funnel = (seq: number, progress: number) => ({
    type: 'event',
    channel: FUNNELS,
    event: 'funnel.update',
    seq,
    at: `2026-01-01T00:00:0${seq}.000Z`,
    data: {
      type: 'generation_progress',
      funnelId: 'f1',
      funnelName: 'Spring',
      progress,
      timestamp: `2026-01-01T00:00:0${seq}.000Z`,
    },
  });
  const metric = (key: string, at: number, value: number) => ({
    type: 'event',
    channel: METRICS,
    event: 'analytics.update',
    key,
    at: `2026-01-01T00:00:0${at}.000Z`,
    data: { metric: 'visits', value },
  });

  test('are delivered to each new listener, and not again after a reconnection', async () => {
    const { server, client } = await joinedScene();
    server.logs.set(FUNNELS, [funnel(1, 10), funnel(2, 20)] as never);
    server.latest.set(FUNNELS, [funnel(2, 20)] as never);
    const one: (number | undefined)[] = [];
    const two: (number | undefined)[] = [];
    client.subscribe(FUNNELS, event => event.event === 'funnel.update' && one.push(event.data.progress));
    await pass(12_000);
    expect(one).toEqual([20]);
    server.socket.cut();
    await pass(100);
    expect(one).toEqual([20]);
    server.log(FUNNELS).push(funnel(3, 30) as never);
    server.post(funnel(3, 30));
    await pass(100);
    client.subscribe(FUNNELS, event => event.event === 'funnel.update' && two.push(event.data.progress));
    await pass(100);
    expect(one).toEqual([20, 30]);
    expect(two).toEqual([30]);
  });

  test('are read page by page if they do not fit into the reply', async () => {
    const { server, client } = await joinedScene();
    const keys = ['a', 'b', 'c', 'd', 'e'];
    server.latestMax = 2;
    server.latest.set(
      METRICS,
      keys.map((key, i) => ({ ...metric(key, i, i), data: { metric: key, value: i } })) as never,
    );
    const received: string[] = [];
    client.subscribe(
      METRICS,
      event => event.event === 'analytics.update' && received.push(event.data.metric),
    );
    await pass(500);
    expect(received).toEqual(keys);
  });

  test('are delivered once if they are newer than the log when it was read', async () => {
    const { server, client } = await joinedScene();
    server.logs.set(FUNNELS, [funnel(1, 10)] as never);
    server.latest.set(FUNNELS, [funnel(2, 20)] as never);
    const received: (number | undefined)[] = [];
    client.subscribe(FUNNELS, event => event.event === 'funnel.update' && received.push(event.data.progress));
    await pass(100);
    server.log(FUNNELS).push(funnel(2, 20) as never);
    server.post(funnel(2, 20));
    await pass(100);
    expect(received).toEqual([20]);
  });

  test('are delivered once if they were written after the values and before the head were read', async () => {
    const { server, client } = await joinedScene();
    server.logs.set(FUNNELS, [funnel(1, 10)] as never); // its value is not among the latest ones yet
    const received: (number | undefined)[] = [];
    client.subscribe(FUNNELS, event => event.event === 'funnel.update' && received.push(event.data.progress));
    await pass(100);
    expect(received).toEqual([]);
    for (let times = 0; times < 2; times++) server.post(funnel(1, 10)); // posts are repeated
    await pass(100);
    expect(received).toEqual([10]);
    server.log(FUNNELS).push(funnel(2, 20) as never);
    server.post(funnel(2, 20));
    server.post(funnel(1, 10)); // and are late
    await pass(100);
    expect(received).toEqual([10, 20]);
  });

  test('are delivered once if they arrive before the reply to the join that lacks them', async () => {
    const { server, client } = await joinedScene();
    server.logs.set(FUNNELS, [funnel(1, 10)] as never);
    const received: (number | undefined)[] = [];
    client.subscribe(FUNNELS, event => event.event === 'funnel.update' && received.push(event.data.progress));
    server.post(funnel(1, 10));
    await pass(100);
    server.post(funnel(1, 10));
    await pass(100);
    expect(received).toEqual([10]);
  });

  test('of a metric are delivered once, and older ones never', async () => {
    const { server, client } = await joinedScene();
    server.latest.set(METRICS, [metric('a', 1, 1)] as never);
    const values: number[] = [];
    client.subscribe(METRICS, event => event.event === 'analytics.update' && values.push(event.data.value));
    await pass(100);
    server.post(metric('c', 3, 3));
    server.post(metric('b', 2, 2)); // arrives late
    server.post(metric('c', 4, 3)); // the same event, put on the bus again
    server.post(metric('d', 5, 4));
    await pass(100);
    expect(values).toEqual([1, 3, 4]);
  });
});
