import type { Messages } from 'funnelcast/react';
import { useClient } from 'funnelcast/react';
import { useCallback, useEffect, useState } from 'react';

/** Up to where the user has read each conversation, by its id. */
export type Watermarks = Readonly<Record<string, number>>;

/** Gets the user's watermarks from the server. The returned function raises one, for what they have read on this page. */
export function useWatermarks(me: string, conversationIds: readonly string[]) {
  const client = useClient();
  const [watermarks, setWatermarks] = useState<Watermarks>({});
  const raise = useCallback(
    (id: string, seq: number) => setWatermarks(known => ({ ...known, [id]: Math.max(known[id] ?? 0, seq) })),
    [],
  );
  const ids = conversationIds.join(' ');
  useEffect(() => {
    const leaving = new AbortController();
    for (const id of ids.split(' ')) {
      client.receipts(`conversation:${id}`, leaving).then(
        users => raise(id, users.find(({ userId }) => userId === me)?.read ?? 0),
        () => leaving.signal.aborted || raise(id, 0), // the user may not read it now
      );
    }
    return () => leaving.abort();
  }, [client, me, ids, raise]);
  return [watermarks, raise] as const;
}

/** The messages of others above the watermark. There are none until the server has told it. Whoever has answered has read. */
export function unreadOf(messages: Messages, me: string, watermark = Number.POSITIVE_INFINITY): Messages {
  const answered = messages.reduce(
    (last, { userId, seq = 0 }) => (userId === me ? Math.max(last, seq) : last),
    0,
  );
  const read = Math.max(watermark, answered);
  return messages.filter(({ seq = 0, userId }) => userId !== me && seq > read);
}
