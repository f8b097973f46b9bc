import { CodeButton } from '../code/code-button.js';
import type { Customer, Who } from '../room.js';
import { InboxRow } from './inbox-row.js';
import type { Watermarks } from './use-watermarks.js';

export interface InboxProps {
  me: Who;
  customers: Customer[];
  selected: Customer;
  watermarks: Watermarks;
  onSelect: (customer: Customer) => void;
}

/** The merchant's conversations, each with its last message and the number of unread ones. */
export function Inbox({ me, customers, selected, watermarks, onSelect }: InboxProps) {
  return (
    <nav className="inbox" aria-label="Conversations">
      <header className="section-head">
        <h3>Inbox</h3>
        <CodeButton of="the inbox" file="inbox/inbox-row.tsx" />
      </header>
      <ul>
        {customers.map(customer => (
          <InboxRow
            key={customer.id}
            me={me.id}
            customer={customer}
            watermark={watermarks[customer.conversationId]}
            isSelected={customer === selected}
            onSelect={() => onSelect(customer)}
          />
        ))}
      </ul>
    </nav>
  );
}
