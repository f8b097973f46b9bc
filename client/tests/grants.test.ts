/** The grants with which channels are joined when the subscription that brought them has ended. */

import { expect, test } from 'vitest';
import { joinedScene, pass } from './fake/setup.js';

test('a channel that was let go is not joined without the grant of its last listener', async () => {
  const it = await joinedScene();
  const grants: unknown[] = [];
  it.server.intercept = frame => {
    if (frame.action === 'join' && frame['channel'] === 'conversation:granted') grants.push(frame['grant']);
    return undefined;
  };
  const grant = () => 'good';
  const { unsubscribe } = it.client.subscribe('conversation:granted', () => {}, { grant });
  await pass(100);
  unsubscribe();
  it.server.socket.cut();
  await pass(4_000);
  expect(it.server.sockets).toHaveLength(2);
  expect(grants).toEqual(['good']);
  const again = it.client.subscribe('conversation:granted', () => {}, { grant });
  await pass(100);
  await again.joined;
  expect(grants).toEqual(['good', 'good']);
});

test('a message that outlives its subscription is sent with the grant of that', async () => {
  const it = await joinedScene();
  const grants: unknown[] = [];
  it.server.intercept = frame => {
    if (frame.action === 'join' && frame['channel'] === 'conversation:granted') grants.push(frame['grant']);
    return undefined;
  };
  const { unsubscribe } = it.client.subscribe('conversation:granted', () => {}, { grant: () => 'good' });
  await pass(100);
  it.server.socket.cut();
  const sent = it.client.send('conversation:granted', 'chat.message', { content: 'bye' });
  unsubscribe();
  await pass(4_000);
  expect(await sent).toMatchObject({ seq: 1 });
  expect(grants).toEqual(['good', 'good']);
});
