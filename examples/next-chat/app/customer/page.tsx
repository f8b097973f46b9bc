import { redirect } from 'next/navigation';
import { Chat } from '@/components/chat';
import { Live } from '@/components/live';
import { Notifications } from '@/components/notifications';
import { customers, merchant } from '@/lib/people';
import { currentUser } from '@/lib/session';

export default async function CustomerPage() {
  const user = await currentUser();
  const me = customers.find(({ id }) => id === user?.id);
  if (!me) redirect('/');
  return (
    <Live me={me}>
      <Notifications me={me} />
      <Chat me={me} other={merchant} conversationId={me.conversationId} />
    </Live>
  );
}
