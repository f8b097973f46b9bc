/**
 * The publisher for a backend: updates to send to browsers, and tokens for their users.
 *
 * @module
 */

export type { AppEventName, AppPayload } from '../app-events.js';
export type { AppChannel, Channel, ConversationChannel } from '../channels.js';
export { FunnelcastError } from '../errors.js';
export type { ChatEvent, ChatEvents, DetailType, Published } from '../wire.js';
export { appEvent, appSignal } from './app-updates.js';
export type { Bus, EventBridge } from './bus.js';
export { type ChatEventHandlers, type ChatEventOptions, onMessage } from './chat-events.js';
export { type BackendMessage, chatMessage, type TypingUser, typingIndicator } from './chat-updates.js';
export {
  type BackendEvent,
  type FailedEvent,
  PublishError,
  type PublishedEvent,
} from './events.js';
export type { HttpTarget } from './http.js';
export { type OutboxItem, type OutboxOptions, outboxItem } from './outbox.js';
export {
  type ConversationOptions,
  RealTimeUpdates,
  type RealTimeUpdatesOptions,
  realTimeUpdates,
} from './real-time-updates.js';
export {
  createTokenIssuer,
  type GrantOptions,
  type IssuerOptions,
  type Role,
  type TokenIssuer,
  type TokenUser,
  userIdOf,
} from './tokens.js';
export {
  analyticsUpdate,
  companyNotification,
  funnelUpdate,
  type Metric,
  type Notice,
  type ProgressNote,
  type Resource,
  resourceUpdate,
  systemNotification,
  type Update,
  type UpdateData,
  type UpdateUser,
  userNotification,
} from './updates.js';
export { type BackendFile, uploadFile } from './upload-file.js';
