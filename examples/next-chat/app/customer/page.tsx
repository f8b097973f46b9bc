import { redirect } from 'next/navigation';
import { Chat } from '@/components/chat';
import { Live } from '@/components/live';
import { Notifications } from '@/components/notifications';
import { customer, merchant } from '@/lib/people';
import { currentUser } from '@/lib/session';

export default async function CustomerPage() {
  const me = await currentUser();
  if (me?.id !== customer.id) redirect('/');
  return (
    <Live me={me}>
      <Notifications me={me} />
      <Chat me={me} other={merchant} />
    </Live>
  );
}
