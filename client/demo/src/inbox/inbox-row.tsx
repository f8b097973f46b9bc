import type { InboxEntry } from 'funnelcast';
import { Avatar } from '../person-head.js';
import type { Customer } from '../room.js';
import { Time } from '../time.js';
import { useAttendance } from './use-attendance.js';

export interface InboxRowProps {
  me: string;
  entry: InboxEntry;
  customer: Customer;
  isSelected: boolean;
  onSelect: () => void;
}

/** One conversation of the list: who it is with, whether they are here or when they were, the last message, what is unread. */
export function InboxRow({ me, entry, customer, isSelected, onSelect }: InboxRowProps) {
  const { unread } = entry;
  const { status, lastSeen, isTyping } = useAttendance(entry.conversationId, customer.id);
  return (
    <li>
      <button type="button" className="inbox-row" aria-current={isSelected} onClick={onSelect}>
        <span className="with-status" data-status={status}>
          <Avatar {...customer} />
        </span>
        <b>{customer.name}</b>
        {lastSeen && (
          <small className="last-seen">
            last seen <Time of={lastSeen} />
          </small>
        )}
        <span className="excerpt">{isTyping ? 'typing…' : excerptOf(entry, me)}</span>
        {unread > 0 && (
          <span className="unread">
            {unread > 99 ? '99+' : unread} <span className="for-readers">unread</span>
          </span>
        )}
      </button>
    </li>
  );
}

function excerptOf({ last }: InboxEntry, me: string): string {
  if (!last) return 'No message yet';
  const excerpt = last.excerpt === '' ? 'A file' : (last.excerpt ?? 'Deleted message');
  return last.from?.userId === me ? `You: ${excerpt}` : excerpt;
}
