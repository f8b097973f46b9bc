/** An inbox of a fake server, which has pages of two conversations. */

import {
  createClient,
  Inbox,
  type InboxChannel,
  type InboxEntry,
  type InboxUpdate,
} from '../../src/index.js';
import type { Frame } from './requests.js';
import { FakeServer } from './server.js';

export const ME = 'user_1';
export const TEAM: InboxChannel = 'inbox:biz_1';

export const entry = (conversationId: string, n: number, readN = 0): InboxEntry => ({
  conversationId,
  companyId: 'biz_1',
  participants: ['user_2'],
  n,
  readN,
  unread: Math.min(n - readN, 100),
});

/** A server with these conversations, in pages of two, and an inbox that follows them. */
export function scene(conversations: InboxEntry[], channel: InboxChannel = TEAM) {
  const server = new FakeServer();
  server.intercept = (frame: Frame) => {
    if (frame.action === 'ack') return { seq: frame['seq'], readN: frame['seq'] };
    if (frame.action !== 'inbox') return undefined;
    const from = Number(frame['cursor'] ?? 0);
    const to = from + Number(frame['limit']);
    return { conversations: conversations.slice(from, to), ...(conversations[to] && { next: `${to}` }) };
  };
  const client = createClient({ url: 'wss://fake.test/dev', environment: server.environment });
  client.connect();
  const inbox = new Inbox(client, channel, 2);
  const stop = inbox.start();
  let second = 10;
  const update = (data: InboxUpdate, to: string = channel, at = `2026-11-23T10:00:${second++}.000Z`) =>
    server.post({ type: 'event', channel: to, event: 'inbox.update', at, data });
  const shown = () =>
    inbox.store.get().conversations.map(({ conversationId, unread }) => `${conversationId} ${unread}`);
  return { server, client, inbox, stop, update, shown };
}

export const said = (conversationId: string, n: number, userId: string, excerpt = 'hello'): InboxUpdate => ({
  conversationId,
  companyId: 'biz_1',
  n,
  last: { seq: n, at: '2026-11-23T10:00:00.000Z', from: { userId, name: 'Ann' }, excerpt },
});
