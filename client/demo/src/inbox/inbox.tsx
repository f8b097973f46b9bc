import { useInbox } from 'funnelcast/react';
import { useState } from 'react';
import { Chat } from '../chat/chat.js';
import { CodeButton } from '../code/code-button.js';
import type { Person } from '../people.js';
import type { Customer, Room } from '../room.js';
import { InboxRow } from './inbox-row.js';

export interface InboxProps {
  me: Person;
  room: Room;
  /** The customer whose conversation is open. */
  selected: Customer;
  onSelect: (customer: Customer) => void;
}

/** All conversations of the company, the last active first, and beside them the one that is open. */
export function Inbox({ me, room, selected, onSelect }: InboxProps) {
  const { conversations, hasMore, loadMore, error } = useInbox(`inbox:${room.companyId}`);
  // The stack knows ids. Who that is, the app knows.
  const rows = conversations.flatMap(entry => {
    const customer = room.customers.find(({ conversationId }) => conversationId === entry.conversationId);
    return customer ? [{ entry, customer }] : [];
  });
  /** The message at which a conversation was opened by a search. */
  const [found, setFound] = useState<{ customer: Customer; seq: number }>();
  const onOpen = (customer: Customer, seq: number) => {
    setFound({ customer, seq });
    onSelect(customer);
  };
  const open = rows.find(({ customer }) => customer === selected);
  return (
    <>
      <nav className="inbox" aria-label="Conversations">
        <header className="section-head">
          <h3>Inbox</h3>
          <CodeButton of="the inbox" file="inbox/inbox.tsx" />
        </header>
        {error && <p role="alert">{error.message}</p>}
        <ul>
          {rows.map(({ entry, customer }) => (
            <InboxRow
              key={customer.id}
              me={me.id}
              entry={entry}
              customer={customer}
              isSelected={customer === selected}
              onSelect={() => {
                setFound(undefined);
                onSelect(customer);
              }}
            />
          ))}
        </ul>
        {hasMore && (
          <button type="button" className="button" onClick={() => void loadMore()}>
            More conversations
          </button>
        )}
      </nav>
      <Chat
        conversationId={selected.conversationId}
        me={me}
        other={selected}
        readN={open?.entry.readN}
        openAt={found?.customer === selected ? found.seq : undefined}
        allChats={{ companyId: room.companyId, customers: room.customers, onOpen }}
      />
    </>
  );
}
