/** Users who write, edit, delete, react and read at random, as far as the server lets them. */

import type { AnyEvent, ChatMessage, Sender } from '../../src/index.js';
import { Refusal } from './refusal.js';
import type { FakeServer } from './server.js';

const USERS: readonly Sender[] = ['user_2', 'user_3', 'user_4'].map(userId => ({ userId, name: userId }));
const EMOJIS = ['👍', '🎉', '🙂'];
/** Longer than an excerpt, of characters of one and of two UTF-16 units. */
const TEXTS = ['hello', 'x🎉'.repeat(60), '🎉'.repeat(80), 'é'.repeat(81)];

type Pick = <T>(of: readonly T[]) => T;

/** Lets something happen in a channel; whatever the server refuses does not happen. */
export function chatter(server: FakeServer, channel: string, random: () => number): void {
  const pick: Pick = of => of[Math.floor(random() * of.length)] as never;
  const seqs = server.log(channel).flatMap(({ event, seq }) => (event === 'chat.message' ? [seq ?? 0] : []));
  const from = pick(USERS);
  const dice = random();
  try {
    if (seqs.length === 0 || dice < 0.25)
      server.post(server.append(channel, '', written(server, from, seqs, pick)));
    else if (dice < 0.3 && server.files.size > 0) examine(server, pick);
    else if (dice < 0.33) server.read(channel, from.userId, pick(seqs));
    else change(server, channel, pick(seqs.slice(-6)), from, pick);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

function written(server: FakeServer, from: Sender, seqs: readonly number[], pick: Pick): object {
  const replyTo = pick([undefined, undefined, ...seqs.slice(-8)]);
  const metadata = pick([undefined, { a: 1 }]);
  const mentions = pick([undefined, undefined, ['user_3']]);
  const id = `file_${server.files.size + 1}`;
  const attachments = pick([undefined, undefined, [id]]);
  if (attachments) server.files.set(id, { id, name: 'a', type: 'image/png', bytes: 1, state: 'checking' });
  const draft = { content: pick(TEXTS), metadata, mentions, replyTo, attachments };
  return {
    from,
    draft: Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined)),
  };
}

function examine(server: FakeServer, pick: Pick): void {
  const found = pick([{ state: 'ready' as const, width: 3, height: 2 }, { state: 'refused' as const }]);
  server.examine(pick([...server.files.keys()]), found);
}

function change(server: FakeServer, channel: string, target: number, from: Sender, pick: Pick): void {
  const { userId } = (server.shown(channel, target) as AnyEvent).data as ChatMessage;
  const author = userId === undefined ? from : { userId, name: userId };
  const name = pick(['chat.edit', 'chat.edit', 'chat.reaction', 'chat.reaction', 'chat.reaction', 'other']);
  if (name === 'chat.edit') {
    const metadata = pick([undefined, { b: pick([1, 2, 3]) }]);
    server.change(channel, name, { target, content: pick(TEXTS), ...(metadata && { metadata }) }, author);
  } else if (name === 'chat.reaction') {
    server.change(channel, name, { target, emoji: pick(EMOJIS), on: pick([true, true, false]) }, from);
  } else if (pick([true, false, false])) {
    server.change(channel, 'chat.delete', { target }, author);
  }
}

/** A message in a form that is the same whatever the order of its fields. */
export function canonical(message: object): string {
  return JSON.stringify(message, (_, value) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** What a list of messages must be in the end: what the log has, as it is now. */
export function expectedOf(server: FakeServer, channel: string, from = 0): string[] {
  const messages = server
    .shown(channel)
    .filter(({ event, seq = 0 }) => event === 'chat.message' && seq >= from);
  return messages.map(({ seq, data }) => canonical({ ...data, seq }));
}
