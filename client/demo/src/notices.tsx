import { useWebSocket } from 'funnelcast/react';
import { useEffect, useState } from 'react';
import { Icon, type IconName } from './icon.js';

interface Notice {
  /** Of its place in its channel's log: `id` is what the backend has chosen, and may choose twice. */
  key: string;
  level: string;
  title: string;
  message: string;
  url?: string;
}

const SHOWN_MAX = 3;
const ICONS: Record<string, IconName> = { success: 'check', warning: 'alert', error: 'alert' };

/** What everybody is told, and what only this user is. */
export function Notices({ userId }: { userId: string }) {
  const { subscribeToSystem, subscribeToUser } = useWebSocket();
  const [notices, setNotices] = useState<Notice[]>([]);
  useEffect(() => {
    const show = (notice: Omit<Notice, 'key'>, { channel, seq }: { channel: string; seq?: number }) =>
      setNotices(shown => [{ ...notice, key: `${channel} ${seq}` }, ...shown].slice(0, SHOWN_MAX));
    subscribeToSystem(show);
    subscribeToUser(userId, show);
  }, [userId, subscribeToSystem, subscribeToUser]);
  const dismiss = (key: string) => setNotices(shown => shown.filter(notice => notice.key !== key));
  return (
    <ul className="notices" aria-live="polite" aria-label="Notices">
      {notices.map(({ key, level, title, message, url }) => (
        <li key={key} className="notice" data-level={level}>
          <Icon name={ICONS[level] ?? 'bell'} />
          <p>
            <strong>{title}</strong> {message}
            {url && (
              <>
                {' '}
                <a href={url} target="_blank" rel="noreferrer">
                  More
                </a>
              </>
            )}
          </p>
          <button
            type="button"
            className="icon-button"
            aria-label={`Dismiss: ${title}`}
            onClick={() => dismiss(key)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
