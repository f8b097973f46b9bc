import { Chat } from './chat/chat.js';
import { useWatermarks } from './inbox/use-watermarks.js';
import { Notifications } from './notifications.js';
import type { Person } from './people.js';
import { PersonHead } from './person-head.js';
import type { Room } from './room.js';

/** The app of a customer, who has access to nothing of the company but their own conversation. */
export function Customer({ me, room }: { me: Person; room: Room }) {
  const { conversationId } = room;
  const [watermarks, raise] = useWatermarks(me.id, [conversationId]);
  return (
    <>
      <PersonHead me={me}>Customer</PersonHead>
      <Notifications userId={me.id} />
      <Chat
        conversationId={conversationId}
        me={me}
        other={room.merchant}
        watermark={watermarks[conversationId]}
        onRead={raise}
      />
    </>
  );
}
