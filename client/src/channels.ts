/**
 * Which events each channel carries, so that the type of a handler follows from the name of its channel.
 *
 * @module
 */

import type { AppEventData, AppWireEvent } from './app-events.js';
import type { Channel, ChannelEvents, ClientDrafts, EventName, SendFields, WireEvent } from './wire.js';

export type { Channel };

/** The channel of a chat. */
export type ConversationChannel = `conversation:${string}`;

/** A channel on which a client may publish. */
export type SendChannel = SendFields['channel'];

/** The channel of an inbox: `user:` for what a user takes part in, `inbox:` for all of a company, for its team. */
export type InboxChannel = `user:${string}` | `inbox:${string}`;

/** A channel whose members see each other. */
export type PresenceChannel = SendChannel | `company:${string}` | `experience:${string}`;

/** The kind of a channel: its name up to the colon. */
export type ChannelKind = keyof ChannelEvents;

/** The kind of the given channel: `KindOf<'user:u1'>` is `'user'`. */
export type KindOf<C extends Channel> = C extends `${infer Kind extends ChannelKind}:${string}`
  ? Kind
  : C extends 'system'
    ? 'system'
    : never;

/** A channel that carries the app's own events. */
export type AppChannel = {
  [Kind in ChannelKind]: 'app.event' extends ChannelEvents[Kind] ? `${Kind}:${string}` : never;
}[ChannelKind];

/** The event with the given name. In a union, `event.event` tells the compiler the type of `event.data`. */
export type EventOf<Name extends EventName> = Name extends 'app.event' | 'app.signal'
  ? AppWireEvent<Name>
  : Name extends EventName
    ? WireEvent<Name>
    : never;

/** What a client sends to publish the event with the given name. */
export type DraftOf<Name extends keyof ClientDrafts> = Name extends 'app.event' | 'app.signal'
  ? AppEventData
  : ClientDrafts[Name];

/**
 * Any event that the given channel can carry.
 *
 * @example
 * ```ts
 * function show(event: ChannelEvent<'conversation:c1'>) {
 *   if (event.event === 'chat.message') console.log(event.data.content);
 * }
 * ```
 */
export type ChannelEvent<C extends Channel> = EventOf<ChannelEvents[KindOf<C>]>;

/** Any event of any channel. */
export type AnyEvent = EventOf<EventName>;

/** An event with a place in the log of its channel. */
export type DurableEvent = AnyEvent & { seq: number };

/** An event that a client may publish and that is kept in the log. */
export type DurableDraft = Exclude<
  keyof ClientDrafts,
  'chat.typing' | 'signal' | 'presence.update' | 'app.signal'
>;

/** Whether the event, which a client publishes, is kept in the log. */
export function isDurable(event: keyof ClientDrafts): event is DurableDraft {
  return /^(chat\.(message|edit|delete|reaction)|app\.event)$/.test(event);
}

/** Whether the channel has a log, and therefore a history. */
export function hasLog(channel: Channel): boolean {
  return !channel.startsWith('analytics:');
}
