/**
 * What a device knows of the call in a conversation, and of its own part in it. `transitions.ts` says what changes it.
 *
 * ```text
 *            start                      accepted            media flow
 *   idle ───────────▶ ringing (outgoing) ──────▶ connecting ─────────▶ connected ◀──┐
 *     │ a call comes                                ▲    │                 │ lost   │ found again
 *     └─────────────▶ ringing (incoming) ───────────┘    │                 ▼        │
 *                          │         accept              │            reconnecting ─┘
 *                          ▼                             ▼                 ▼
 *                        ended ◀───────────────────────────────────────────┘
 * ```
 *
 * Every state but `idle`, `connected` and `ended` has a time limit, so that none lasts for ever whatever gets lost.
 *
 * @module
 */

import type { FunnelcastError } from '../errors.js';
import { CALL_USERS_MAX, type Call, type CallChange, type CallMedia, type CallReason } from '../wire.js';
import type { CallEndReason, CallPhase } from './call-state.js';

/** How long a call rings, unless the server tells otherwise. */
const RINGING_MS = 45_000;
/** How much longer this end waits, so that it is the server that ends a call unless its word is lost. */
const SPARE_MS = 5_000;
/** How long it may take until the first media flow. */
const CONNECTING_MS_MAX = 30_000;
/** How long media may be lost. */
const RECONNECTING_MS_MAX = 45_000;
/** How long they may be lost if the pages of all others have been closed or are being loaded again. */
const RELOADING_MS_MAX = 15_000;

/** What a device knows. It is replaced, never changed. */
export interface Machine {
  readonly phase: CallPhase;
  readonly direction: 'incoming' | 'outgoing' | null;
  readonly reason: CallEndReason | null;
  readonly error: FunnelcastError | null;
  /** The user. */
  readonly userId: string;
  /** The id of this device in the current call. */
  readonly peerId: string;
  /**
   * Whether this device is in the call: it wants to start it or to join it, or the server has it among the participants. With
   * anything but `none`, the microphone is open or being opened.
   */
  readonly role: 'none' | 'starting' | 'joining' | 'joined';
  /** The call that this state is about. */
  readonly callId: string | undefined;
  /** What it begins with, if this device starts it. */
  readonly media: CallMedia;
  /** Whether the microphone is open. */
  readonly isReady: boolean;
  /** Whether the request to start or to join has been sent. */
  readonly isSent: boolean;
  /** Whether media have flowed in this call. */
  readonly hasConnected: boolean;
  /** Whether the pages of all others are gone, who may come back. */
  readonly isDeserted: boolean;
  /**
   * With `joining`: another device of the user, which the server had in the call. It may be gone, as one whose browser has crashed
   * is: the server knows, and answers.
   */
  readonly replaces: string | undefined;
  /** The last call of the conversation, as the server told last. */
  readonly latest: Call | undefined;
  /** How long calls ring, as the server told last. */
  readonly ringMs: number;
}

/** What happens to a machine. */
export type Input =
  /** The user wants something. The ids are for a new part in a call. */
  | { type: 'start'; callId: string; peerId: string; media: CallMedia }
  | { type: 'accept'; peerId: string }
  | { type: 'decline'; peerId: string }
  | { type: 'hangUp' }
  /** The page has been loaded again while the device was in a call. */
  | { type: 'resume'; callId: string; peerId: string; startedBy: string }
  /** The microphone is open, or cannot be opened. */
  | { type: 'ready' }
  | { type: 'noMedia'; error: FunnelcastError }
  /** The server tells how the call is now. `busyAs` is the id for declining it because the user is in another one. */
  | { type: 'update'; call: Call; busyAs?: string | undefined }
  | { type: 'refused'; change: CallChange; callId: string; error: FunnelcastError; call?: Call | undefined }
  /** From how many others media flow, and whether the pages of all of them are gone. */
  | { type: 'peers'; connected: number; isDeserted: boolean }
  /** The time limit of the state has passed. */
  | { type: 'timeout' }
  /** The channel has been joined on another connection. */
  | { type: 'rejoined' }
  /** The user may not be in the conversation any more, or the client was closed. */
  | { type: 'removed'; error: FunnelcastError | null };

/** A request to the server. */
export interface CallRequest {
  change: CallChange;
  callId: string;
  peerId: string;
  media?: CallMedia;
  reason?: CallReason;
}

/** The machine before anything has happened. */
export function idle(userId: string): Machine {
  return {
    phase: 'idle',
    direction: null,
    reason: null,
    error: null,
    userId,
    peerId: '',
    role: 'none',
    callId: undefined,
    media: 'audio',
    isReady: false,
    isSent: false,
    hasConnected: false,
    isDeserted: false,
    replaces: undefined,
    latest: undefined,
    ringMs: RINGING_MS,
  };
}

/**
 * How long this state may last, in milliseconds, each from when it began to count; none if it may last for ever. What the others
 * say may add a limit and take that back, but never changes the first one.
 */
export function limitsOf(machine: Machine): number[] {
  const { phase, isSent, isDeserted, ringMs } = machine;
  // While the user is asked for the microphone, the call rings.
  if (phase === 'ringing' || (phase === 'connecting' && !isSent)) return [ringMs + SPARE_MS];
  if (phase === 'connecting') return [CONNECTING_MS_MAX];
  if (phase !== 'reconnecting') return [];
  return isDeserted ? [RECONNECTING_MS_MAX, RELOADING_MS_MAX] : [RECONNECTING_MS_MAX];
}

/** How long a call rings, by the server's clock alone: that of this device may be wrong. `undefined` if it does not ring. */
export function ringMsOf({ startedAt, ringsUntil }: Call): number | undefined {
  return ringsUntil === undefined ? undefined : Date.parse(ringsUntil) - Date.parse(startedAt);
}

/** The call that a machine is about, as the server told last. */
export function callOf({ callId, latest }: Machine): Call | undefined {
  return latest?.callId === callId ? latest : undefined;
}

/** The devices of others from which media come. */
export function othersOf(machine: Machine): Call['participants'] {
  const call = callOf(machine);
  if (machine.role !== 'joined' || call?.state !== 'active') return [];
  return call.participants.filter(({ state, peerId }) => state === 'joined' && peerId !== machine.peerId);
}

/** Whether a call is not over. */
export function isLive(call: Call | undefined): call is Call {
  return call !== undefined && call.state !== 'ended';
}

/** Whether the server has this device in the call, or may have it there once it has served what was sent. */
export function mayBeIn(machine: Machine): boolean {
  const { role, isSent, peerId } = machine;
  const listed = callOf(machine)?.participants.find(of => of.peerId === peerId);
  return isSent || role === 'joined' || listed?.state === 'joined';
}

/** Whether the call rings for the user of this device, who has not answered it, though they may be about to. */
export function isToAnswer(machine: Machine): boolean {
  const isAnswered = machine.role === 'starting' || machine.replaces !== undefined || mayBeIn(machine);
  return callOf(machine)?.state === 'ringing' && !isAnswered;
}

/** How a call has ended for those who were in it or were called. */
export function outcomeOf({ outcome = 'ended', participants, startedBy }: Call): CallEndReason {
  const isBusy = participants.some(({ userId, reason }) => userId !== startedBy && reason === 'busy');
  return outcome === 'declined' && isBusy ? 'busy' : outcome;
}

/** Whether a call has as many users as it can have. */
export function isFull({ participants = [] }: Partial<Call> = {}): boolean {
  return participants.filter(({ state }) => state === 'joined').length >= CALL_USERS_MAX;
}

/** Whether the conversation has a call in which the user is not. */
export function isJoinable({ latest, userId }: Pick<Machine, 'latest' | 'userId'>): boolean {
  return isLive(latest) && joinedDevice({ latest, userId }) === undefined;
}

/** The device by which the user is in the call, as the server told last. */
function joinedDevice({ latest, userId }: Pick<Machine, 'latest' | 'userId'>): string | undefined {
  return latest?.participants.find(of => of.userId === userId && of.state === 'joined')?.peerId;
}

/** Another device of the user that is in the call, or was until it vanished. This one has left if it is still listed. */
export function otherDevice(machine: Machine): string | undefined {
  const device = joinedDevice(machine);
  return isLive(machine.latest) && device !== machine.peerId ? device : undefined;
}
