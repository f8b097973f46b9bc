import type { ConversationMessage, UseConversation } from 'funnelcast/react';
import { Attachments } from '../files/attachments.js';
import { Icon, type IconName } from '../icon.js';
import { Time } from '../time.js';
import { inWords } from './latency.js';
import { MessageActions, type Task } from './message-actions.js';
import { Quote, type QuoteProps } from './quote.js';
import { Reactions } from './reactions.js';

/** What all messages of a conversation have in common. */
export interface MessageContext
  extends Pick<UseConversation, 'retry' | 'discard' | 'react' | 'remove'>,
    Pick<QuoteProps, 'nameOf' | 'onJump'> {
  /** The user. */
  me: string;
  /** Whether the user may delete what others wrote. */
  isTeam: boolean;
  onTask: (task: Task) => void;
}

export interface MessageProps {
  message: ConversationMessage;
  /** Whether the message starts a group. */
  isFirst: boolean;
  /** How long it took to arrive or, for an own message, to be acknowledged, in milliseconds; absent if nobody measured it. */
  latency: number | undefined;
  context: MessageContext;
}

/** A message, sent or not, with what can be done with it. */
export function Message({ message, isFirst, latency, context }: MessageProps) {
  const { type, content, attachments, timestamp, status, replyTo, editedAt, deletedAt } = message;
  const isOwn = status !== 'sent' || message.userId === context.me;
  const mayDelete = isOwn || context.isTeam;
  return (
    <li
      className="message"
      tabIndex={-1}
      data-seq={message.seq}
      data-by={isOwn ? 'me' : type}
      data-first={isFirst}
      data-status={status}
      data-deleted={deletedAt !== undefined}
    >
      {isFirst && type === 'bot' && (
        <p className="author">
          <Icon name="bot" /> Assistant
        </p>
      )}
      <div className="bubble">
        {replyTo && <Quote of={replyTo} {...context} />}
        {attachments && (
          <Attachments files={attachments} of={isOwn ? 'yours' : context.nameOf(message.userId)} />
        )}
        {(content || deletedAt || !attachments) && <p>{deletedAt ? 'Deleted message' : content}</p>}
        <footer>
          {latency !== undefined && <Latency ms={latency} isOwn={isOwn} />}
          {editedAt && !deletedAt && <small>edited</small>}
          <Time of={timestamp} />
          {isOwn && <Fate message={message} />}
        </footer>
      </div>
      {status === 'sent' && !deletedAt && (
        <MessageActions {...context} message={message} mayEdit={isOwn} mayDelete={mayDelete} />
      )}
      <Reactions message={message} me={context.me} react={context.react} />
      <Failure message={message} {...context} />
    </li>
  );
}

/** Says that a message was not sent, or that a change of it was refused. */
function Failure({
  message,
  retry,
  discard,
}: Pick<MessageContext, 'retry' | 'discard'> & { message: ConversationMessage }) {
  const { key, status, change, error } = message;
  if (status !== 'failed' && change !== 'failed') return null;
  return (
    <p className="failed">
      {status === 'failed' ? 'Not sent' : 'Not changed'}: {error?.message}
      {status === 'failed' && (
        <button type="button" onClick={() => void retry(key)}>
          Try again
        </button>
      )}
      <button type="button" onClick={() => discard(key)}>
        {status === 'failed' ? 'Discard' : 'Dismiss'}
      </button>
    </p>
  );
}

/** How long a message took. */
function Latency({ ms, isOwn }: { ms: number; isOwn: boolean }) {
  const what = isOwn ? 'acknowledged after' : 'arrived after';
  return (
    <span className="latency" title={`${what} ${inWords(ms)}`}>
      <span className="for-readers">{what}</span> {inWords(ms)}
    </span>
  );
}

/** The status of the user's own message. */
function Fate({ message: { status, change, isRead } }: { message: ConversationMessage }) {
  const sent = change === 'sending' ? change : isRead ? 'read' : status;
  const fate = status === 'sent' ? sent : status;
  const icons: Record<typeof fate, IconName> = {
    sending: 'clock',
    sent: 'check',
    read: 'checks',
    failed: 'alert',
  };
  return (
    <span className="fate" data-is={fate} title={fate}>
      <Icon name={icons[fate]} />
      <span className="for-readers">{fate}</span>
    </span>
  );
}
