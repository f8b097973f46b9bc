import { createRouteHandlers } from 'funnelcast/next';
import { currentUser } from '@/lib/session';

// The browser gets its tickets here. In Whop's iframe, leave `user` out: Whop adds its own token to each request.
export const { GET, POST, DELETE } = createRouteHandlers({ user: currentUser });
