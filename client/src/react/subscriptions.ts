/**
 * The functions `subscribeTo...` of `useWebSocket`, and the subscriptions that one component has made with them.
 *
 * A component may subscribe in an effect that runs again whenever the connection is back, and clean nothing up. Subscribing
 * to the same thing again therefore replaces the handler, without leaving and joining the channel, and all subscriptions
 * end when the component is unmounted.
 *
 * @module
 */

import type { AnyEvent, Channel, EventOf } from '../channels.js';
import type { Client } from '../client.js';
import { type Dated, dated } from '../store.js';
import { watchTyping } from '../typing.js';
import type { EventData, TypingIndicator } from '../wire.js';

/** The events that have a function of their own. */
type Name =
  | 'chat.message'
  | 'funnel.update'
  | 'resource.update'
  | 'analytics.update'
  | 'system.notification'
  | 'user.notification';

/** Called with a payload, and with its event for `seq`, `from` and `key`. */
export type Handler<N extends Name> = (data: Dated<EventData[N]>, event: EventOf<N>) => void;

/** Ends a subscription. Every subscription also ends when the component is unmounted. */
export type Unsubscribe = () => void;

/** The functions that subscribe. A component that calls one again for the same thing replaces its earlier handler. */
export interface Subscribers {
  /** Subscribes to the new messages of a conversation, including the user's own. `useConversation` also follows their changes. */
  subscribeToConversation(conversationId: string, handler: Handler<'chat.message'>): Unsubscribe;
  /** Subscribes to who begins and stops typing. Somebody of whom nothing is heard for 6 seconds has stopped. */
  subscribeToTyping(conversationId: string, handler: (typing: Dated<TypingIndicator>) => void): Unsubscribe;
  /** Subscribes to the funnels of a company. The last update of each funnel comes first. */
  subscribeToFunnelUpdates(companyId: string, handler: Handler<'funnel.update'>): Unsubscribe;
  /** Subscribes to the resources of a company. */
  subscribeToResourceUpdates(companyId: string, handler: Handler<'resource.update'>): Unsubscribe;
  /** Subscribes to the metrics of a company. The last value of each metric comes first. */
  subscribeToAnalytics(companyId: string, handler: Handler<'analytics.update'>): Unsubscribe;
  /** Subscribes to notifications for everybody. */
  subscribeToSystem(handler: Handler<'system.notification'>): Unsubscribe;
  /** Subscribes to notifications for one user. */
  subscribeToUser(userId: string, handler: Handler<'user.notification'>): Unsubscribe;
}

/** Makes the functions for one component. */
export function subscribersOf(client: Client, subscriptions: Subscriptions): Subscribers {
  const to = <N extends Name>(channel: Channel, name: N, handler: Handler<N>) =>
    subscriptions.add(`${channel} ${name}`, handler, call => {
      const onEvent = (event: AnyEvent) => {
        if (event.event === name) call(dated(event.data as EventData[N]), event as EventOf<N>);
      };
      return client.subscribe(channel, onEvent).unsubscribe;
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

interface Entry {
  /** Has the type that goes with the name. */
  handler: unknown;
  stop: () => void;
}

/** The subscriptions of one component. */
export class Subscriptions {
  readonly #entries = new Map<string, Entry>();

  /**
   * Adds a subscription, or replaces the handler of the one with the same name.
   *
   * @param name - identifies what is subscribed to
   * @param start - subscribes; it is given a function that calls the current handler, and returns one that unsubscribes
   * @returns a function that unsubscribes, unless the handler has been replaced
   */
  add<Args extends unknown[]>(
    name: string,
    handler: (...args: Args) => void,
    start: (call: (...args: Args) => void) => () => void,
  ): () => void {
    const known = this.#entries.get(name);
    if (known) {
      known.handler = handler;
    } else {
      const entry: Entry = { handler, stop: () => {} };
      this.#entries.set(name, entry);
      entry.stop = start((...args) => (entry.handler as typeof handler)(...args));
    }
    return () => {
      const entry = this.#entries.get(name);
      if (entry?.handler !== handler) return;
      this.#entries.delete(name);
      entry.stop();
    };
  }

  /** Ends all subscriptions. */
  clear(): void {
    for (const { stop } of this.#entries.values()) stop();
    this.#entries.clear();
  }
}
