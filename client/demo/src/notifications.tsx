import { useWebSocket } from 'funnelcast/react';
import { useEffect, useState } from 'react';
import { Icon, type IconName } from './icon.js';

interface Notification {
  /** Made from its place in the log. The backend chooses the `id`, and may choose the same one twice. */
  key: string;
  level: string;
  title: string;
  message: string;
  url?: string;
}

const SHOWN_MAX = 3;
const ICONS: Record<string, IconName> = { success: 'check', warning: 'alert', error: 'alert' };

/** Shows the notifications for everybody and those for this user. */
export function Notifications({ userId }: { userId: string }) {
  const { subscribeToSystem, subscribeToUser } = useWebSocket();
  const [notifications, setNotifications] = useState<Notification[]>([]);
  useEffect(() => {
    const show = (
      notification: Omit<Notification, 'key'>,
      { channel, seq }: { channel: string; seq?: number },
    ) =>
      setNotifications(shown =>
        [{ ...notification, key: `${channel} ${seq}` }, ...shown].slice(0, SHOWN_MAX),
      );
    subscribeToSystem(show);
    subscribeToUser(userId, show);
  }, [userId, subscribeToSystem, subscribeToUser]);
  const dismiss = (key: string) =>
    setNotifications(shown => shown.filter(notification => notification.key !== key));
  return (
    <ul className="notifications" aria-live="polite" aria-label="Notifications">
      {notifications.map(({ key, level, title, message, url }) => (
        <li key={key} className="notification" data-level={level}>
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
