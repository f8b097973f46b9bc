'use client';

import type { ConversationMessage, UseConversation } from 'funnelcast/react';
import type { Person } from '@/lib/people';
import { AttachedFile } from './files';

/** What the user is about to send: a reply to a message, or a new text of their own one. */
export interface Task {
  kind: 'reply' | 'edit';
  message: ConversationMessage;
}

export interface MessageProps extends Pick<UseConversation, 'react' | 'remove' | 'retry' | 'discard'> {
  message: ConversationMessage;
  me: Person;
  onTask: (task: Task) => void;
}

/** A message as it is now, with what can be done with it. */
export function Message({ message, me, onTask, react, remove, retry, discard }: MessageProps) {
  const { key, content, attachments = [], replyTo, editedAt, deletedAt, status, isRead, change, error } = message;
  const { reactions = [] } = message;
  const isMine = message.userId === me.id || status !== 'sent';
  const isTeam = me.companies.some(({ role }) => role === 'admin');
  const likes = reactions.find(({ emoji }) => emoji === '👍');
  const isLiked = likes?.users.includes(me.id) ?? false;
  const del = (button: HTMLElement) => {
    void remove(message);
    button.closest('li')?.focus(); // the button goes with the content
  };
  return (
    <li data-mine={isMine} tabIndex={-1}>
      {replyTo && <blockquote>{replyTo.excerpt ?? 'Deleted message'}</blockquote>}
      <p>
        {deletedAt ? <i>Deleted message</i> : content}
        {editedAt && !deletedAt && <small> edited</small>}
        {isMine && status !== 'failed' && <small>{isRead ? 'read' : status}</small>}
      </p>
      {attachments.map(file => (
        <AttachedFile key={file.id} file={file} />
      ))}
      {status === 'failed' && (
        <button type="button" onClick={() => retry(key)}>
          Not sent ({error?.message}): try again
        </button>
      )}
      {change === 'failed' && (
        <button type="button" onClick={() => discard(key)}>
          Not changed ({error?.message}): dismiss
        </button>
      )}
      {status === 'sent' && !deletedAt && (
        <div className="actions" role="group" aria-label={`Actions for: ${content.slice(0, 40)}`}>
          <button type="button" aria-pressed={isLiked} onClick={() => react(message, '👍', !isLiked)}>
            <span role="img" aria-label="Like">
              👍
            </span>{' '}
            {likes?.count}
          </button>
          <button type="button" onClick={() => onTask({ kind: 'reply', message })}>
            Reply
          </button>
          {isMine && (
            <button type="button" onClick={() => onTask({ kind: 'edit', message })}>
              Edit
            </button>
          )}
          {(isMine || isTeam) && (
            <button type="button" onClick={event => del(event.currentTarget)}>
              Delete
            </button>
          )}
        </div>
      )}
    </li>
  );
}
