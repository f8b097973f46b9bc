import { type ConversationMessage, useConversation } from 'funnelcast/react';
import { Avatar } from '../person-head.js';
import type { Customer } from '../room.js';
import { unreadOf } from './use-watermarks.js';

const PAGE_MESSAGES = 20;

export interface InboxRowProps {
  me: string;
  customer: Customer;
  /** Up to where the user has read the conversation; absent until that is known. */
  watermark: number | undefined;
  isSelected: boolean;
  onSelect: () => void;
}

function excerptOf(last: ConversationMessage | undefined): string {
  if (!last) return 'No message yet';
  return last.deletedAt ? 'Deleted message' : last.content;
}

/** One conversation of the list: who it is with, whether they are here, the last message, and what is unread. */
export function InboxRow({ me, customer, watermark, isSelected, onSelect }: InboxRowProps) {
  const { messages, presence, typing } = useConversation(customer.conversationId, {
    pageSize: PAGE_MESSAGES,
  });
  const status = presence.users.find(({ userId }) => userId === customer.id)?.status ?? 'offline';
  const unread = unreadOf(messages, me, watermark).length;
  const last = messages.at(-1);
  return (
    <li>
      <button type="button" className="inbox-row" aria-current={isSelected} onClick={onSelect}>
        <span className="with-status" data-status={status}>
          <Avatar {...customer} />
        </span>
        <b>{customer.name}</b>
        <span className="excerpt">{typing.length > 0 ? 'typing…' : excerptOf(last)}</span>
        {unread > 0 && (
          <span className="unread">
            {unread} <span className="for-readers">unread</span>
          </span>
        )}
      </button>
    </li>
  );
}
