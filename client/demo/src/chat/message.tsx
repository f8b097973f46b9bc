import type { ConversationMessage } from 'funnelcast/react';
import { Icon, type IconName } from '../icon.js';
import { Time } from '../time.js';
import { inWords } from './latency.js';

export interface MessageProps {
  message: ConversationMessage;
  isOwn: boolean;
  /** Whether the message starts a group. */
  isFirst: boolean;
  /** How long it took to arrive or, for an own message, to be acknowledged, in milliseconds; absent if nobody measured it. */
  latency: number | undefined;
  onRetry: (key: string) => Promise<void>;
  onDiscard: (key: string) => void;
}

/** A message, sent or not. */
export function Message({ message, isOwn, isFirst, latency, onRetry, onDiscard }: MessageProps) {
  const { key, type, content, timestamp, status, error } = message;
  return (
    <li className="message" data-by={isOwn ? 'me' : type} data-first={isFirst} data-status={status}>
      {isFirst && type === 'bot' && (
        <p className="author">
          <Icon name="bot" /> Assistant
        </p>
      )}
      <div className="bubble">
        <p>{content}</p>
        <footer>
          {latency !== undefined && <Latency ms={latency} isOwn={isOwn} />}
          <Time of={timestamp} />
          {isOwn && <Fate message={message} />}
        </footer>
      </div>
      {status === 'failed' && (
        <p className="failed">
          Not sent: {error?.message}
          <button type="button" onClick={() => void onRetry(key)}>
            Try again
          </button>
          <button type="button" onClick={() => onDiscard(key)}>
            Discard
          </button>
        </p>
      )}
    </li>
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
function Fate({ message: { status, isRead } }: { message: ConversationMessage }) {
  const fate = status === 'sent' && isRead ? 'read' : status;
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
