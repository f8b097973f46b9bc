/**
 * The functions `subscribeTo...` of `useWebSocket`.
 *
 * @module
 */

import type { AnyEvent, Channel, EventOf } from '../channels.js';
import type { Client } from '../client.js';
import { watchTyping } from '../typing.js';
import type { EventData, TypingIndicator } from '../wire.js';
import { type Dated, dated } from './dated.js';
import type { Subscriptions } from './subscriptions.js';

/** The events that have a function of their own. */
type Name =
  | 'chat.message'
  | 'funnel.update'
  | 'resource.update'
  | 'analytics.update'
  | 'system.notification'
  | 'user.notification';

/** Told of a payload, and of the event that it came by: its `seq`, `from` and `key`. */
export type Handler<N extends Name> = (data: Dated<EventData[N]>, event: EventOf<N>) => void;

/** What ends a subscription. It ends with the component in any case. */
export type Unsubscribe = () => void;

/** Ways to listen. A component that calls one again for the same thing replaces its earlier handler. */
export interface Subscribers {
  /** The messages of a conversation, the user's own too. */
  subscribeToConversation(conversationId: string, handler: Handler<'chat.message'>): Unsubscribe;
  /** Who begins to type, and who stops: they say so, send their message, or nothing is heard of them for 6 seconds. */
  subscribeToTyping(conversationId: string, handler: (typing: Dated<TypingIndicator>) => void): Unsubscribe;
  /** The funnels of a company; first the last update of each. */
  subscribeToFunnelUpdates(companyId: string, handler: Handler<'funnel.update'>): Unsubscribe;
  /** The resources of a company. */
  subscribeToResourceUpdates(companyId: string, handler: Handler<'resource.update'>): Unsubscribe;
  /** The metrics of a company; first the last value of each. */
  subscribeToAnalytics(companyId: string, handler: Handler<'analytics.update'>): Unsubscribe;
  /** Notifications to everybody. */
  subscribeToSystem(handler: Handler<'system.notification'>): Unsubscribe;
  /** Notifications to one user. */
  subscribeToUser(userId: string, handler: Handler<'user.notification'>): Unsubscribe;
}

/** Makes the functions for one component. */
export function subscribersOf(client: Client, subscriptions: Subscriptions): Subscribers {
  const to = <N extends Name>(channel: Channel, name: N, handler: Handler<N>) =>
    subscriptions.add(`${channel} ${name}`, handler, call => {
      const hear = (event: AnyEvent) => {
        if (event.event === name) call(dated(event.data as EventData[N]), event as EventOf<N>);
      };
      return client.subscribe(channel, hear).unsubscribe;
    });
  return {
    subscribeToConversation: (id, handler) => to(`conversation:${id}`, 'chat.message', handler),
    subscribeToTyping: (id, handler) =>
      subscriptions.add(`typing ${id}`, handler, call =>
        watchTyping(client, `conversation:${id}`, typing => call(dated(typing))),
      ),
    subscribeToFunnelUpdates: (id, handler) => to(`funnel_updates:${id}`, 'funnel.update', handler),
    subscribeToResourceUpdates: (id, handler) => to(`resource_updates:${id}`, 'resource.update', handler),
    subscribeToAnalytics: (id, handler) => to(`analytics:${id}`, 'analytics.update', handler),
    subscribeToSystem: handler => to('system', 'system.notification', handler),
    subscribeToUser: (id, handler) => to(`user:${id}`, 'user.notification', handler),
  };
}
