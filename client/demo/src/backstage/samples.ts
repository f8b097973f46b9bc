/**
 * A sample of each event, made with `funnelcast/server`.
 *
 * @module
 */

import type { FunnelUpdateType, Level, ResourceUpdateType } from 'funnelcast';
import {
  analyticsUpdate,
  chatMessage,
  funnelUpdate,
  type ProgressNote,
  resourceUpdate,
  systemNotification,
  userNotification,
} from 'funnelcast/server';
import { fillConversation, put, removeCustomer, sendAs } from '../backend.js';
import { stamped } from '../chat/latency.js';
import type { Customer, Room, Who } from '../room.js';

/** A group of buttons: their names, and what they do. */
export interface Samples {
  title: string;
  events: Record<string, () => Promise<void>>;
}

/** All samples for a room. */
export function samples(room: Room): Samples[] {
  return [
    { title: 'Funnel “Evergreen webinar”', events: funnelEvents(room) },
    { title: 'Resource “Starter course”', events: resourceEvents(room) },
    { title: 'Analytics', events: analyticsEvents(room) },
    { title: 'Notifications', events: notificationEvents(room) },
    { title: 'Conversation', events: conversationEvents(room) },
  ];
}

/** Publishes the sync of a resource, step by step. */
export async function syncResource(room: Room): Promise<void> {
  const sync = resourceUpdates(room);
  await sync('sync_started', { progress: 0 })();
  for (const progress of [25, 50, 75]) {
    await new Promise(resolve => setTimeout(resolve, 700));
    await sync('sync_progress', { progress })();
  }
  await sync('sync_completed', { progress: 100, message: '42 lessons' })();
}

function funnelEvents({ merchant, companyId }: Room): Samples['events'] {
  const user = { id: merchant.id, companyId };
  const update = (type: FunnelUpdateType, note: ProgressNote) => () =>
    put(funnelUpdate(user, 'funnel_evergreen', 'Evergreen webinar', type, note));
  return {
    Start: update('generation_started', { progress: 0, message: 'Reading your offer' }),
    '40%': update('generation_progress', { progress: 40, message: 'Writing the offer page' }),
    Complete: update('generation_completed', { progress: 100, message: 'Ready to go live' }),
    Fail: update('generation_failed', { message: 'The offer has no price' }),
    Deploy: update('deployed', { message: 'Everybody can see it now' }),
    'Take down': update('undeployed', { message: 'Nobody can see it now' }),
  };
}

function resourceUpdates({ merchant, companyId }: Room) {
  const user = { id: merchant.id, companyId };
  const resource = { id: 'resource_1', type: 'product', name: 'Starter course' };
  return (type: ResourceUpdateType, note?: ProgressNote) => () =>
    put(resourceUpdate(user, resource, type, note));
}

function resourceEvents(room: Room): Samples['events'] {
  const update = resourceUpdates(room);
  return {
    Create: update('created'),
    Update: update('updated', { message: 'A new price: $49' }),
    Delete: update('deleted'),
    'Start sync': update('sync_started', { progress: 0 }),
    '60%': update('sync_progress', { progress: 60 }),
    'Finish sync': update('sync_completed', { progress: 100 }),
    'Fail sync': update('sync_failed', { message: 'The store does not answer' }),
  };
}

function analyticsEvents({ companyId }: Room): Samples['events'] {
  const measure = (metric: string, from: number, to: number, digits: number) => {
    const value = Number((from + Math.random() * (to - from)).toFixed(digits));
    return put(analyticsUpdate({ companyId }, { metric, value, previous: (from + to) / 2, period: '24h' }));
  };
  const visitors = () => measure('visitors', 1_200, 1_900, 0);
  const conversion = () => measure('conversion_rate', 0.06, 0.1, 3);
  const revenue = () => measure('revenue', 4_000, 7_500, 0);
  return {
    Visitors: visitors,
    Conversion: conversion,
    Revenue: revenue,
    'All three': async () => void (await Promise.all([visitors(), conversion(), revenue()])),
  };
}

function notificationEvents({ merchant, customer }: Room): Samples['events'] {
  const tell = ({ id, name }: Who, level: Level, title: string, message: string) => ({
    [`To ${name}`]: () => put(userNotification({ id }, { level, title, message })),
  });
  return {
    'To everybody': () =>
      put(
        systemNotification({
          level: 'warning',
          title: 'Maintenance tonight',
          message: 'Funnel generation pauses from 22:00 to 22:15 UTC.',
        }),
      ),
    ...tell(merchant, 'success', 'A new order', 'Ben has bought the Starter course.'),
    ...tell(customer, 'info', 'Your course is here', 'The Starter course waits for you.'),
  };
}

function conversationEvents(room: Room): Samples['events'] {
  const { conversationId, customer } = room;
  const others = room.customers.filter(one => one !== customer);
  const question = async (other: Customer) =>
    void (await sendAs(other, other, 'Is there a place for me, too?', crypto.randomUUID()));
  return {
    'Assistant speaks': () =>
      put(
        chatMessage(conversationId, {
          content: 'Hi! What would you like to sell?',
          metadata: { step: 'offer', ...stamped() },
        }),
      ),
    'App speaks': () =>
      put(
        chatMessage(conversationId, {
          type: 'system',
          content: `${customer.name} has bought the Starter course`,
          metadata: stamped(),
        }),
      ),
    'Forty messages': () => fillConversation(room, 40),
    ...Object.fromEntries(others.map(other => [`${other.name} writes`, () => question(other)])),
    [`Remove ${customer.name}`]: () => removeCustomer(room),
    'Say who takes part': () => put({ detailType: 'Conversation', detail: participantsOf(room) }),
  };
}

function participantsOf({ conversationId, companyId, merchant, customer }: Room) {
  const timestamp = new Date().toISOString(); // of two such events the later one counts, whichever arrives first
  return { conversationId, companyId, participants: [merchant.id, customer.id], timestamp };
}
