import { Chat } from './chat/chat.js';
import { Funnels } from './dashboard/funnels.js';
import { Metrics } from './dashboard/metrics.js';
import { Resources } from './dashboard/resources.js';
import { Inbox } from './inbox/inbox.js';
import { useWatermarks } from './inbox/use-watermarks.js';
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
  const ids = room.customers.map(({ conversationId }) => conversationId);
  const [watermarks, raise] = useWatermarks(me.id, ids);
  const { conversationId } = selected;
  return (
    <>
      <PersonHead me={me}>{`Merchant, runs ${room.companyId}`}</PersonHead>
      <Notifications userId={me.id} />
      <div className="workplace">
        <Inbox
          me={me}
          customers={room.customers}
          selected={selected}
          watermarks={watermarks}
          onSelect={onSelect}
        />
        <Chat
          conversationId={conversationId}
          me={me}
          other={selected}
          watermark={watermarks[conversationId]}
          onRead={raise}
        />
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
