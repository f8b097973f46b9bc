import type { ConversationMessage } from 'funnelcast/react';
import { Icon } from '../icon.js';
import { Time } from '../time.js';
import { lineOf } from './words.js';

export interface CallLineProps {
  message: ConversationMessage;
  nameOf: (userId: string | undefined) => string;
}

/** A call that is over, among the messages. */
export function CallLine({ message: { seq, call, userId, timestamp }, nameOf }: CallLineProps) {
  if (!call) return null;
  return (
    <li className="call-line" tabIndex={-1} data-seq={seq}>
      <Icon name={call.media === 'video' ? 'camera' : 'phone'} />
      {lineOf(call.state, nameOf(userId), call.durationMs)} <Time of={timestamp} />
    </li>
  );
}
