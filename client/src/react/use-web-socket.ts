/**
 * The hook that an app has had all along.
 *
 * @module
 */

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Client } from '../client.js';
import type { State } from '../connection.js';
import type { FunnelcastError } from '../errors.js';
import type { PresenceChannel } from '../presence.js';
import { typingNotice } from '../typing.js';
import type { MessageType, Roster, Sent } from '../wire.js';
import { useLatest } from './latest.js';
import { useConnection } from './lifetime.js';
import { useClient } from './provider.js';
import { type Subscribers, subscribersOf } from './subscribers.js';
import { Subscriptions } from './subscriptions.js';

/** How the hook behaves. */
export interface UseWebSocketOptions {
  /** Whether the component connects, and keeps the connection while it is mounted. It does unless this is `false`. */
  autoConnect?: boolean | undefined;
  /** Told when {@link UseWebSocket.isConnected} changes. */
  onConnectionChange?: ((isConnected: boolean) => void) | undefined;
}

/** What {@link useWebSocket} gives. The functions stay the same as long as the client does. */
export interface UseWebSocket extends Subscribers {
  /** Whether messages come and go, by a WebSocket or, while those fail, by HTTP. */
  isConnected: boolean;
  /** What the connection is doing, for an app that tells a slow connection from a fast one. */
  state: State;
  /** The last thing that went wrong with the connection; `null` while it is up. */
  error: FunnelcastError | null;
  /** Sends a message; resolves when the server has kept it, whatever happens to the connection meanwhile. */
  sendMessage(
    conversationId: string,
    content: string,
    type?: MessageType,
    metadata?: Record<string, unknown>,
  ): Promise<Sent>;
  /** Says that the user types, or has stopped. To be called at every key press: it is told as often as it must be. */
  sendTyping(conversationId: string, isTyping?: boolean): void;
  /** Says that the user has read all up to `seq`, or all there is. */
  markAsRead(conversationId: string, seq?: number): Promise<void>;
  /** Who is in a channel now. For a list that follows, take `usePresence`. */
  presence(channel: PresenceChannel): Promise<Roster>;
  /** Gives up the connection, and makes a new one at once. */
  reconnect(): void;
}

/**
 * The connection, and what one does with it.
 *
 * A component that subscribes to the same thing again takes the place of its earlier handler; so it may subscribe in an
 * effect that depends on `isConnected`, and need not clean up. All its subscriptions end with it.
 *
 * @example
 * ```tsx
 * const { isConnected, sendMessage, subscribeToConversation } = useWebSocket({ autoConnect: true });
 * useEffect(() => {
 *   if (isConnected) subscribeToConversation('conv-123', message => console.log(message.content));
 * }, [isConnected, subscribeToConversation]);
 * return <button onClick={() => sendMessage('conv-123', 'Hello!', 'user')}>Say hello</button>;
 * ```
 */
export function useWebSocket({
  autoConnect = true,
  onConnectionChange,
}: UseWebSocketOptions = {}): UseWebSocket {
  const client = useClient();
  const state = useClientValue(client, getState, 'idle');
  const isConnected = useClientValue(client, getIsConnected, false);
  const error = useClientValue(client, getError, null);
  const { subscriptions, actions } = useMemo(() => actionsOf(client), [client]);
  useEffect(() => () => subscriptions.clear(), [subscriptions]);
  useConnectionChange(client, onConnectionChange);
  useConnection(client, autoConnect);
  return { isConnected, state, error, ...actions };
}

const getState = (client: Client): State => client.state;
const getIsConnected = (client: Client): boolean => client.isConnected;
const getError = (client: Client): FunnelcastError | null => client.error ?? null;

function useClientValue<T>(client: Client, get: (client: Client) => T, initial: T): T {
  const subscribe = useCallback(
    (listener: () => void) => {
      const stopState = client.on('state', listener);
      const stopConnected = client.on('connected', listener);
      return () => {
        stopState();
        stopConnected();
      };
    },
    [client],
  );
  return useSyncExternalStore(
    subscribe,
    () => get(client),
    () => initial,
  );
}

function useConnectionChange(client: Client, callback: UseWebSocketOptions['onConnectionChange']): void {
  const latest = useLatest(callback);
  const told = useRef(false);
  useEffect(() => {
    const tell = () => {
      if (client.isConnected === told.current) return;
      told.current = client.isConnected;
      latest.current?.(told.current);
    };
    tell();
    return client.on('connected', tell);
  }, [client, latest]);
}

type Actions = Omit<UseWebSocket, 'isConnected' | 'state' | 'error'>;

function actionsOf(client: Client): { subscriptions: Subscriptions; actions: Actions } {
  const subscriptions = new Subscriptions();
  const notices = new Map<string, (isTyping: boolean) => void>();
  const actions: Actions = {
    ...subscribersOf(client, subscriptions),
    sendMessage(conversationId, content, type = 'user', metadata) {
      const draft = { content, type, ...(metadata && { metadata }) };
      return client.send(`conversation:${conversationId}`, 'chat.message', draft);
    },
    sendTyping(conversationId, isTyping = true) {
      const notice = notices.get(conversationId) ?? typingNotice(client, `conversation:${conversationId}`);
      notices.set(conversationId, notice);
      notice(isTyping);
    },
    async markAsRead(conversationId, seq) {
      const channel = `conversation:${conversationId}` as const;
      const upTo = seq ?? (await client.history(channel, { limit: 1 })).events[0]?.seq;
      if (upTo !== undefined) await client.ack(channel, upTo, 'read');
    },
    presence: channel => client.presence(channel),
    reconnect: () => client.reconnect(),
  };
  return { subscriptions, actions };
}
