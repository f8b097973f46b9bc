/** Calls as those see them who take no part in them: while they are live, and in the log. */

import { expect, test } from 'vitest';
import { watchCalls } from '../../src/calls/index.js';
import { Conversation } from '../../src/conversation/conversation.js';
import type { Call } from '../../src/index.js';
import { pass, two, watchRejections } from './setting.js';

watchRejections();

test('each change of a call is told once and in order, also to who comes later', async () => {
  const { ann, bob, server } = await two();
  const told: string[] = [];
  const tell = ({ state, participants }: Call) =>
    told.push(`${state} ${participants.filter(of => of.state === 'joined').length}`);
  watchCalls(bob.client, 'conversation:c1', tell);
  await pass(100);
  ann.call.start();
  await pass(100);
  const late: string[] = [];
  const stop = watchCalls(bob.client, 'conversation:c1', ({ state }) => late.push(state));
  await pass(100);
  bob.call.accept();
  await pass(100);
  const { latest } = server;
  for (const event of latest.get('conversation:c1') ?? []) server.post(event); // a repeat
  await pass(100);
  stop();
  ann.call.hangUp();
  await pass(100);
  expect(told).toEqual(['ringing 1', 'active 2', 'ended 1']);
  expect(late).toEqual(['ringing', 'active']);
});

test('a call that is over has its line among the messages, live and in a page', async () => {
  const { ann, server } = await two();
  const record = {
    callId: 'call-1',
    state: 'ended',
    media: 'video',
    startedBy: 'user_2',
    durationMs: 61_000,
  };
  const line = { event: 'chat.call', from: undefined, data: record } as never;
  server.append('conversation:c1', 'Hello');
  server.append('conversation:c1', '', line);
  const conversation = new Conversation(ann.client, 'c1', 20);
  const stop = conversation.start();
  await pass(100);
  server.post(server.append('conversation:c1', '', line));
  await pass(1_000); // the two before it were not posted, so they are read from the log
  const { messages } = conversation.store.get();
  const shown = { type: 'system', content: '', userId: 'user_2', status: 'sent', call: record };
  expect(messages).toMatchObject([{ content: 'Hello' }, shown, shown]);
  expect(messages[1]?.timestamp).toBeInstanceOf(Date);
  stop();
});
