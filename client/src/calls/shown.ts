/**
 * What an app shows of a call.
 *
 * @module
 */

import type { CallPeer, CallState, LocalState } from './call-state.js';
import { SILENT } from './local-media.js';
import { isJoinable, type Machine } from './machine.js';

/** The state before anything is known. */
export const INITIAL: CallState = {
  ...SILENT,
  state: 'idle',
  direction: null,
  reason: null,
  error: null,
  call: null,
  canJoin: false,
  peers: [],
};

/** The state of a call. */
export function shown(machine: Machine, peers: readonly CallPeer[], local: LocalState = SILENT): CallState {
  const { phase, direction, reason, error, latest, role } = machine;
  return {
    ...local,
    state: phase,
    direction,
    reason: phase === 'ended' ? reason : null,
    error,
    call: latest ?? null,
    canJoin: role === 'none' && isJoinable(machine),
    peers,
  };
}
