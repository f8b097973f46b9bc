/**
 * The app's backend: it says who takes part in a conversation, and publishes what has happened. The stack delivers that to
 * everybody who may receive it.
 *
 * `funnelcast/server` makes the events. A real backend puts them on the bus with `realTimeUpdates.send(update)`. A page has
 * no AWS credentials, so the local stack does it here.
 *
 * @module
 */

import { chatMessage, type Update } from 'funnelcast/server';
import { stamped } from './chat/latency.js';
import type { Customer, Room, Who } from './room.js';
import { type BusEvent, getToken, putEvent } from './stack.js';

/** Dispatches an event `put` for the console whenever something is put on the bus, with a `BusEvent` as its `detail`. */
export const bus = new EventTarget();

/** Puts an event on the bus. */
export async function put(event: BusEvent | Update): Promise<void> {
  const published = 'detail' in event ? event : { detailType: event.detailType ?? '', detail: event.data };
  bus.dispatchEvent(new CustomEvent('put', { detail: published }));
  await putEvent(published);
}

/** Sets who takes part in the conversations of the room, by HTTP, which answers when it is done. Nobody may join before. */
export async function openConversations({ companyId, merchant, customers }: Room): Promise<void> {
  const backend = { id: 'backend', name: 'Backend', companies: [{ id: companyId, role: 'backend' }] };
  const token = await getToken(backend);
  for (const { id, conversationId } of customers) {
    const body = { companyId, participants: [merchant.id, id] };
    // `conflict`: another page has set the same just now, which will do.
    await call('PUT', `/api/conversations/${conversationId}`, token, body, 409);
  }
}

/**
 * Sends a message by HTTP, as the app of a user without a socket does. A key that was sent before adds nothing.
 *
 * @returns whether it was added now
 */
export async function sendAs(author: Who, { conversationId }: Customer, content: string, key: string) {
  const message = {
    channel: `conversation:${conversationId}`,
    event: 'chat.message',
    data: { content, metadata: stamped() },
    key,
  };
  const { duplicate } = await call('POST', '/api/websocket/messages', await getToken(author), message);
  return duplicate === false;
}

/** Whether nothing has been said in a conversation. */
export async function isSilent(reader: Who, { conversationId }: Customer): Promise<boolean> {
  const query = new URLSearchParams({ channel: `conversation:${conversationId}`, limit: '1' });
  const { events } = await call('GET', `/api/websocket/messages?${query}`, await getToken(reader));
  return events.length === 0;
}

async function call(method: string, path: string, token: string, body?: object, allowed?: number) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const answer = await response.json();
  if (!response.ok && response.status !== allowed) {
    throw new Error(`${method} ${path}: ${answer.error?.message}`);
  }
  return answer;
}

/** Removes the customer from the conversation. They remain a participant, so they may join again. */
export function removeCustomer({ conversationId, customer }: Room): Promise<void> {
  const channel = `conversation:${conversationId}`;
  return put({
    detailType: 'Kick',
    detail: { channel, userId: customer.id, reason: 'Let us take a break.' },
  });
}

/** Fills the conversation, so that there is something to scroll through. */
export async function fillConversation({ conversationId }: Room, count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    await put(chatMessage(conversationId, { content: `Lesson ${number} of ${count} is ready.` }));
  }
}
