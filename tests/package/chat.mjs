// Two users chat through a stack, with the packed client. Their tokens are signed with TOKEN_KEY, as an app's backend does it.
// usage: node chat.mjs WEBSOCKET_URL ISSUER MESSAGES_BEFORE
import assert from 'node:assert/strict';
import { createClient } from 'funnelcast';
import { createTokenIssuer } from 'funnelcast/server';
import { WebSocket } from 'ws'; // Node 20 has no WebSocket of its own

const CONVERSATION = 'conversation:conv-123';
const [url, iss, messagesBefore] = process.argv.slice(2);
const issuer = createTokenIssuer({ iss, aud: 'funnelcast', alg: 'ES256', key: process.env.TOKEN_KEY });

/** Connects a participant, and collects what they receive. */
async function join(id, name) {
  const client = createClient({
    url,
    token: () => issuer.token({ id, name }),
    environment: { WebSocket },
  });
  const failed = new Promise((_, reject) => client.on('state', ({ error }) => error && reject(error)));
  failed.catch(() => {});
  client.connect();
  const received = [];
  // The conversation may have been set only just now, so a refusal is retried.
  const deadline = Date.now() + 10_000;
  for (;;) {
    const subscription = client.subscribe(CONVERSATION, event => {
      if (event.event === 'chat.message') received.push(event.data.content);
    });
    try {
      await Promise.race([subscription.joined, failed]);
      return { client, received };
    } catch (error) {
      if (error.code !== 'forbidden' || Date.now() > deadline) throw error;
    }
  }
}

async function until(what, condition) {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert(Date.now() < deadline, `${what}: not within 10 s`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

const [ann, bob] = [await join('user_1', 'Ann'), await join('user_2', 'Bob')];
const page = await ann.client.history(CONVERSATION, { limit: 100 });
assert.equal(page.events.length, Number(messagesBefore), 'earlier messages are kept');
await ann.client.send(CONVERSATION, 'chat.message', { content: 'Hello, Bob!' });
await until("Ann's message", () => bob.received.at(-1) === 'Hello, Bob!');
await bob.client.send(CONVERSATION, 'chat.message', { content: 'Hello, Ann!' });
await until("Bob's message", () => ann.received.at(-1) === 'Hello, Ann!');
ann.client.close();
bob.client.close();
console.log(`Ann and Bob have talked, by tokens of ${iss}`);
