/**
 * The client that the hooks use. It is connected while a component uses it.
 *
 * @module
 */

import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { type Client, createClient } from '../client.js';
import { httpApi } from '../connection/http.js';
import type { ClientOptions } from '../options.js';
import { retain } from '../uses.js';

/** Either a client that the app has made, or the options to make one. */
export type FunnelcastProviderProps =
  | { client: Client; options?: never; children?: ReactNode }
  | { options: ClientOptions; client?: never; children?: ReactNode };

const ClientContext = /* @__PURE__ */ createContext<Client | undefined>(undefined);

/**
 * Provides a client, and thereby a connection, to the hooks below. It connects when the first component with such a hook is
 * mounted, and disconnects when the last one has been unmounted.
 *
 * @example
 * ```tsx
 * <FunnelcastProvider options={{ url: 'wss://abc.execute-api.us-east-1.amazonaws.com/prod', token: getToken }}>
 *   <App />
 * </FunnelcastProvider>
 * ```
 */
export function FunnelcastProvider({ client, options, children }: FunnelcastProviderProps): ReactNode {
  // Only the options of the first rendering count. They are usually written inline, and so are a new object every time.
  const [made] = useState(() => client ?? createClient(options));
  return <ClientContext.Provider value={client ?? made}>{children}</ClientContext.Provider>;
}

let shared: Client | undefined;
let sharedOptions: () => ClientOptions = () => ({ http: httpApi('') });

/**
 * Configures the client that all hooks without a provider share. Call it before the first of them is rendered. By default,
 * that client gets its tickets from `/api/websocket/connect` on the page's own origin.
 */
export function configureFunnelcast(options: ClientOptions): void {
  shared = undefined;
  sharedOptions = () => options;
}

/** The client of the nearest provider, or else the one that all hooks without a provider share. */
export function useClient(): Client {
  const provided = useContext(ClientContext);
  if (provided) return provided;
  shared ??= createClient(sharedOptions());
  return shared;
}

/** Keeps the client connected while the component is mounted. */
export function useConnection(client: Client, isWanted = true): void {
  useEffect(() => (isWanted ? retain(client) : undefined), [client, isWanted]);
}
