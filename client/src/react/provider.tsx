/**
 * Which client the hooks use.
 *
 * @module
 */

import { createContext, type ReactNode, useContext, useState } from 'react';
import { type Client, createClient } from '../client.js';
import { httpApi } from '../http.js';
import type { ClientOptions } from '../options.js';

/** Either a client of the app's own, or the options to make one. */
export type FunnelcastProviderProps =
  | { client: Client; options?: never; children?: ReactNode }
  | { options: ClientOptions; client?: never; children?: ReactNode };

const ClientContext = /* @__PURE__ */ createContext<Client | undefined>(undefined);

/**
 * Gives the hooks below it a client, and so a connection of their own. It connects when the first of them is mounted, and
 * disconnects when the last of them is gone.
 *
 * @example
 * ```tsx
 * <FunnelcastProvider options={{ url: 'wss://abc.execute-api.us-east-1.amazonaws.com/prod', token: getToken }}>
 *   <App />
 * </FunnelcastProvider>
 * ```
 */
export function FunnelcastProvider({ client, options, children }: FunnelcastProviderProps): ReactNode {
  // The options of the first rendering count: they are written in place, and so new at each.
  const [made] = useState(() => client ?? createClient(options));
  return <ClientContext.Provider value={client ?? made}>{children}</ClientContext.Provider>;
}

let shared: Client | undefined;
let sharedOptions: () => ClientOptions = () => ({ http: httpApi('') });

/**
 * Sets up the one client of all hooks that have no provider above them. Call it before the first of them is rendered.
 * Without it, they get their tickets from `/api/websocket/connect` of the page's own origin.
 */
export function configureFunnelcast(options: ClientOptions): void {
  shared = undefined;
  sharedOptions = () => options;
}

/** The client of the provider above, or the page's own. */
export function useClient(): Client {
  const provided = useContext(ClientContext);
  if (provided) return provided;
  shared ??= createClient(sharedOptions());
  return shared;
}
