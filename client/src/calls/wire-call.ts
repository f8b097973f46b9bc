/** Stand-ins until the generated types have these. */
import type { Timestamp } from '../wire.js';

export type CallMedia = 'audio' | 'video';
export type CallReason = 'busy' | 'failed';
export type CallOutcome = 'ended' | 'missed' | 'declined' | 'canceled' | 'failed';
export interface CallUser {
  userId: string;
  name: string;
  peerId: string;
  state: 'joined' | 'left' | 'declined';
  reason?: CallReason;
}
export interface Call {
  callId: string;
  conversationId: string;
  revision: number;
  state: 'ringing' | 'active' | 'ended';
  media: CallMedia;
  startedBy: string;
  startedAt: Timestamp;
  acceptedAt?: Timestamp;
  endedAt?: Timestamp;
  outcome?: CallOutcome;
  ringsUntil?: Timestamp;
  participants: CallUser[];
}
export type CallChange = 'start' | 'accept' | 'decline' | 'leave';
export const CALL_RINGS_MS = 45_000;
export const CALL_USERS_MAX = 4;
export interface IceReply {
  iceServers: { urls: string[]; username?: string; credential?: string }[];
  expiresAt: Timestamp;
}
