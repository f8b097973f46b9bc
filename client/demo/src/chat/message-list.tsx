import type { ConversationMessage, UseConversation } from 'funnelcast/react';
import { Fragment, type ReactNode, type RefObject, useEffect, useRef } from 'react';
import { CallLine } from '../calls/call-line.js';
import { Message, type MessageContext } from './message.js';

/** Consecutive messages of one author within this time are grouped. */
const TOGETHER_MS = 5 * 60_000;
const DAY = new Intl.DateTimeFormat('en', { weekday: 'long', day: 'numeric', month: 'long' });

export interface MessageListProps
  extends Pick<UseConversation, 'messages' | 'hasOlder' | 'loadOlder'>,
    MessageContext {
  label: string;
  /** The ref of the list, by which `useJump` finds a message. */
  list: RefObject<HTMLOListElement | null>;
  /** How long the messages took, in milliseconds. */
  latencies: ReadonlyMap<string, number>;
  children: ReactNode;
}

/**
 * The messages of a conversation. The box is a reversed column (see chat.css), so the browser itself keeps its end in view,
 * and keeps the scroll position while older messages are added at its start.
 */
export function MessageList(props: MessageListProps) {
  const { label, list, messages, hasOlder, latencies, children } = props;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable element must be reachable by keyboard
    <div className="messages" role="log" aria-label={label} tabIndex={0}>
      <ol ref={list}>
        {hasOlder && <Older onOlder={props.loadOlder} />}
        {messages.map((message, at) => {
          const before = messages[at - 1];
          const isNewDay = before?.timestamp.toDateString() !== message.timestamp.toDateString();
          return (
            <Fragment key={message.key}>
              {isNewDay && <li className="day">{DAY.format(message.timestamp)}</li>}
              {message.call && <CallLine message={message} nameOf={props.nameOf} />}
              {!message.call && (
                <Message
                  message={message}
                  isFirst={isNewDay || !belongTogether(before, message)}
                  latency={latencies.get(message.key)}
                  context={props}
                />
              )}
            </Fragment>
          );
        })}
      </ol>
      {children}
    </div>
  );
}

/** Loads older messages when it comes into view, or when it is pressed. */
function Older({ onOlder }: { onOlder: () => Promise<void> }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && void onOlder());
    if (button.current) observer.observe(button.current);
    return () => observer.disconnect();
  }); // after each rendering: if the button is still in view, there is room for more
  return (
    <li className="older">
      <button type="button" className="button" ref={button} onClick={() => void onOlder()}>
        Earlier messages
      </button>
    </li>
  );
}

function belongTogether(before: ConversationMessage | undefined, message: ConversationMessage): boolean {
  if (before?.userId !== message.userId || before?.type !== message.type) return false;
  return message.timestamp.getTime() - before.timestamp.getTime() < TOGETHER_MS;
}
