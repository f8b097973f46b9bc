/**
 * The story with which this page begins: what customers have written, and an hour of business in a quarter of a minute.
 *
 * All of it goes the way of any app's data. Messages are sent by HTTP with the tokens of their authors, and everything else
 * is put on the bus, as a backend does.
 *
 * @module
 */

import {
  analyticsUpdate,
  chatMessage,
  funnelUpdate,
  resourceUpdate,
  userNotification,
} from 'funnelcast/server';
import { isSilent, put, sendAs } from './backend.js';
import { stamped } from './chat/latency.js';
import { generateFunnel } from './generation.js';
import type { Customer, Room } from './room.js';

const BEAT_MS = 1_500;

type Line = readonly [by: 'customer' | 'merchant', content: string];

/** What has been said in each conversation before the page is opened. */
const SAID: readonly (readonly Line[])[] = [
  [
    ['customer', 'Hi Ann! Is the Starter course still open?'],
    ['merchant', 'Hello Ben, yes it is. It starts on Monday, and it takes an hour a day.'],
    ['customer', 'Great. Do I need anything to begin, a camera or a microphone?'],
    ['merchant', 'A laptop is enough. Everything else is in lesson 1, and you can have that one today.'],
    ['customer', 'And if I miss a day?'],
  ],
  [
    ['merchant', 'Welcome to the course, Cleo. How was your first week?'],
    ['customer', 'Better than I hoped: my checkout page is live!'],
  ],
  [
    ['customer', 'I have moved to the yearly plan.'],
    ['merchant', 'Thank you, Dan. It is active already.'],
  ],
];

let isPlaying = false;
const listeners = new Set<() => void>();

/** Whether the story is being played, as a store for `useSyncExternalStore`. */
export const playing = {
  get: () => isPlaying,
  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
};

function setPlaying(is: boolean): void {
  isPlaying = is;
  for (const listener of listeners) listener();
}

/** Tells the story from its beginning, unless it has been told on this stack: then nothing happens. */
export async function tellStory(room: Room): Promise<void> {
  const told = await Promise.all(room.customers.map((customer, at) => say(room, customer, SAID[at] ?? [])));
  if (!told.at(-1)) return;
  await putWorks(room);
  await playStory(room, 'first');
}

/** Says the lines in order, if nothing has been said yet. Of two pages that do so at once, one is told that it did. */
async function say({ merchant }: Room, customer: Customer, lines: readonly Line[]): Promise<boolean> {
  if (!(await isSilent(merchant, customer))) return false;
  for (const [at, [by, content]] of lines.entries()) {
    const isNew = await sendAs(by === 'merchant' ? merchant : customer, customer, content, `story-${at}`);
    if (!isNew) return false;
  }
  return true;
}

/** What the company has made before the page is opened. */
async function putWorks({ companyId, merchant }: Room): Promise<void> {
  const user = { id: merchant.id, companyId };
  const call = { id: 'resource_2', type: 'product', name: 'Coaching call' };
  const page = { id: 'resource_3', type: 'page', name: 'Checkout' };
  await put(
    funnelUpdate(user, 'funnel_evergreen', 'Evergreen webinar', 'deployed', {
      message: 'Everybody can see it',
    }),
  );
  await put(resourceUpdate(user, call, 'updated', { message: 'A new price: $490' }));
  await put(resourceUpdate(user, page, 'created', { message: 'In the colours of your brand' }));
}

/** Lets the business go on for a while. `run` makes the keys of its messages. Does nothing while it goes on already. */
export async function playStory(room: Room, run: string): Promise<void> {
  if (isPlaying) return;
  setPlaying(true);
  try {
    for (const [at, beat] of beatsOf(room, run).entries()) {
      const pause = new Promise(resolve => setTimeout(resolve, BEAT_MS));
      await Promise.all([beat(), putNumbers(room.companyId, at), pause]);
    }
  } finally {
    setPlaying(false);
  }
}

/** What happens, step by step. */
function beatsOf(room: Room, run: string): (() => unknown)[] {
  const { companyId, merchant, customers } = room;
  const [ben, cleo, dan] = customers as [Customer, Customer, Customer];
  const write = (customer: Customer, content: string) =>
    sendAs(customer, customer, content, `${run}-${content.length}`);
  const course = { id: 'resource_1', type: 'product', name: 'Starter course' };
  const sync = (progress: number) =>
    put(
      resourceUpdate(
        { id: merchant.id, companyId },
        course,
        progress < 100 ? 'sync_progress' : 'sync_completed',
        { progress },
      ),
    );
  return [
    () => generateFunnel(room),
    () => sync(20),
    () => write(cleo, 'May I bring a friend to the coaching call?'),
    () => sync(70),
    () =>
      put(
        chatMessage(ben.conversationId, {
          content: 'Lesson 1 is waiting for Ben: 12 minutes, no camera needed.',
          metadata: stamped(),
        }),
      ),
    () => sync(100),
    () => write(dan, 'Where do I find the invoice?'),
    () =>
      put(
        userNotification(
          { id: merchant.id },
          { level: 'success', title: 'A new order', message: 'Cleo has bought the Coaching call, $490.' },
        ),
      ),
    () => write(cleo, 'They would pay, of course.'),
  ];
}

/** The numbers at each step: more visitors, more of whom buy. */
async function putNumbers(companyId: string, step: number): Promise<void> {
  const wave = Math.sin(step * 1.7) / 8;
  const numbers = [
    { metric: 'visitors', value: Math.round(1_284 + step * 31 + wave * 60), previous: 1_190 },
    { metric: 'conversion_rate', value: 0.064 + step * 0.0012 + wave / 40, previous: 0.061 },
    {
      metric: 'revenue',
      value: Math.round(4_920 + step * 49 + (step > 6 ? 490 : 0) + wave * 90),
      previous: 4_480,
    },
  ];
  for (const number of numbers) await put(analyticsUpdate({ companyId }, { ...number, period: '24h' }));
}
