import type { CallEndReason, CallState } from 'funnelcast/calls';
import { inMinutes } from '../files/words.js';

/** Why a call has ended, in words for a user. */
const REASONS: Record<CallEndReason, string> = {
  ended: 'The call has ended',
  missed: 'No answer',
  declined: 'Declined',
  busy: 'Busy in another call',
  canceled: 'Call canceled',
  elsewhere: 'Answered on another device',
  full: 'As many are in the call as it can have',
  not_permitted: 'The microphone may not be used',
  no_microphone: 'There is no microphone',
  failed: 'No connection',
};

/** Where a call stands, in words for a user. */
export function wordsOf({ state, reason, peers }: CallState, other: string): string {
  switch (state) {
    case 'ringing':
      return `Calling ${other}…`;
    case 'connecting':
      return 'Connecting…';
    case 'connected':
      return `In a call with ${peers.map(({ name }) => name).join(', ')}`;
    case 'reconnecting':
      return 'The connection is lost. Looking for another one…';
    case 'ended':
      return reason ? REASONS[reason] : '';
    case 'idle':
      return '';
  }
}

/** A call that is over, in words. */
export function lineOf(
  call: NonNullable<CallState['call']>['outcome'],
  caller: string,
  durationMs: number,
): string {
  const by = caller === 'You' ? 'You called' : `${caller} called`;
  if (durationMs > 0) return `${by}: ${inMinutes(durationMs)}`;
  const how = {
    ended: 'ended',
    missed: 'no answer',
    declined: 'declined',
    canceled: 'canceled',
    failed: 'no connection',
  };
  return `${by}: ${how[call ?? 'ended']}`;
}
