import { Ring } from './calls/ring.js';
import { Funnels } from './dashboard/funnels.js';
import { Metrics } from './dashboard/metrics.js';
import { Resources } from './dashboard/resources.js';
import { Inbox } from './inbox/inbox.js';
import { Notifications } from './notifications.js';
import type { Person } from './people.js';
import { PersonHead } from './person-head.js';
import type { Customer, Room } from './room.js';

export interface MerchantProps {
  me: Person;
  room: Room;
  /** The customer whose conversation is open. */
  selected: Customer;
  onSelect: (customer: Customer) => void;
}

/** The app of a merchant: chats with several customers, and the state of the company. */
export function Merchant({ me, room, selected, onSelect }: MerchantProps) {
  return (
    <>
      <PersonHead me={me}>{`Merchant, runs ${room.companyId}`}</PersonHead>
      <Notifications userId={me.id} />
      {room.customers.map(customer => (
        <Ring key={customer.id} {...customer} other={customer} onAnswer={() => onSelect(customer)} />
      ))}
      <div className="workplace">
        <Inbox me={me} room={room} selected={selected} onSelect={onSelect} />
        <div className="dashboard">
          <Metrics companyId={room.companyId} />
          <div className="works">
            <Funnels room={room} />
            <Resources companyId={room.companyId} />
          </div>
        </div>
      </div>
    </>
  );
}
