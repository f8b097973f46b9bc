import type { ConversationMessage } from 'funnelcast/react';

export interface QuoteProps {
  of: NonNullable<ConversationMessage['replyTo']>;
  /** Returns the name of an author; a message of the app itself has none. */
  nameOf: (userId: string | undefined) => string;
  onJump: (seq: number) => void;
}

/** What a message replies to, as that is now. Pressing it leads there. */
export function Quote({ of: { seq, userId, excerpt }, nameOf, onJump }: QuoteProps) {
  return (
    <button type="button" className="quote" onClick={() => onJump(seq)}>
      <span className="for-readers">In reply to</span> <b>{nameOf(userId)}</b>{' '}
      <span>{excerpt === '' ? 'A file' : (excerpt ?? 'Deleted message')}</span>
    </button>
  );
}
