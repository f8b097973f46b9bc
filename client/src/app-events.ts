/**
 * The app's own events, `app.event` and `app.signal`: an app declares their names and payloads once, and the compiler then
 * knows them everywhere, in handlers, in `send`, in the React hooks and in a backend.
 *
 * @module
 */

import type { WireEvent } from './wire.js';

/**
 * The names and payloads of the app's own events, as JSON has them. Empty until an app declares its own, in a file of its
 * own with an import; until then any name is allowed, and a payload is `unknown`.
 *
 * An event without a payload has the type `undefined`. The types are those of the app's promise: nobody checks at run time
 * what other users send.
 *
 * @example
 * ```ts
 * import 'funnelcast';
 *
 * declare module 'funnelcast' {
 *   interface AppEvents {
 *     'poll.vote': { option: number };
 *     'lesson.published': { lessonId: string };
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: apps add to it
export interface AppEvents {}

/** The name of an event of the app's own. */
export type AppEventName = [keyof AppEvents] extends [never] ? string : keyof AppEvents & string;

/** The payload of the event with this name. */
export type AppPayload<Name extends AppEventName> = Name extends keyof AppEvents ? AppEvents[Name] : unknown;

/** The data of an event of the app's own. In a union, `data.name` tells the compiler the type of `data.payload`. */
export type AppEventData<Name extends AppEventName = AppEventName> = Name extends AppEventName
  ? undefined extends AppPayload<Name>
    ? { name: Name; payload?: AppPayload<Name> }
    : { name: Name; payload: AppPayload<Name> }
  : never;

/** An event of the app's own on a channel: an `app.event` is kept in the log, an `app.signal` is not. */
export interface AppWireEvent<Name extends 'app.event' | 'app.signal'> extends WireEvent<Name> {
  /** The name of the event, and its payload. */
  data: AppEventData;
}
