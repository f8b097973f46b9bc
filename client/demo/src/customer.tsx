import { useInbox, useUnread } from 'funnelcast/react';
import { useState } from 'react';
import { Ring } from './calls/ring.js';
import { Chat } from './chat/chat.js';
import { Icon } from './icon.js';
import { Notifications } from './notifications.js';
import type { Person } from './people.js';
import { PersonHead } from './person-head.js';
import type { Room } from './room.js';

export interface CustomerProps {
  me: Person;
  room: Room;
  isChatOpen: boolean;
  onChat: (isOpen: boolean) => void;
}

/** The app of a customer, who has access to nothing of the company but their own conversation. */
export function Customer({ me, room, isChatOpen, onChat }: CustomerProps) {
  const { name } = room.merchant;
  // Without an open chat nobody is there to be called, but a call goes on when it is closed.
  const [isInCall, setIsInCall] = useState(false);
  const toggle = (
    <>
      {!isChatOpen && <Unread me={me} />}
      <button
        type="button"
        className="icon-button"
        aria-label={`Chat with ${name}`}
        title={isChatOpen ? 'Close the chat' : 'Open the chat'}
        aria-expanded={isChatOpen}
        onClick={() => onChat(!isChatOpen)}
      >
        <Icon name="chat" />
      </button>
    </>
  );
  return (
    <>
      <PersonHead me={me} tools={toggle}>
        Customer
      </PersonHead>
      <Notifications userId={me.id} />
      {(isChatOpen || isInCall) && (
        <Ring conversationId={room.conversationId} other={room.merchant} onCall={setIsInCall} />
      )}
      {isChatOpen ? <OpenChat me={me} room={room} /> : <p className="empty">The chat is closed.</p>}
    </>
  );
}

/** How many messages wait for a user who is elsewhere in the app. */
function Unread({ me }: { me: Person }) {
  const unread = useUnread(`user:${me.id}`);
  return (
    <output>
      {unread > 0 && (
        <span className="unread">
          {unread > 99 ? '99+' : unread} <span className="for-readers">unread</span>
        </span>
      )}
    </output>
  );
}

function OpenChat({ me, room }: { me: Person; room: Room }) {
  const { conversationId, merchant } = room;
  const { conversations } = useInbox(`user:${me.id}`);
  const readN = conversations.find(entry => entry.conversationId === conversationId)?.readN;
  return <Chat conversationId={conversationId} me={me} other={merchant} readN={readN} />;
}
