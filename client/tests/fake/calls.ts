/** The calls of a server: what each request makes of the call of a conversation, as the real server decides it. */

import { CALL_USERS_MAX, type Call, type CallUser } from '../../src/wire.js';

/** How long a call rings. */
export const RINGS_MS = 45_000;

/** A request, and who makes it. */
export interface CallRequestOf {
  change: string;
  callId: string;
  peerId: string;
  media?: Call['media'];
  reason?: 'busy' | 'failed';
  userId: string;
}

/** Why a request was refused. */
export class CallRefusal extends Error {
  readonly code: 'conflict' | 'not_found';
  readonly call: Call | undefined;

  constructor(code: 'conflict' | 'not_found', message: string, call?: Call) {
    super(message);
    this.code = code;
    this.call = call;
  }
}

/** The name of a user: `user_1` is Ann. */
export const nameOf = (userId: string) =>
  ({ user_1: 'Ann', user_2: 'Bob', user_3: 'Cleo' })[userId] ?? userId;

/** What a request makes of a call. Returns the same object if it changes nothing; throws a {@link CallRefusal}. */
export function changed(
  call: Call | undefined,
  request: CallRequestOf,
  asked: readonly string[],
  now = Date.now(),
  isGone: (peerId: string) => boolean = () => false,
): Call {
  const until = call?.state === 'ringing' ? Date.parse(call.ringsUntil ?? '') : Number.POSITIVE_INFINITY;
  return changedNow(call && until <= now ? rungOut(call, until) : call, request, asked, now, isGone);
}

function changedNow(
  call: Call | undefined,
  request: CallRequestOf,
  asked: readonly string[],
  now: number,
  isGone: (peerId: string) => boolean,
): Call {
  if (request.change === 'start' && !(call && isLive(call)) && call?.callId !== request.callId)
    return started(call, request, now);
  if (!call) throw new CallRefusal('not_found', 'there is no such call');
  if (call.callId !== request.callId) {
    if (request.change === 'leave' || request.change === 'decline') return call;
    throw new CallRefusal('conflict', 'the conversation has another call', call);
  }
  switch (request.change) {
    case 'start': {
      if (!isLive(call)) throw new CallRefusal('conflict', 'the call has ended', call);
      if (ownOf(call, request)?.peerId !== request.peerId) throw new CallRefusal('conflict', 'join it', call);
      return call;
    }
    case 'accept':
      return accepted(call, request, now, isGone);
    case 'decline':
      return declined(call, request, asked, now);
    default:
      return left(call, request, now);
  }
}

export const isLive = ({ state }: Call) => state !== 'ended';

/** The call has rung for too long. */
export function rungOut(call: Call, now = Date.now()): Call {
  return call.state === 'ringing' ? ended(bumped(call), 'missed', now) : call;
}

const at = (ms: number) => new Date(ms).toISOString();

function started(
  before: Call | undefined,
  { callId, userId, peerId, media }: CallRequestOf,
  now: number,
): Call {
  return {
    callId,
    conversationId: 'c1',
    revision: Math.max(now, (before?.revision ?? 0) + 1),
    state: 'ringing',
    media: media ?? 'audio',
    startedBy: userId,
    startedAt: at(now),
    ringsUntil: at(now + RINGS_MS),
    participants: [{ userId, name: nameOf(userId), peerId, state: 'joined' }],
  };
}

function accepted(
  call: Call,
  request: CallRequestOf,
  now: number,
  isGone: (peerId: string) => boolean,
): Call {
  const { userId, peerId } = request;
  if (!isLive(call)) throw new CallRefusal('conflict', 'the call has ended', call);
  const own = ownOf(call, request);
  if (own?.state === 'joined' && own.peerId === peerId) return call;
  if (own?.state === 'joined' && !isGone(own.peerId))
    throw new CallRefusal('conflict', 'another device has answered', call);
  if (own?.state === 'left' && own.peerId === peerId) throw new CallRefusal('conflict', 'it has left', call);
  const others = joinedOf(call).filter(of => of.userId !== userId);
  if (others.length >= CALL_USERS_MAX) throw new CallRefusal('conflict', 'the call is full', call);
  const next = put(bumped(call), { userId, name: nameOf(userId), peerId, state: 'joined' });
  if (next.state === 'active' || joinedOf(next).length < 2) return next;
  const { ringsUntil: _, ...rest } = next;
  return { ...rest, state: 'active', acceptedAt: at(now) };
}

function declined(call: Call, request: CallRequestOf, asked: readonly string[], now: number): Call {
  const { userId, peerId, reason } = request;
  const own = ownOf(call, request);
  if (!isLive(call) || own?.state === 'declined') return call;
  if (own?.state === 'joined') throw new CallRefusal('conflict', 'another device has answered', call);
  const user: CallUser = {
    userId,
    name: nameOf(userId),
    peerId,
    state: 'declined',
    ...(reason && { reason }),
  };
  const next = put(bumped(call), user);
  const others = asked.filter(id => id !== call.startedBy);
  const isRefused = others.every(id => ownOf(next, { userId: id })?.state === 'declined');
  return next.state === 'ringing' && isRefused ? ended(next, 'declined', now) : next;
}

function left(call: Call, request: CallRequestOf, now: number): Call {
  const own = ownOf(call, request);
  if (!isLive(call) || own?.state !== 'joined' || own.peerId !== request.peerId) return call;
  const { reason } = request;
  const next = put(bumped(call), { ...own, state: 'left', ...(reason && { reason }) });
  if (joinedOf(next).length >= (call.state === 'ringing' ? 1 : 2)) return next;
  if (reason === 'failed') return ended(next, 'failed', now);
  return ended(next, call.state === 'ringing' ? 'canceled' : 'ended', now);
}

const bumped = (call: Call): Call => ({ ...call, revision: call.revision + 1 });

const ended = (call: Call, outcome: NonNullable<Call['outcome']>, now: number): Call => ({
  ...call,
  state: 'ended',
  outcome,
  endedAt: at(now),
});

export const joinedOf = ({ participants }: Call) => participants.filter(({ state }) => state === 'joined');

export const ownOf = ({ participants }: Call, { userId }: { userId: string }) =>
  participants.find(of => of.userId === userId);

function put(call: Call, user: CallUser): Call {
  return { ...call, participants: [...call.participants.filter(of => of.userId !== user.userId), user] };
}
