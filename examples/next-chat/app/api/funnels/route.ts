import { realTimeUpdates } from 'funnelcast/server';
import { after } from 'next/server';
import { companyId, customers, merchant } from '@/lib/people';
import { currentUser } from '@/lib/session';

const STEPS = [
  [20, 'Reading the offer'],
  [40, 'Writing the landing page'],
  [60, 'Writing the checkout'],
  [80, 'Checking every link'],
] as const;

/** Generates a funnel, and publishes its progress step by step. */
export async function POST(): Promise<Response> {
  const user = await currentUser();
  if (user?.id !== merchant.id) return new Response('only the merchant may do this', { status: 403 });
  const funnelId = crypto.randomUUID();
  after(() => generate(funnelId, 'Spring launch')); // the response does not wait for it
  return Response.json({ funnelId }, { status: 202 });
}

async function generate(funnelId: string, name: string): Promise<void> {
  const user = { id: merchant.id, companyId };
  await realTimeUpdates.sendFunnelGenerationUpdate(user, funnelId, name, 'generation_started', 0);
  for (const [progress, message] of STEPS) {
    await new Promise(resolve => setTimeout(resolve, 500)); // here a real app would be working
    await realTimeUpdates.sendFunnelGenerationUpdate(user, funnelId, name, 'generation_progress', progress, message);
  }
  await realTimeUpdates.sendFunnelGenerationUpdate(user, funnelId, name, 'generation_completed', 100);
  await realTimeUpdates.sendFunnelDeploymentUpdate(user, funnelId, name, true);
  const news = {
    level: 'success',
    title: `${name} is live`,
    message: `${merchant.name} has something new for you.`,
  } as const;
  for (const customer of customers) await realTimeUpdates.sendUserNotification(customer, news);
}
