/**
 * The generation of a funnel, which the backend reports step by step.
 *
 * @module
 */

import { funnelUpdate } from 'funnelcast/server';
import { put } from './backend.js';
import type { Room } from './room.js';

/** A funnel that is being generated, and its progress. */
interface Generation {
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
let made = 0;
const NAMES = ['Spring launch', 'Webinar sign-up', 'Free lesson', 'Black Friday', 'Coaching call'];
/** Where unfinished generations are stored. A backend would not stop when a page is reloaded, so neither does this one. */
const KEPT = 'funnelcast-demo:generations';

/** Generates a funnel step by step, and publishes its progress. */
export function generateFunnel(room: Room): void {
  const funnelId = `funnel_${crypto.randomUUID().slice(0, 8)}`;
  const funnelName = NAMES[made++ % NAMES.length] ?? 'Funnel';
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
