/**
 * Who types. An indicator that is not renewed is forgotten after 6 seconds, because its end may be lost.
 *
 * @module
 */

import type { ConversationChannel } from './channels.js';
import type { Client } from './client.js';
import type { TypingIndicator } from './wire.js';

/** How long an indicator counts, in milliseconds. */
export const TYPING_MS = 6_000;
/** How often one's own is renewed while keys are pressed. */
const RENEW_MS = 3_000;

interface Typist {
  typing: TypingIndicator;
  cancel: () => void;
}

/**
 * Follows who types in a conversation.
 *
 * @param listener - told when somebody begins, goes on, and stops: because they say so, because they send their message,
 *   or because nothing more was heard of them
 * @returns what ends it
 *
 * @example
 * ```ts
 * const stop = watchTyping(client, 'conversation:conv-123', ({ userName, isTyping }) => show(userName, isTyping));
 * ```
 */
export function watchTyping(
  client: Client,
  channel: ConversationChannel,
  listener: (typing: TypingIndicator) => void,
): () => void {
  const typists = new Map<string, Typist>();
  const hear = (typing: TypingIndicator) => {
    const known = typists.get(typing.userId);
    if (known && typing.timestamp < known.typing.timestamp) return;
    known?.cancel();
    // One who has stopped is remembered for as long as what they said before may still come.
    const forget = () => (typing.isTyping ? stop(typing.userId) : typists.delete(typing.userId));
    typists.set(typing.userId, { typing, cancel: client.environment.after(TYPING_MS, forget) });
    if (typing.isTyping || known?.typing.isTyping) listener(typing);
  };
  const stop = (userId: string | undefined) => {
    const typist = typists.get(userId ?? '');
    if (typist?.typing.isTyping) hear({ ...typist.typing, isTyping: false });
  };
  const subscription = client.subscribe(channel, event => {
    if (event.event === 'chat.typing') hear(event.data);
    else if (event.event === 'chat.message') stop(event.data.userId);
  });
  return () => {
    subscription.unsubscribe();
    for (const { cancel } of typists.values()) cancel();
    typists.clear();
  };
}

/**
 * Makes a function that says whether we type: to be called at every key press, and told only as often as it must be. That
 * it could not be told is no error.
 *
 * @example
 * ```ts
 * const isTyping = typingNotice(client, 'conversation:conv-123');
 * input.oninput = () => isTyping(true);
 * input.onblur = () => isTyping(false);
 * ```
 */
export function typingNotice(client: Client, channel: ConversationChannel): (isTyping: boolean) => void {
  let toldAt: number | undefined;
  return isTyping => {
    const now = client.environment.now();
    const passed = toldAt === undefined ? undefined : now - toldAt;
    // Less than nothing has passed where somebody has set the clock.
    const isDue = isTyping ? passed === undefined || passed < 0 || passed >= RENEW_MS : passed !== undefined;
    if (!isDue) return;
    toldAt = isTyping ? now : undefined;
    client.send(channel, 'chat.typing', { isTyping }).catch(() => {});
  };
}
