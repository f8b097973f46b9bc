/**
 * A conversation on a bad network, at random from a seed: others write, edit, delete and react, the user does too, sockets are
 * cut, frames and replies are late or lost, and older pages are loaded. In the end the list equals the log, and nothing of
 * the user's own is left over.
 */

import { expect, test } from 'vitest';
import { Conversation } from '../src/conversation/conversation.js';
import type { ConversationMessage } from '../src/react/index.js';
import { canonical, chatter, expectedOf } from './fake/chatter.js';
import { generator } from './fake/random.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, pass, scene, watchRejections } from './fake/setup.js';

const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 30);
const FIRST_SEED = Number(process.env['FUZZ_FIRST_SEED'] ?? 1);
const STEPS = 60;

watchRejections();

test.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))('seed %i', async seed => {
  const random = generator(seed);
  const { server, client } = scene();
  let isCalm = false;
  const chance = (rate: number) => !isCalm && random() < rate;
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  server.delay = () => (chance(0.3) ? random() * 900 : 0);
  server.losesReply = () => chance(0.03);
  server.intercept = ({ action }) => {
    if (action !== 'status' && chance(0.04)) throw new Refusal(chance(0.5) ? 'internal' : 'rate_limited');
    return undefined;
  };
  const post = server.post.bind(server);
  server.post = (event, except) => {
    const copies = chance(0.1) ? upTo(2) : 1; // a post is lost, repeated or late
    for (let i = 0; i < copies; i++) setTimeout(() => post(event, except), chance(0.2) ? random() * 900 : 0);
  };
  for (let i = upTo(40); i > 0; i--) chatter(server, CHANNEL, random);

  const conversation = new Conversation(client, 'c1', 5);
  let stop = conversation.start();
  client.connect();
  const settled: Promise<unknown>[] = [];
  const act = (): Promise<unknown> => {
    const { messages } = conversation.store.get();
    const message = messages.filter(({ status }) => status === 'sent').at(-1 - upTo(5));
    const dice = random();
    if (!message || dice < 0.4) return conversation.send(`mine ${dice}`, { replyTo: message });
    if (dice < 0.6) return conversation.edit(message, `edited ${dice}`);
    if (dice < 0.9) return conversation.react(message, '👍', chance(0.6));
    return conversation.remove(message);
  };
  for (let i = 0; i < STEPS; i++) {
    const dice = random();
    if (dice < 0.5) chatter(server, CHANNEL, random);
    else if (dice < 0.75) settled.push(act());
    else if (dice < 0.88) void conversation.loadOlder();
    else if (dice < 0.97) server.sockets.at(-1)?.cut();
    else {
      stop(); // the component is mounted anew
      stop = conversation.start();
    }
    await pass(upTo(dice < 0.1 ? 6_000 : 150));
  }
  isCalm = true;
  await pass(100_000);
  server.say(CHANNEL, 'the last word'); // which shows the client what it has missed
  await pass(5_000);
  await Promise.all(settled);
  for (let pages = 0; conversation.store.get().hasOlder && pages < 99; pages++) {
    void conversation.loadOlder();
    await pass(1_000);
  }
  const shown = conversation.store.get().messages.map(wire);
  expect(shown).toEqual(expectedOf(server, CHANNEL));
  stop();
});

/** What the server has of a message. That a change of it was rejected does not count. */
function wire({ key: _, status, change, error, ...message }: ConversationMessage): string {
  expect([status, change === 'sending', change === 'failed']).toEqual(['sent', false, error !== undefined]);
  return canonical(message);
}
