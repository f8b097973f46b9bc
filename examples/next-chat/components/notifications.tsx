'use client';

import { useWebSocket } from 'funnelcast/react';
import { useEffect, useState } from 'react';
import type { Person } from '@/lib/people';

/** The notifications that come for this user while the page is open. */
export function Notifications({ me }: { me: Person }) {
  const { subscribeToUser } = useWebSocket();
  const [shown, setShown] = useState<{ id: string; title: string; message: string }[]>([]);
  useEffect(
    () => subscribeToUser(me.id, notification => setShown(others => [notification, ...others])),
    [me.id, subscribeToUser],
  );
  return (
    <ul className="notifications" aria-label="Notifications" aria-live="polite">
      {shown.map(({ id, title, message }) => (
        <li key={id}>
          <b>{title}</b> {message}
        </li>
      ))}
    </ul>
  );
}
