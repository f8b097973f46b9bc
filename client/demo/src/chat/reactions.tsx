import type { ConversationMessage, UseConversation } from 'funnelcast/react';

/** The reactions that the picker offers, and their names for a screen reader. Any other emoji would do as well. */
export const EMOJIS = { '👍': 'thumbs up', '❤️': 'heart', '🎉': 'party', '😮': 'surprise' } as const;

/** Whether a user has reacted to a message with an emoji, as far as is known: the first 50 users are listed. */
export function hasReacted({ reactions = [] }: ConversationMessage, emoji: string, user: string): boolean {
  return reactions.some(reaction => reaction.emoji === emoji && reaction.users.includes(user));
}

/** The reactions to a message. Each is a button that adds the user's own, or takes it back. */
export function Reactions({
  message,
  me,
  react,
}: {
  message: ConversationMessage;
  me: string;
  react: UseConversation['react'];
}) {
  const { reactions = [] } = message;
  if (reactions.length === 0) return null;
  return (
    <ul className="reactions" aria-label="Reactions">
      {reactions.map(({ emoji, count }) => {
        const isOn = hasReacted(message, emoji, me);
        return (
          <li key={emoji}>
            <button
              type="button"
              className="chip"
              aria-pressed={isOn}
              onClick={() => void react(message, emoji, !isOn)}
            >
              {emoji} {count}
            </button>
          </li>
        );
      })}
    </ul>
  );
}
