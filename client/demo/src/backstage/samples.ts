/**
 * One of each event, made by the builders of `funnelcast/server`.
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
import { fillConversation, openConversation, put, removeCustomer } from '../backend.js';
import type { Room, Who } from '../room.js';

/** Buttons that belong together: what each is called, and what it does. */
export interface Samples {
  title: string;
  events: Record<string, () => Promise<void>>;
}

/** All of them, for a room. */
export function samples(room: Room): Samples[] {
  return [
    { title: 'Funnel “Evergreen webinar”', events: funnelEvents(room) },
    { title: 'Resource “Starter course”', events: resourceEvents(room) },
    { title: 'Analytics', events: analyticsEvents(room) },
    { title: 'Notices', events: noticeEvents(room) },
    { title: 'Conversation', events: conversationEvents(room) },
  ];
}

/** Lets a resource be synced, step by step. */
export async function syncResource(room: Room): Promise<void> {
  const sync = resourceNews(room);
  await sync('sync_started', { progress: 0 })();
  for (const progress of [25, 50, 75]) {
    await new Promise(resolve => setTimeout(resolve, 700));
    await sync('sync_progress', { progress })();
  }
  await sync('sync_completed', { progress: 100, message: '42 lessons' })();
}

function funnelEvents({ merchant, companyId }: Room): Samples['events'] {
  const user = { id: merchant.id, companyId };
  const news = (type: FunnelUpdateType, note: ProgressNote) => () =>
    put(funnelUpdate(user, 'funnel_evergreen', 'Evergreen webinar', type, note));
  return {
    Start: news('generation_started', { progress: 0, message: 'Reading your offer' }),
    '40%': news('generation_progress', { progress: 40, message: 'Writing the offer page' }),
    Complete: news('generation_completed', { progress: 100, message: 'Ready to go live' }),
    Fail: news('generation_failed', { message: 'The offer has no price' }),
    Deploy: news('deployed', { message: 'Everybody can see it now' }),
    'Take down': news('undeployed', { message: 'Nobody can see it now' }),
  };
}

function resourceNews({ merchant, companyId }: Room) {
  const user = { id: merchant.id, companyId };
  const resource = { id: 'resource_1', type: 'product', name: 'Starter course' };
  return (type: ResourceUpdateType, note?: ProgressNote) => () =>
    put(resourceUpdate(user, resource, type, note));
}

function resourceEvents(room: Room): Samples['events'] {
  const news = resourceNews(room);
  return {
    Create: news('created'),
    Update: news('updated', { message: 'A new price: $49' }),
    Delete: news('deleted'),
    'Start sync': news('sync_started', { progress: 0 }),
    '60%': news('sync_progress', { progress: 60 }),
    'Finish sync': news('sync_completed', { progress: 100 }),
    'Fail sync': news('sync_failed', { message: 'The store does not answer' }),
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

function noticeEvents({ merchant, customer }: Room): Samples['events'] {
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
  return {
    'Assistant speaks': () =>
      put(
        chatMessage(conversationId, {
          content: 'Hi! What would you like to sell?',
          metadata: { step: 'offer' },
        }),
      ),
    'App speaks': () =>
      put(
        chatMessage(conversationId, {
          type: 'system',
          content: `${customer.name} has bought the Starter course`,
        }),
      ),
    'Forty messages': () => fillConversation(room, 40),
    [`Remove ${customer.name}`]: () => removeCustomer(room),
    'Say who takes part': () => openConversation(room),
  };
}
