'use client';

import { type ConversationMessage, useConversation } from 'funnelcast/react';
import { type FormEvent, useEffect } from 'react';
import { conversationId, type Person } from '@/lib/people';

/** The conversation with another person. */
export function Chat({ me, other }: { me: Person; other: Person }) {
  const { messages, hasOlder, loadOlder, send, retry, sendTyping, typing, presence, markAsRead, error } =
    useConversation(conversationId);
  const isHere = presence.users.some(({ userId, status }) => userId === other.id && status === 'online');
  const isTyping = typing.some(({ userId }) => userId === other.id);
  const isMine = ({ userId, status }: ConversationMessage) => userId === me.id || status !== 'sent';
  const lastOfOther = messages.findLast(({ userId }) => userId === other.id)?.seq;
  useReading(lastOfOther, markAsRead);

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const content = new FormData(event.currentTarget).get('content') as string;
    event.currentTarget.reset();
    if (content.trim()) void send(content.trim());
  };

  return (
    <section className="chat" aria-label="Chat">
      <h2>
        {other.name} <output aria-label="Presence">{isHere ? 'online' : 'not here'}</output>
      </h2>
      <div className="messages">
        <ol role="log">
          {hasOlder && (
            <button type="button" onClick={loadOlder}>
              Earlier messages
            </button>
          )}
          {messages.map(message => (
            <li key={message.key} data-mine={isMine(message)}>
              {message.deletedAt ? <i>Deleted message</i> : message.content}
              {message.editedAt && !message.deletedAt && <small> edited</small>}
              {isMine(message) && <Status of={message} onRetry={retry} />}
            </li>
          ))}
        </ol>
      </div>
      {error && <p role="alert">{error.message}</p>}
      <p className="typing">{isTyping && `${other.name} is typing…`}</p>
      <form onSubmit={submit} onInput={() => sendTyping(true)} onBlur={() => sendTyping(false)}>
        <input name="content" aria-label={`Message to ${other.name}`} autoComplete="off" />
        <button type="submit">Send</button>
      </form>
    </section>
  );
}

/** How far a message of one's own has come. */
function Status({ of: { key, status, isRead }, onRetry }: { of: ConversationMessage; onRetry: (key: string) => void }) {
  if (status === 'failed')
    return (
      <button type="button" onClick={() => onRetry(key)}>
        Not sent: try again
      </button>
    );
  return <small>{isRead ? 'read' : status}</small>;
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
