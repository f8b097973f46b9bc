'use client';

import { useConversation, useFiles } from 'funnelcast/react';
import { type ReactNode, useEffect, useState } from 'react';
import type { Person } from '@/lib/people';
import { Composer } from './composer';
import { Uploads } from './files';
import { Message, type Task } from './message';
import { Search } from './search';

export interface ChatProps {
  me: Person;
  other: Person;
  conversationId: string;
  children?: ReactNode;
}

/** The conversation with another person. */
export function Chat({ me, other, conversationId, children }: ChatProps) {
  const conversation = useConversation(conversationId);
  const { messages, hasOlder, loadOlder, edit, sendTyping, typing, presence, mute, removed, error } =
    conversation;
  const files = useFiles(conversationId);
  const [task, setTask] = useState<Task>();
  const isHere = presence.users.some(({ userId, status }) => userId === other.id && status === 'online');
  const typists = typing.map(({ userName }) => userName).join(' and '); // the other person, or the assistant
  const lastOfOther = messages.findLast(({ userId }) => userId === other.id)?.seq;
  useReading(lastOfOther, conversation.markAsRead);

  const submit = (content: string) => {
    if (task?.kind === 'edit') void edit(task.message, content);
    else void files.send(content, { replyTo: task?.message }); // alone, if there are no files
    setTask(undefined);
  };
  return (
    <section className="chat" aria-label="Chat">
      <h2>
        {other.name} <output aria-label="Presence">{isHere ? 'online' : 'not here'}</output>
      </h2>
      {children}
      <Search conversationId={conversationId} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable element must be reachable by keyboard */}
      <div className="messages" role="log" aria-label={`Messages with ${other.name}`} tabIndex={0}>
        <ol>
          {hasOlder && (
            <li>
              <button type="button" onClick={loadOlder}>
                Earlier messages
              </button>
            </li>
          )}
          {messages.map(message => (
            <Message key={message.key} message={message} me={me} onTask={setTask} {...conversation} />
          ))}
        </ol>
      </div>
      {error && <p role="alert">{error.reason ?? error.message}</p>}
      {removed && <p role="alert">You have been taken out of this conversation: {removed.reason}</p>}
      {mute && (
        <p role="alert">
          You may not write here{mute.until && ` until ${new Date(mute.until).toLocaleTimeString()}`}: {mute.reason}
        </p>
      )}
      <p className="typing">{typists && `${typists} is typing…`}</p>
      <Uploads {...files} />
      {!mute && !removed && (
        <Composer
          key={task?.kind === 'edit' ? task.message.key : 'new'}
          to={other.name}
          task={task}
          onSend={submit}
          onCancel={() => setTask(undefined)}
          onTyping={sendTyping}
          onFiles={task?.kind === 'edit' ? undefined : files.add}
          hasFiles={task?.kind !== 'edit' && files.uploads.length > 0}
        />
      )}
    </section>
  );
}

/** Marks messages as read while the user can see them. */
function useReading(lastOfOther: number | undefined, markAsRead: () => Promise<void>): void {
  useEffect(() => {
    if (lastOfOther === undefined) return;
    const read = () => {
      if (document.visibilityState === 'visible') markAsRead().catch(console.error);
    };
    read();
    document.addEventListener('visibilitychange', read);
    return () => document.removeEventListener('visibilitychange', read);
  }, [lastOfOther, markAsRead]);
}
