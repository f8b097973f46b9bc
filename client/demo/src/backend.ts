/**
 * The app's backend: it publishes what has happened, and the stack delivers that to everybody who may receive it.
 *
 * `funnelcast/server` makes the events. A real backend puts them on the bus with `realTimeUpdates.send(update)`. A page has
 * no AWS credentials, so the local stack does it here.
 *
 * @module
 */

import { chatMessage, funnelUpdate, type Update } from 'funnelcast/server';
import type { Room } from './room.js';
import { type BusEvent, putEvent } from './stack.js';

/** Dispatches an event `put` for the console whenever something is put on the bus, with a `BusEvent` as its `detail`. */
export const bus = new EventTarget();

/** Puts an event on the bus. */
export async function put(event: BusEvent | Update): Promise<void> {
  const published = 'detail' in event ? event : { detailType: event.detailType ?? '', detail: event.data };
  bus.dispatchEvent(new CustomEvent('put', { detail: published }));
  await putEvent(published);
}

/** Sets the participants of the conversation. Nobody may join it before that. */
export function openConversation({ conversationId, companyId, merchant, customer }: Room): Promise<void> {
  const participants = [merchant.id, customer.id];
  const timestamp = new Date().toISOString(); // of two such events the later one counts, whichever arrives first
  const detail = { conversationId, companyId, participants, timestamp };
  return put({ detailType: 'Conversation', detail });
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

/** A funnel that is being generated, and its progress. */
export interface Generation {
  funnelId: string;
  funnelName: string;
  step: number;
}

/** The progress and the activity at each step of a generation. */
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
/** Where unfinished generations are stored. A backend would not stop when a page is reloaded, so neither does this one. */
const KEPT = 'funnelcast-demo:generations';

/** Generates a funnel step by step, and publishes its progress. */
export function generateFunnel(room: Room): void {
  const funnelId = `funnel_${crypto.randomUUID().slice(0, 8)}`;
  const funnelName = NAMES[Math.floor(Math.random() * NAMES.length)] ?? 'Funnel';
  proceed(room, { funnelId, funnelName, step: 0 });
}

/** Continues the generations that were unfinished when the page was reloaded. */
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
