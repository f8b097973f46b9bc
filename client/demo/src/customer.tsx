import { Chat } from './chat/chat.js';
import { Notices } from './notices.js';
import type { Person } from './people.js';
import { PersonHead } from './person-head.js';
import type { Room } from './room.js';

/** The app of a customer, who may hear nothing of the company but their own conversation with it. */
export function Customer({ me, room }: { me: Person; room: Room }) {
  return (
    <>
      <PersonHead me={me}>Customer</PersonHead>
      <Notices userId={me.id} />
      <Chat conversationId={room.conversationId} me={me} other={room.merchant} />
    </>
  );
}
