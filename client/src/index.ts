/**
 * The framework-free client of funnelcast. React's hooks are in `funnelcast/react`, the backend's side in
 * `funnelcast/server`.
 *
 * @module
 */

export type { AccessOptions, Token } from './address.js';
export type {
  AnyEvent,
  Channel,
  ChannelEvent,
  ChannelKind,
  ConversationChannel,
  EventOf,
  KindOf,
} from './channels.js';
export { type Client, createClient } from './client.js';
export type { State, StateChange } from './connection.js';
export type { JoinInfo, Loss } from './cursor.js';
export { defaultEnvironment, type Environment, type Sign, type WebSocketLike } from './environment.js';
export { type ClientErrorCode, FunnelcastError } from './errors.js';
export { type HttpApi, type HttpOptions, httpApi } from './http.js';
export type {
  CallOptions,
  ClientEvents,
  ClientOptions,
  DrainOptions,
  HistoryPage,
  HistoryQuery,
  SendOptions,
} from './options.js';
export { type PresenceChannel, type PresenceState, watchPresence } from './presence.js';
export type { Undelivered } from './send-queue.js';
export type { SubscribeOptions, Subscription } from './subscription.js';
export { typingNotice, watchTyping } from './typing.js';
export type * from './wire.js';
