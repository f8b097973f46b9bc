'use client';

import { useInbox } from 'funnelcast/react';
import { useState } from 'react';
import { companyId, customers, type Person } from '@/lib/people';
import { Chat } from './chat';
import { Moderation } from './moderation';

/** The company's conversations, the last active first, and the one that is open. */
export function Inbox({ me }: { me: Person }) {
  const { conversations, hasMore, loadMore, error } = useInbox(`inbox:${companyId}`);
  const [openId, open] = useState<string>();
  const customer = customers.find(({ conversationId }) => conversationId === openId);
  return (
    <>
      <nav aria-label="Inbox">
        <h2>Inbox</h2>
        {error && <p role="alert">{error.message}</p>}
        <ul>
          {conversations.map(({ conversationId, last, unread }) => (
            <li key={conversationId}>
              <button type="button" aria-current={conversationId === openId} onClick={() => open(conversationId)}>
                <b>{customers.find(customer => customer.conversationId === conversationId)?.name ?? conversationId}</b>{' '}
                {last ? (last.excerpt ?? 'Deleted message') : 'No message yet'}{' '}
                {unread > 0 && <mark>{unread > 99 ? '99+' : unread} unread</mark>}
              </button>
            </li>
          ))}
        </ul>
        {hasMore && (
          <button type="button" onClick={loadMore}>
            More
          </button>
        )}
      </nav>
      {customer && (
        <Chat key={customer.id} me={me} other={customer} conversationId={customer.conversationId}>
          <Moderation customer={customer} />
        </Chat>
      )}
    </>
  );
}
