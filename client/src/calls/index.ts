/**
 * Calls: voice and video between the people of a conversation. Apps that do not import it pay nothing for it. The hook `useCall` is
 * in `funnelcast/react`.
 *
 * @module
 */

export type { CallEnvironment } from './call-environment.js';
export type { CallEndReason, CallPeer, CallPhase, CallState, LocalState, VideoSource } from './call-state.js';
export type { ConversationCall } from './conversation-call.js';
export { createCall } from './create-call.js';
export type { DeviceConstraints } from './local-media.js';
export type { CallMediaOptions, CreateCallOptions } from './options.js';
export { type WatchCallsOptions, watchCalls } from './watch-calls.js';
