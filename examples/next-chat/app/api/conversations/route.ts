import { createRouteHandlers } from 'funnelcast/next';
import { currentUser } from '@/lib/session';

// The browser asks here for the inbox while WebSockets fail.
export const { GET } = createRouteHandlers({ api: 'conversations', user: currentUser });
