/** The types of the app's own events: those that this file declares, as an app does. */

import { describe, expectTypeOf, test } from 'vitest';
import { type AppEventData, type AppEventName, type ChannelEvent, createClient } from '../src/index.js';
import { appEvent, appSignal } from '../src/server/index.js';
import { FakeServer } from './fake/server.js';

declare module '../src/index.js' {
  interface AppEvents {
    'poll.vote': { option: number };
    cursor: { x: number; y: number };
    'poll.closed': undefined;
  }
}

type RoomEvent = ChannelEvent<'room:lobby'>;

describe('the compiler knows', () => {
  const client = createClient({ url: 'wss://fake.test', environment: new FakeServer().environment });
  const send = client.send.bind(client);
  type Data = Extract<RoomEvent, { event: 'app.event' }>['data'];

  test('the names and payloads', () => {
    expectTypeOf<AppEventName>().toEqualTypeOf<'poll.vote' | 'cursor' | 'poll.closed'>();
    expectTypeOf<Data>().toEqualTypeOf<AppEventData>();
    expectTypeOf<Extract<Data, { name: 'poll.vote' }>['payload']>().toEqualTypeOf<{ option: number }>();
    expectTypeOf<AppEventData<'poll.closed'>>().toEqualTypeOf<{ name: 'poll.closed'; payload?: undefined }>();
    expectTypeOf<ChannelEvent<'experience:e'>['event']>().toEqualTypeOf<RoomEvent['event']>();
    for (const channel of ['room:r', 'experience:e', 'company:b', 'user:u'] as const) {
      client.subscribe(channel, event => {
        if (event.event !== 'app.signal' || event.data.name !== 'cursor') return;
        expectTypeOf(event.data.payload).toEqualTypeOf<{ x: number; y: number }>();
      });
    }
  });

  test('what a client may publish, and where', () => {
    const id: string = 'lobby';
    const settled = [
      send(`room:${id}`, 'app.signal', { name: 'poll.closed' }),
      // @ts-expect-error: chat has conversations
      send('room:lobby', 'chat.message', { content: 'Hello!' }),
      // @ts-expect-error: the app's own events have rooms
      send('conversation:c1', 'app.event', { name: 'poll.closed' }),
      // @ts-expect-error: only the backend publishes there
      send('experience:exp_1', 'app.event', { name: 'poll.closed' }),
      // @ts-expect-error: there is no such event
      send('room:lobby', 'app.event', { name: 'poll.vot', payload: { option: 1 } }),
      // @ts-expect-error: the payload is missing
      send('room:lobby', 'app.event', { name: 'poll.vote' }),
      // @ts-expect-error: the payload is that of another event
      send('room:lobby', 'app.event', { name: 'poll.vote', payload: { x: 1, y: 2 } }),
      // @ts-expect-error: the payload has a wrong type
      send('room:lobby', 'app.event', { name: 'poll.vote', payload: { option: 'one' } }),
    ];
    for (const promise of settled) promise.catch(() => {}); // closed below
    client.close();
  });

  test('what a backend publishes, and where', () => {
    appEvent('experience:exp_1', 'poll.closed');
    appSignal('user:user_1', 'cursor', { x: 1, y: 2 });
    const wrong = [
      // @ts-expect-error: the payload is missing
      () => appEvent('room:lobby', 'poll.vote'),
      // @ts-expect-error: the payload is that of another event
      () => appEvent('room:lobby', 'poll.vote', { x: 1, y: 2 }),
      // @ts-expect-error: there is no such event
      () => appEvent('room:lobby', 'poll.vot', { option: 1 }),
      // @ts-expect-error: chat has no events of the app's own
      () => appEvent('conversation:c1', 'poll.closed'),
    ];
    expectTypeOf(wrong).toExtend<(() => unknown)[]>();
  });
});
