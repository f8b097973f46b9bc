/**
 * The backend's side of funnelcast: what it says to browsers, and the tokens that it gives them.
 *
 * @module
 */

export type { Channel, ConversationChannel } from '../channels.js';
export { FunnelcastError } from '../errors.js';
export { type Bus, type BusEvent, PublishError } from './bus.js';
export { type OutboxItem, type OutboxOptions, outboxItem } from './outbox.js';
export {
  type ConversationOptions,
  RealTimeUpdates,
  type RealTimeUpdatesOptions,
  realTimeUpdates,
} from './real-time-updates.js';
export type { EventBridge } from './sdk.js';
export { userIdOf } from './subjects.js';
export {
  createTokenIssuer,
  type GrantOptions,
  type IssuerOptions,
  type Role,
  type TokenIssuer,
  type TokenUser,
} from './tokens.js';
export {
  analyticsUpdate,
  type BackendMessage,
  chatMessage,
  companyNotification,
  funnelUpdate,
  type Metric,
  type Notice,
  type ProgressNote,
  type Resource,
  resourceUpdate,
  systemNotification,
  type Update,
  type UpdateUser,
  userNotification,
} from './updates.js';
