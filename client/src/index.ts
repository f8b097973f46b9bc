/**
 * The client of funnelcast, without a framework. The React hooks are in `funnelcast/react`, the publisher for a backend in
 * `funnelcast/server`, and the route handlers for Next.js in `funnelcast/next`.
 *
 * @module
 */

export type * from './app-events.js';
export type {
  AnyEvent,
  AppChannel,
  Channel,
  ChannelEvent,
  ChannelKind,
  ConversationChannel,
  DraftOf,
  EventOf,
  InboxChannel,
  KindOf,
  PresenceChannel,
  SendChannel,
} from './channels.js';
export { type Client, createClient } from './client.js';
export type { ClientEvents, State, StateChange } from './client-events.js';
export type { AccessOptions, Token } from './connection/access.js';
export { type HttpOptions, httpApi } from './connection/http.js';
export type { HttpApi } from './connection/link.js';
export { defaultEnvironment, type Environment, type Sign, type WebSocketLike } from './environment.js';
export { type ClientErrorCode, FunnelcastError } from './errors.js';
export type { JoinInfo, Loss } from './feed/cursor.js';
export type { SubscribeOptions, Subscription } from './feed/feeds.js';
export { Inbox, type InboxState } from './inbox/inbox.js';
export { type ModerationOptions, type Moderator, moderation } from './moderation.js';
export { watchMute } from './mute.js';
export type {
  CallOptions,
  ClientOptions,
  DrainOptions,
  HistoryPage,
  HistoryQuery,
  InboxQuery,
  SearchPage,
  SearchQuery,
  SendOptions,
} from './options.js';
export { type PresenceState, watchPresence } from './presence.js';
export type { Undelivered } from './sending/send-queue.js';
export { typingNotice, watchTyping } from './typing.js';
export type * from './wire.js';
