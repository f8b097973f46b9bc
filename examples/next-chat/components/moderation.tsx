'use client';

import { type ModerationReply, moderation, type RestrictionKind } from 'funnelcast';
import { useEffect, useState } from 'react';
import type { Customer } from '@/lib/people';

const { get, restrict } = moderation(''); // by the app's own route, as the tickets
const TEN_MINUTES_MS = 10 * 60_000;

/** Mutes and bans a customer, which the team of the company may do. */
export function Moderation({ customer: { id: userId, name, conversationId } }: { customer: Customer }) {
  const [standing, setStanding] = useState<ModerationReply>();
  const [error, setError] = useState<Error>();
  useEffect(() => {
    get({ userId, conversationId }).then(setStanding, setError);
  }, [userId, conversationId]);

  const change = (restriction: RestrictionKind, forMs?: number) => {
    setError(undefined);
    const until = forMs && new Date(Date.now() + forMs).toISOString();
    const how = { ...(until && { until }), ...(restriction !== 'none' && { reason: 'spam' }) };
    restrict({ userId, conversationId, restriction, ...how }).then(setStanding, setError);
  };
  const { restriction = 'none', until } = standing ?? {};
  return (
    <div className="actions" role="group" aria-label={`Moderate ${name}`}>
      <button type="button" onClick={() => change('mute', TEN_MINUTES_MS)}>
        Mute for 10 minutes
      </button>
      <button type="button" onClick={() => change('ban')}>
        Ban
      </button>
      <button type="button" aria-disabled={restriction === 'none'} onClick={() => change('none')}>
        Lift
      </button>
      <output>
        {error?.message}
        {restriction !== 'none' &&
          `${name} has a ${restriction}${until ? ` until ${new Date(until).toLocaleTimeString()}` : ''}.`}
      </output>
    </div>
  );
}
