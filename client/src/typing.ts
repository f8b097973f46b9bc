/**
 * Typing indicators: who is typing in a conversation. An indicator that is not renewed expires after 6 seconds, because the
 * event that ends it may be lost.
 *
 * @module
 */

import type { ConversationChannel } from './channels.js';
import type { Client } from './client.js';
import type { TypingIndicator } from './wire.js';

/** How long an indicator is valid, in milliseconds. */
const TYPING_MS = 6_000;
/** How often the own indicator is renewed while the user types. */
const RENEW_MS = 3_000;

interface Typist {
  typing: TypingIndicator;
  cancel: () => void;
}

/**
 * Follows who is typing in a conversation.
 *
 * @param listener - called when a user begins to type, continues, and stops: because they said so, because they sent their
 *   message, or because their indicator expired
 * @returns a function that ends it
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
  const update = (typing: TypingIndicator) => {
    const known = typists.get(typing.userId);
    if (known && typing.timestamp < known.typing.timestamp) return;
    known?.cancel();
    // A user who has stopped is remembered for as long as an earlier indicator may still arrive.
    const expire = () => (typing.isTyping ? stop(typing.userId) : typists.delete(typing.userId));
    typists.set(typing.userId, { typing, cancel: client.environment.after(TYPING_MS, expire) });
    if (typing.isTyping || known?.typing.isTyping) listener(typing);
  };
  const stop = (userId: string | undefined) => {
    const typist = typists.get(userId ?? '');
    if (typist?.typing.isTyping) update({ ...typist.typing, isTyping: false });
  };
  const subscription = client.subscribe(channel, event => {
    if (event.event === 'chat.typing') update(event.data);
    else if (event.event === 'chat.message') stop(event.data.userId);
  });
  return () => {
    subscription.unsubscribe();
    for (const { cancel } of typists.values()) cancel();
    typists.clear();
  };
}

/**
 * Makes a function that reports whether the user is typing. Call it on every key press: it sends no more events than
 * necessary. Failures to send are ignored.
 *
 * @example
 * ```ts
 * const isTyping = typingNotice(client, 'conversation:conv-123');
 * input.oninput = () => isTyping(true);
 * input.onblur = () => isTyping(false);
 * ```
 */
export function typingNotice(client: Client, channel: ConversationChannel): (isTyping: boolean) => void {
  let sentAt: number | undefined;
  return isTyping => {
    const now = client.environment.now();
    const elapsed = sentAt === undefined ? undefined : now - sentAt;
    // The elapsed time is negative if the clock has been set back.
    const isDue = isTyping
      ? elapsed === undefined || elapsed < 0 || elapsed >= RENEW_MS
      : elapsed !== undefined;
    if (!isDue) return;
    sentAt = isTyping ? now : undefined;
    client.send(channel, 'chat.typing', { isTyping }).catch(() => {});
  };
}
