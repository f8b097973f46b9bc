/**
 * A call over a page that is loaded again: what the next page needs to take the same part in it is kept while there is no page.
 *
 * It is read once, and written when the page goes, so that a tab that is duplicated does not have it.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Call } from '../wire.js';
import type { CallEnvironment } from './call-environment.js';
import type { LocalState } from './call-state.js';
import type { Machine } from './machine.js';

/** How long after the page has gone the next one may continue its call. */
const KEPT_MS_MAX = 60_000;

/** A device's part in a call. */
export interface KeptCall extends Partial<Pick<LocalState, 'isMuted' | 'video'>> {
  callId: string;
  peerId: string;
  /** When the page that had it has gone. */
  at: number;
}

/** The part in the call of a conversation that one page of a tab passes on to the next. */
export class Reload {
  /** What the page before this one has kept, if that was just now. */
  taken: KeptCall | undefined;
  /** Whether this page has gone and has kept its part for the next one. */
  isKept = false;
  readonly #env: () => CallEnvironment;
  readonly #name: string;

  constructor(env: () => CallEnvironment, channel: ConversationChannel) {
    this.#env = env;
    this.#name = `funnelcast.call.${channel}`;
  }

  /** Takes what the page before this one has kept. */
  take(): void {
    this.isKept = false;
    this.taken = undefined;
    const { storage } = this.#env();
    try {
      const kept = JSON.parse(storage?.getItem(this.#name) ?? 'null');
      storage?.removeItem(this.#name);
      if (kept && Date.now() - kept.at < KEPT_MS_MAX) this.taken = kept;
    } catch {
      // Without it, the call has ended with its page.
    }
  }

  /** The part in this call that has been taken, if there is one. */
  partIn({ callId, state, participants }: Call): KeptCall | undefined {
    const { taken } = this;
    const isIn = callId === taken?.callId && participants.some(of => of.peerId === taken.peerId);
    return isIn && state !== 'ended' ? taken : undefined;
  }

  /** Keeps the device's part in a call, or the one that it was about to take up. Returns whether it has one. */
  keep({ role, isSent, callId, peerId }: Machine, { isMuted, video }: Partial<LocalState> = {}): boolean {
    const isIn = role !== 'none' && isSent && callId !== undefined;
    const isStillTaken = callId === undefined || (role !== 'none' && peerId === this.taken?.peerId);
    const taken = isStillTaken ? this.taken : undefined;
    const kept = isIn ? { callId, peerId, isMuted, video, at: Date.now() } : taken;
    this.isKept = kept !== undefined;
    try {
      if (kept) this.#env().storage?.setItem(this.#name, JSON.stringify(kept));
    } catch {
      // Without room, the call ends with its page.
    }
    return this.isKept;
  }
}
