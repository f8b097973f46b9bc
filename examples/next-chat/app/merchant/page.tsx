import { redirect } from 'next/navigation';
import { Funnels } from '@/components/funnels';
import { Inbox } from '@/components/inbox';
import { Live } from '@/components/live';
import { Notifications } from '@/components/notifications';
import { merchant } from '@/lib/people';
import { currentUser } from '@/lib/session';

export default async function MerchantPage() {
  const me = await currentUser();
  if (me?.id !== merchant.id) redirect('/');
  return (
    <Live me={me}>
      <Notifications me={me} />
      <Funnels />
      <Inbox me={me} />
    </Live>
  );
}
