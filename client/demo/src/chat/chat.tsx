import { useConversation, useFiles } from 'funnelcast/react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { CallButtons } from '../calls/call-buttons.js';
import { CallPanel } from '../calls/call-panel.js';
import { useDrop } from '../files/use-drop.js';
import { Moderation } from '../moderation/moderation.js';
import type { Person } from '../people.js';
import type { Who } from '../room.js';
import type { AllChats } from '../search/scope.js';
import { FindButton, Search } from '../search/search.js';
import { useFind } from '../search/use-find.js';
import { ChatFoot } from './chat-foot.js';
import { ChatHead } from './chat-head.js';
import { stamped, useLatencies } from './latency.js';
import type { Task } from './message-actions.js';
import { MessageList } from './message-list.js';
import { Typing } from './typing.js';
import { useAway } from './use-away.js';
import { useJump } from './use-jump.js';
import { unreadOf, useRead } from './use-read.js';

const PAGE_MESSAGES = 20;

export interface ChatProps {
  conversationId: string;
  me: Person;
  other: Who;
  /** Up to where the user has read, by the `n` of the messages; absent until that is known. */
  readN: number | undefined;
  /** The message that it opens at, instead of the last one. */
  openAt?: number | undefined;
  /** All conversations, if the user may search them. */
  allChats?: AllChats | undefined;
}

interface ConversationProps extends ChatProps {
  onAgain: () => void;
}

/** A conversation between two people. */
export function Chat(props: ChatProps) {
  // A new key makes a new component, which joins again a conversation that was lost.
  const [attempt, setAttempt] = useState(0);
  const again = () => setAttempt(attempt + 1);
  return <Conversation key={`${props.conversationId} ${attempt}`} {...props} onAgain={again} />;
}

function Conversation({ conversationId, me, other, readN, openAt, allChats, onAgain }: ConversationProps) {
  const conversation = useConversation(conversationId, { pageSize: PAGE_MESSAGES });
  const { messages, isLoading, error, typing, send, edit, markAsRead } = conversation;
  const files = useFiles(conversationId);
  const { isOver, handlers } = useDrop(files.add);
  const [task, setTask] = useState<Task>();
  const [list, onJump] = useJump(conversation, openAt);
  const chat = useRef<HTMLElement>(null);
  const unread = useRead(chat, unreadOf(messages, me.id, readN), markAsRead);
  const latencies = useLatencies(messages, isLoading);
  const find = useFind();
  useAway(conversationId);
  const write = useCallback((content: string) => void send(content, { metadata: stamped() }), [send]);
  usePen(me.pen, write);

  const submit = (content: string) => {
    if (task?.kind === 'edit') void edit(task.message, content);
    else void files.send(content, { metadata: stamped(), replyTo: task?.message });
    conversation.sendTyping(false);
    setTask(undefined);
  };
  const nameOf = (userId: string | undefined) =>
    userId === me.id ? 'You' : userId === other.id ? other.name : 'Assistant';
  const common = { me: me.id, isTeam: me.role === 'merchant', nameOf, onJump, onTask: setTask };
  const empty = isLoading ? 'Loading…' : (error?.message ?? `Say hello to ${other.name}.`);

  return (
    <section
      className="chat"
      aria-label={`Chat of ${me.name}`}
      ref={chat}
      data-over={isOver}
      onKeyDown={find.onKeyDown}
      {...handlers}
    >
      <ChatHead other={other} presence={conversation.presence} unread={unread.length}>
        <CallButtons conversationId={conversationId} other={other} />
        <FindButton find={find} />
        {common.isTeam && <Moderation {...me} conversationId={conversationId} other={other} />}
      </ChatHead>
      <CallPanel conversationId={conversationId} other={other} />
      {find.isOpen && <Search {...{ conversationId, allChats, find, nameOf, onJump }} />}
      <MessageList
        {...conversation}
        {...common}
        list={list}
        label={`Messages with ${other.name}`}
        latencies={latencies}
      >
        {messages.length === 0 && <p className="empty">{empty}</p>}
      </MessageList>
      <Typing names={typing.map(({ userName }) => userName)} />
      <ChatFoot
        files={files}
        mute={conversation.mute}
        error={error}
        removed={conversation.removed}
        to={other.name}
        task={task}
        onSend={submit}
        onTyping={conversation.sendTyping}
        onCancel={() => setTask(undefined)}
        onAgain={onAgain}
      />
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
