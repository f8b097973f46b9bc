import type { ModerationReply, Moderator, RestrictionKind } from 'funnelcast';
import { useCallback, useEffect, useState } from 'react';

/** The longest time that a timer of a browser waits, in milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** How a user is restricted in a conversation, for the team of its company. */
export interface Restriction {
  /** What stands; absent if nothing does. */
  standing: ModerationReply | undefined;
  /** Why the last change was not made. */
  error: string | undefined;
  /** Mutes or bans the user, for a time or for good; `none` lifts that. */
  change: (restriction: RestrictionKind, how?: { reason?: string; forMs?: number }) => Promise<void>;
}

/** Gets how a user is restricted in a conversation, and changes it. */
export function useRestriction(
  { get, restrict }: Moderator,
  conversationId: string,
  userId: string,
): Restriction {
  const [standing, setStanding] = useState<ModerationReply>();
  const [error, setError] = useState<string>();

  useEffect(() => {
    let isCurrent = true;
    const fail = ({ message }: Error) => isCurrent && setError(message);
    // What has been changed in the meantime is newer than the reply.
    get({ userId, conversationId }).then(reply => isCurrent && setStanding(known => known ?? reply), fail);
    return () => {
      isCurrent = false;
    };
  }, [get, userId, conversationId]);

  useEffect(() => {
    if (standing?.until === undefined) return;
    const leftMs = Date.parse(standing.until) - Date.now();
    const end = setTimeout(() => setStanding(undefined), Math.min(leftMs, TIMER_MAX_MS));
    return () => clearTimeout(end);
  }, [standing]);

  const change: Restriction['change'] = useCallback(
    async (restriction, { reason, forMs } = {}) => {
      const until = forMs === undefined ? undefined : new Date(Date.now() + forMs).toISOString();
      try {
        const how = { ...(reason && { reason }), ...(until && { until }) };
        setStanding(await restrict({ userId, conversationId, restriction, ...how }));
        setError(undefined);
      } catch (error) {
        setError((error as Error).message);
      }
    },
    [restrict, userId, conversationId],
  );
  return { standing: standing?.restriction === 'none' ? undefined : standing, error, change };
}
