import { redirect } from 'next/navigation';
import { Chat } from '@/components/chat';
import { Funnels } from '@/components/funnels';
import { Live } from '@/components/live';
import { Notifications } from '@/components/notifications';
import { customer, merchant } from '@/lib/people';
import { currentUser } from '@/lib/session';

export default async function MerchantPage() {
  const me = await currentUser();
  if (me?.id !== merchant.id) redirect('/');
  return (
    <Live me={me}>
      <Notifications me={me} />
      <Funnels />
      <Chat me={me} other={customer} />
    </Live>
  );
}
