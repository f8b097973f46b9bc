import { Chat } from './chat/chat.js';
import { Funnels } from './dashboard/funnels.js';
import { Metrics } from './dashboard/metrics.js';
import { Resources } from './dashboard/resources.js';
import { Notifications } from './notifications.js';
import type { Person } from './people.js';
import { PersonHead } from './person-head.js';
import type { Room } from './room.js';

/** The app of a merchant: the state of the company, and a chat with a customer. */
export function Merchant({ me, room }: { me: Person; room: Room }) {
  return (
    <>
      <PersonHead me={me}>{`Merchant, runs ${room.companyId}`}</PersonHead>
      <Notifications userId={me.id} />
      <div className="workplace">
        <div className="dashboard">
          <Metrics companyId={room.companyId} />
          <Funnels room={room} />
          <Resources companyId={room.companyId} />
        </div>
        <Chat conversationId={room.conversationId} me={me} other={room.customer} />
      </div>
    </>
  );
}
