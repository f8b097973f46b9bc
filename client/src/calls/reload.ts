/**
 * A call over a page that is loaded again: what the next page needs to take the same part in it is kept while there is no page.
 *
 * It is read once, and written when the page goes, so that a tab that is duplicated does not have it.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { CallEnvironment } from './call-environment.js';
import type { LocalState } from './call-state.js';
import type { Machine } from './machine.js';

/** How long after the page has gone the next one may continue its call. */
const KEPT_MS_MAX = 60_000;

/** A device's part in a call. */
export interface KeptCall extends Partial<Pick<LocalState, 'isMuted' | 'video'>> {
  callId: string;
  peerId: string;
}

const nameOf = (channel: ConversationChannel) => `funnelcast.call.${channel}`;

/** Keeps the device's part in a call, if it has one, for the next page. Returns whether it has one. */
export function keepForReload(
  { storage }: CallEnvironment,
  channel: ConversationChannel,
  { role, isSent, callId, peerId }: Machine,
  { isMuted, video }: Partial<LocalState> = {},
): boolean {
  if (role === 'none' || !isSent || callId === undefined) return false;
  try {
    const text = JSON.stringify({ callId, peerId, isMuted, video, at: Date.now() });
    storage?.setItem(nameOf(channel), text);
  } catch {
    // Without room, the call ends with its page.
  }
  return true;
}

/** Takes the call that the page before this one has kept, if that was just now. */
export function takeKept({ storage }: CallEnvironment, channel: ConversationChannel): KeptCall | undefined {
  try {
    const kept = JSON.parse(storage?.getItem(nameOf(channel)) ?? 'null');
    storage?.removeItem(nameOf(channel));
    return kept && Date.now() - kept.at < KEPT_MS_MAX ? kept : undefined;
  } catch {
    return undefined;
  }
}
