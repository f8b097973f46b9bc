'use client';

/**
 * The React hooks of funnelcast, for React 18 and later. On a server they render the state before anything has happened.
 *
 * @module
 */

export type { CallEndReason, CallPeer, CallPhase, CallState, VideoSource } from '../calls/call-state.js';
export type { ConversationState } from '../conversation/conversation.js';
export type { SendMessageOptions } from '../conversation/drafts.js';
export type { ConversationMessage, Messages } from '../conversation/messages.js';
export type { FileUpload } from '../files/outgoing-files.js';
export type { InboxState } from '../inbox/inbox.js';
export type { SearchState } from '../inbox/search-results.js';
export type { Dated } from '../store.js';
export {
  configureFunnelcast,
  FunnelcastProvider,
  type FunnelcastProviderProps,
  useClient,
} from './provider.js';
export type { Handler, Subscribers, Unsubscribe } from './subscriptions.js';
export { type UseAppEventsOptions, useAppEvents } from './use-app-events.js';
export { type UseCall, type UseCallOptions, useCall } from './use-call.js';
export { type UseConversation, type UseConversationOptions, useConversation } from './use-conversation.js';
export { type FileUrl, type UseFileUrlOptions, useFileUrl } from './use-file-url.js';
export { type UseFiles, type UseFilesOptions, useFiles } from './use-files.js';
export { type FunnelProgress, useFunnelProgress } from './use-funnel-progress.js';
export { type UseInbox, type UseInboxOptions, useInbox, useUnread } from './use-inbox.js';
export { usePresence } from './use-presence.js';
export { type UseSearch, type UseSearchOptions, useSearch } from './use-search.js';
export { type RecorderState, type UseVoiceRecorder, useVoiceRecorder } from './use-voice-recorder.js';
export { type UseWebSocket, type UseWebSocketOptions, useWebSocket } from './use-web-socket.js';
