import type { PresenceState } from 'funnelcast';
import { useWebSocket } from 'funnelcast/react';
import type { ReactNode } from 'react';
import { CodeButton } from '../code/code-button.js';
import { Avatar } from '../person-head.js';
import type { Who } from '../room.js';

const WORDS = { online: 'Online', away: 'Away', offline: 'Not here', unknown: 'Unknown' };

export interface ChatHeadProps {
  other: Who;
  presence: PresenceState;
  unread: number;
  /** What can be done with the whole conversation. */
  children: ReactNode;
}

/** Shows with whom the user chats, and whether they are present. */
export function ChatHead({ other, presence, unread, children }: ChatHeadProps) {
  const { state } = useWebSocket();
  const known = presence.users.find(({ userId }) => userId === other.id)?.status ?? 'offline';
  const status = state === 'connected' ? known : 'unknown';
  return (
    <header className="chat-head">
      <Avatar name={other.name} role={other.role} />
      <h3>{other.name}</h3>
      <output className="presence" data-status={status} aria-label={`Presence of ${other.name}`}>
        {WORDS[status]}
      </output>
      {unread > 0 && <output className="unread">{unread} new</output>}
      {children}
      <CodeButton of="the chat" file="chat/chat.tsx" />
    </header>
  );
}
