import { useConversation } from 'funnelcast/react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { unreadOf } from '../inbox/use-watermarks.js';
import type { Person } from '../people.js';
import type { Who } from '../room.js';
import { ChatHead } from './chat-head.js';
import { Composer } from './composer.js';
import { stamped, useLatencies } from './latency.js';
import type { Task } from './message-actions.js';
import { MessageList } from './message-list.js';
import { Typing } from './typing.js';
import { useAway } from './use-away.js';
import { useRead } from './use-read.js';
import { useRemoval } from './use-removal.js';

const PAGE_MESSAGES = 20;

export interface ChatProps {
  conversationId: string;
  me: Person;
  other: Who;
  /** Up to where the user has read the conversation; absent until that is known. */
  watermark: number | undefined;
  onRead: (conversationId: string, seq: number) => void;
}

/** A conversation between two people. */
export function Chat(props: ChatProps) {
  // A new key makes a new component, which joins again a conversation that was lost.
  const [attempt, setAttempt] = useState(0);
  const again = () => setAttempt(attempt + 1);
  return <Conversation key={`${props.conversationId} ${attempt}`} {...props} onAgain={again} />;
}

function Conversation(props: ChatProps & { onAgain: () => void }) {
  const { conversationId, me, other, watermark, onRead, onAgain } = props;
  const conversation = useConversation(conversationId, { pageSize: PAGE_MESSAGES });
  const { messages, isLoading, error, typing, mute, send, edit, sendTyping, markAsRead } = conversation;
  const [task, setTask] = useState<Task>();
  const latencies = useLatencies(messages, isLoading);
  const removal = useRemoval(conversationId);
  useAway(conversationId);

  const unread = unreadOf(messages, me.id, watermark);
  const chat = useRef<HTMLElement>(null);
  const raise = useCallback((seq: number) => onRead(conversationId, seq), [conversationId, onRead]);
  useRead(chat, unread, markAsRead, raise);

  const write = useCallback((content: string) => void send(content, { metadata: stamped() }), [send]);
  usePen(me.pen, write);

  const submit = (content: string) => {
    if (task?.kind === 'edit') void edit(task.message, content);
    else void send(content, { metadata: stamped(), replyTo: task?.message });
    setTask(undefined);
  };
  const nameOf = (userId: string | undefined) =>
    userId === me.id ? 'You' : userId === other.id ? other.name : 'Assistant';

  return (
    <section className="chat" aria-label={`Chat of ${me.name}`} ref={chat}>
      <ChatHead other={other} presence={conversation.presence} unread={unread.length} />
      <MessageList
        {...conversation}
        me={me.id}
        isTeam={me.role === 'merchant'}
        label={`Messages with ${other.name}`}
        latencies={latencies}
        nameOf={nameOf}
        onTask={setTask}
      >
        {messages.length === 0 && (
          <p className="empty">
            {isLoading ? 'Loading…' : (error?.message ?? `Say hello to ${other.name}.`)}
          </p>
        )}
      </MessageList>
      <Typing names={typing.map(({ userName }) => userName)} />
      {removal ? (
        <div className="removed" role="alert">
          <p>You have been taken out of this conversation: {removal}</p>
          <button type="button" className="button" onClick={onAgain}>
            Come back
          </button>
        </div>
      ) : mute ? (
        <div className="removed" role="alert">
          <p>
            You may not write here{mute.until && ` until ${new Date(mute.until).toLocaleString()}`}
            {mute.reason && `: ${mute.reason}`}
          </p>
        </div>
      ) : (
        <Composer
          key={task?.kind === 'edit' ? task.message.key : 'new'}
          to={other.name}
          task={task}
          onSend={submit}
          onTyping={sendTyping}
          onCancel={() => setTask(undefined)}
        />
      )}
    </section>
  );
}

/** Lends the chat's `write` to the buttons of the page. */
function usePen(pen: Person['pen'], write: (content: string) => void): void {
  useEffect(() => {
    pen.write = write;
    return () => {
      delete pen.write;
    };
  }, [pen, write]);
}
