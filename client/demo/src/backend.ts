/**
 * What the app's backend does: it says what has happened, and the stack carries it to whoever may hear it.
 *
 * The events are made by `funnelcast/server`. There, `realTimeUpdates.send(update)` puts them on the bus; a page has no AWS
 * credentials, so here the local stack does it.
 *
 * @module
 */

import { chatMessage, funnelUpdate, type Update } from 'funnelcast/server';
import type { Room } from './room.js';
import { type BusEvent, putEvent } from './stack.js';

/** Tells, as a `BusEvent` in its `detail`, what has been put on the bus: for the console. */
export const bus = new EventTarget();

/** Puts something on the bus. */
export async function put(event: BusEvent | Update): Promise<void> {
  const published = 'detail' in event ? event : { detailType: event.detailType ?? '', detail: event.data };
  bus.dispatchEvent(new CustomEvent('put', { detail: published }));
  await putEvent(published);
}

/** Says who takes part in the conversation. Until that is done, nobody may join it. */
export function openConversation({ conversationId, companyId, merchant, customer }: Room): Promise<void> {
  const participants = [merchant.id, customer.id];
  const timestamp = new Date().toISOString(); // of two of these the later one stands, whichever arrives first
  const detail = { conversationId, companyId, participants, timestamp };
  return put({ detailType: 'Conversation', detail });
}

/** Takes the customer out of the conversation. They still take part in it, so they may come back. */
export function removeCustomer({ conversationId, customer }: Room): Promise<void> {
  const channel = `conversation:${conversationId}`;
  return put({
    detailType: 'Kick',
    detail: { channel, userId: customer.id, reason: 'Let us take a break.' },
  });
}

/** Fills the conversation, so that there is something to scroll back through. */
export async function fillConversation({ conversationId }: Room, count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    await put(chatMessage(conversationId, { content: `Lesson ${number} of ${count} is ready.` }));
  }
}

/** A funnel that is being made, and how far it is. */
export interface Generation {
  funnelId: string;
  funnelName: string;
  step: number;
}

/** How far a generation is at each step, and what it does there. */
const STEPS = [
  [0, 'Reading your offer'],
  [15, 'Sketching the pages'],
  [35, 'Writing the landing page'],
  [55, 'Writing the checkout'],
  [75, 'Choosing pictures'],
  [90, 'Checking every link'],
  [100, 'Ready to go live'],
] as const;
const STEP_MS = 1_500;
const NAMES = ['Spring launch', 'Webinar sign-up', 'Starter course', 'Black Friday', 'Coaching call'];
/** A backend would not stop for a reload of somebody's page, so this one does not either. */
const KEPT = 'funnelcast-demo:generations';

/** Makes a funnel, step by step, and says how far it is. */
export function generateFunnel(room: Room): void {
  const funnelId = `funnel_${crypto.randomUUID().slice(0, 8)}`;
  const funnelName = NAMES[Math.floor(Math.random() * NAMES.length)] ?? 'Funnel';
  proceed(room, { funnelId, funnelName, step: 0 });
}

/** Goes on with what this page's last life has left unfinished. */
export function resumeGenerations(room: Room): void {
  for (const generation of kept()) setTimeout(() => proceed(room, generation), STEP_MS);
}

function proceed({ merchant, ...room }: Room, generation: Generation): void {
  const { funnelId, funnelName, step } = generation;
  const [progress, message] = STEPS[step] ?? [100, ''];
  const isLast = step >= STEPS.length - 1;
  const type = step === 0 ? 'generation_started' : isLast ? 'generation_completed' : 'generation_progress';
  const user = { id: merchant.id, companyId: room.companyId };
  void put(funnelUpdate(user, funnelId, funnelName, type, { progress, message }));
  const others = kept().filter(other => other.funnelId !== funnelId);
  const next = { ...generation, step: step + 1 };
  sessionStorage.setItem(KEPT, JSON.stringify(isLast ? others : [...others, next]));
  if (!isLast) setTimeout(() => proceed({ merchant, ...room }, next), STEP_MS);
}

function kept(): Generation[] {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? '[]');
}
