'use client';

/**
 * React's hooks for funnelcast. They need React 18 or later, and render on a server as if nothing had happened yet.
 *
 * @module
 */

export type { ConversationState } from './conversation.js';
export type { Dated } from './dated.js';
export type { ConversationMessage, Messages } from './messages.js';
export {
  configureFunnelcast,
  FunnelcastProvider,
  type FunnelcastProviderProps,
  useClient,
} from './provider.js';
export type { Handler, Subscribers, Unsubscribe } from './subscribers.js';
export { type UseConversation, type UseConversationOptions, useConversation } from './use-conversation.js';
export { type FunnelProgress, useFunnelProgress } from './use-funnel-progress.js';
export { usePresence } from './use-presence.js';
export { type UseWebSocket, type UseWebSocketOptions, useWebSocket } from './use-web-socket.js';
