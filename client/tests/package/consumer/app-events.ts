/** The app's own events. The declaration reaches all imports of the package. */

import 'funnelcast';

declare module 'funnelcast' {
  interface AppEvents {
    'poll.vote': { option: number };
  }
}
