/**
 * Which events a channel has, so that a handler's type follows from the channel's name.
 *
 * @module
 */

import type { Channel, ChannelEvents, EventName, SendFields, WireEvent } from './wire.js';

export type { Channel };

/** The channel of a chat, the one kind that a client may publish on. */
export type ConversationChannel = SendFields['channel'];

/** A channel's name up to the colon. */
export type ChannelKind = keyof ChannelEvents;

/** The kind of a channel: `KindOf<'user:u1'>` is `'user'`. */
export type KindOf<C extends Channel> = C extends `${infer Kind extends ChannelKind}:${string}`
  ? Kind
  : C extends 'system'
    ? 'system'
    : never;

/** An event by its name, so that `event.event` tells what `event.data` is. */
export type EventOf<Name extends EventName> = Name extends EventName ? WireEvent<Name> : never;

/**
 * What may come on a channel.
 *
 * @example
 * ```ts
 * function show(event: ChannelEvent<'conversation:c1'>) {
 *   if (event.event === 'chat.message') console.log(event.data.content);
 * }
 * ```
 */
export type ChannelEvent<C extends Channel> = EventOf<ChannelEvents[KindOf<C>]>;

/** Any event, of any channel. */
export type AnyEvent = EventOf<EventName>;

/** An event that is in its channel's log. */
export type Durable = AnyEvent & { seq: number };

/** Whether a channel has a log, and so a history. */
export function hasLog(channel: Channel): boolean {
  return !channel.startsWith('analytics:');
}
