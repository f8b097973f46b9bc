/**
 * Mutes: follows why the user may not send in a conversation, until they may again.
 *
 * @module
 */

import type { ConversationChannel } from './channels.js';
import type { Client } from './client.js';
import type { Mute } from './wire.js';

/** The longest time that a timer of a browser waits, in milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Follows whether the user has been muted in a conversation: whoever is may read it, and not send.
 *
 * @param listener - called with the mute when it begins or changes, and with `null` when the user may send again
 * @returns a function that ends it
 *
 * @example
 * ```ts
 * const stop = watchMute(client, 'conversation:conv-123', mute => {
 *   if (mute) show(`You may not write here until ${mute.until ?? 'further notice'}. ${mute.reason ?? ''}`);
 * });
 * ```
 */
export function watchMute(
  client: Client,
  channel: ConversationChannel,
  listener: (mute: Mute | null) => void,
): () => void {
  const { environment } = client;
  let shown: Mute | null = null;
  let cancel: (() => void) | undefined;
  // Only the server's clock counts; that of the device may be wrong.
  const show = (told: Mute | null, leftMs: number | undefined) => {
    cancel?.();
    cancel = undefined;
    const mute = leftMs !== undefined && leftMs <= 0 ? null : told;
    if (mute && leftMs !== undefined) {
      const waitMs = Math.min(leftMs, TIMER_MAX_MS);
      cancel = environment.after(waitMs, () => show(mute, leftMs - waitMs));
    }
    if (mute?.until === shown?.until && mute?.reason === shown?.reason && !mute === !shown) return;
    shown = mute;
    listener(mute);
  };
  const { unsubscribe } = client.subscribe(
    channel,
    event => {
      if (event.event !== 'access.muted') return;
      const { mute } = event.data;
      const leftMs = mute?.until ? Date.parse(mute.until) - Date.parse(event.at) : undefined;
      show(mute ?? null, leftMs);
    },
    {
      onJoined: ({ mute, muteEndsInMs }) => {
        if (mute !== undefined) show(mute, muteEndsInMs);
      },
    },
  );
  return () => {
    unsubscribe();
    cancel?.();
  };
}
