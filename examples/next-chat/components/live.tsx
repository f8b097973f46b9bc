'use client';

import { httpApi } from 'funnelcast';
import { FunnelcastProvider, useWebSocket } from 'funnelcast/react';
import type { ReactNode } from 'react';
import type { Person } from '@/lib/people';

/** Gives the components below it one connection, which belongs to this user. */
export function Live({ me, children }: { me: Person; children: ReactNode }) {
  return (
    <FunnelcastProvider key={me.id} options={{ http: httpApi('') }}>
      <header>
        <h1>{me.name}</h1>
        <Connection />
        <a href="/">Change user</a>
      </header>
      <main>{children}</main>
    </FunnelcastProvider>
  );
}

function Connection() {
  const { isConnected, error } = useWebSocket();
  return <output aria-label="Connection">{isConnected ? 'Live' : (error?.message ?? 'Connecting…')}</output>;
}
