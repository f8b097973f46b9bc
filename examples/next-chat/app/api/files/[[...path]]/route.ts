import { createRouteHandlers } from 'funnelcast/next';
import { currentUser } from '@/lib/session';

// The browser asks here where it may put a file. The bytes go from there to S3.
export const { GET, POST, DELETE } = createRouteHandlers({ api: 'files', user: currentUser });
