import { useWebSocket } from 'funnelcast/react';
import { useEffect, useState } from 'react';
import { Icon, type IconName } from './icon.js';

type Notice = { id: string; level: string; title: string; message: string; url?: string };

const SHOWN_MAX = 3;
const ICONS: Record<string, IconName> = { success: 'check', warning: 'alert', error: 'alert' };

/** What everybody is told, and what only this user is. */
export function Notices({ userId }: { userId: string }) {
  const { subscribeToSystem, subscribeToUser } = useWebSocket();
  const [notices, setNotices] = useState<Notice[]>([]);
  useEffect(() => {
    const show = (notice: Notice) => setNotices(shown => [notice, ...shown].slice(0, SHOWN_MAX));
    subscribeToSystem(show);
    subscribeToUser(userId, show);
  }, [userId, subscribeToSystem, subscribeToUser]);
  const dismiss = (id: string) => setNotices(shown => shown.filter(notice => notice.id !== id));
  return (
    <ul className="notices" aria-live="polite" aria-label="Notices">
      {notices.map(({ id, level, title, message, url }) => (
        <li key={id} className="notice" data-level={level}>
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
            onClick={() => dismiss(id)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
