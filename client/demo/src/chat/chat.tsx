import { useConversation } from 'funnelcast/react';
import { useEffect, useRef, useState } from 'react';
import type { Who } from '../room.js';
import { ChatHead } from './chat-head.js';
import { Composer } from './composer.js';
import { MessageList } from './message-list.js';
import { useAway } from './use-away.js';
import { useRead } from './use-read.js';
import { useRemoval } from './use-removal.js';

const PAGE_MESSAGES = 20;
/** How long to wait before joining again a conversation that the server refuses. */
const AGAIN_MS = 1_000;

export interface ChatProps {
  conversationId: string;
  me: Who;
  other: Who;
}

/** A conversation between two people. */
export function Chat(props: ChatProps) {
  // A new key makes a new component, which joins again a conversation that was refused or lost.
  const [attempt, setAttempt] = useState(0);
  return <Conversation key={attempt} {...props} onAgain={() => setAttempt(attempt + 1)} />;
}

function Conversation({ conversationId, me, other, onAgain }: ChatProps & { onAgain: () => void }) {
  const conversation = useConversation(conversationId, { pageSize: PAGE_MESSAGES });
  const { messages, hasOlder, isLoading, loadOlder, send, retry, discard, typing, error, sendTyping } =
    conversation;
  const chat = useRef<HTMLElement>(null);
  const unread = useRead(chat, conversationId, me.id, conversation);
  const removal = useRemoval(conversationId);
  useAway(conversationId);

  // The backend has not announced this conversation yet.
  const isUnknown = error?.code === 'forbidden';
  useEffect(() => {
    if (!isUnknown) return;
    const timer = setTimeout(onAgain, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [isUnknown, onAgain]);

  return (
    <section className="chat" aria-label={`Chat of ${me.name}`} ref={chat}>
      <ChatHead other={other} presence={conversation.presence} unread={unread} />
      <MessageList
        me={me.id}
        label={`Messages with ${other.name}`}
        messages={messages}
        hasOlder={hasOlder}
        onOlder={loadOlder}
        onRetry={retry}
        onDiscard={discard}
      >
        {messages.length === 0 && (
          <p className="empty">
            {isLoading || isUnknown ? 'Loading…' : (error?.message ?? `Say hello to ${other.name}.`)}
          </p>
        )}
      </MessageList>
      <p className="typing" role="status">
        {typing.length > 0 && (
          <>
            <span className="dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>
            {typing.map(({ userName }) => userName).join(', ')} is typing
          </>
        )}
      </p>
      {removal ? (
        <div className="removed" role="alert">
          <p>You have been taken out of this conversation: {removal}</p>
          <button type="button" className="button" onClick={onAgain}>
            Come back
          </button>
        </div>
      ) : (
        <Composer to={other.name} onSend={send} onTyping={sendTyping} />
      )}
    </section>
  );
}
