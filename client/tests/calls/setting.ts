/** The start of the tests of calls: a server, and people with browsers of their own. */

import { afterEach } from 'vitest';
import { type ConversationCall, type CreateCallOptions, createCall } from '../../src/calls/index.js';
import { type Client, createClient } from '../../src/index.js';
import { FakeBrowser } from '../fake/browser.js';
import { CallServer } from '../fake/call-server.js';
import { CHANNEL, pass } from '../fake/setup.js';
import { Ether } from '../fake/web-rtc.js';

export { pass, watchRejections } from '../fake/setup.js';

/** A page of a user. */
export interface Person {
  readonly userId: string;
  readonly client: Client;
  readonly browser: FakeBrowser;
  readonly call: ConversationCall;
  /** Every state that the call has had, without those that repeat the one before. */
  readonly phases: string[];
}

export interface Scene {
  readonly server: CallServer;
  readonly ether: Ether;
  /** Opens a page for a user; `browser` is that of a page before. */
  person(userId: string, options?: CreateCallOptions, browser?: FakeBrowser): Person;
}

const people: Person[] = [];

export function scene(): Scene {
  const server = new CallServer();
  const ether = new Ether();
  return {
    server,
    ether,
    person(userId, options = {}, browser = new FakeBrowser(ether)) {
      const client = createClient({ url: 'wss://fake.test/dev', environment: server.environmentOf(userId) });
      const call = createCall(client, CHANNEL, { environment: browser.environment, ...options });
      const phases: string[] = [];
      call.store.subscribe(() => {
        const { state, reason, direction } = call.store.get();
        const phase = state === 'ended' ? `ended: ${reason}` : state === 'ringing' ? `${direction}` : state;
        if (phase !== 'idle' && phases.at(-1) !== phase) phases.push(phase);
      });
      const person = { userId, client, browser, call, phases };
      people.push(person);
      client.connect();
      return person;
    },
  };
}

/** The browser of a person crashes: nobody is told. */
export function crash({ call, client }: Person): void {
  call.unfollow();
  client.close();
}

/** Two people who have joined the conversation. */
export async function two() {
  const it = scene();
  const [ann, bob] = [it.person('user_1'), it.person('user_2')];
  await pass(100);
  return { ...it, ann, bob };
}

/** Two people in a call. */
export async function inCall(video = false) {
  const it = await two();
  it.ann.call.start({ video });
  await pass(100);
  it.bob.call.accept({ video });
  await pass(500);
  return it;
}

afterEach(() => {
  for (const { call, client } of people.splice(0)) {
    call.close();
    client.close();
  }
});
