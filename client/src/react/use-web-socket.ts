/**
 * The hook `useWebSocket`: the connection, and functions to send and to subscribe. Its shape is that of the hook which apps
 * used before funnelcast.
 *
 * @module
 */

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { PresenceChannel } from '../channels.js';
import type { Client } from '../client.js';
import type { State } from '../client-events.js';
import type { FunnelcastError } from '../errors.js';
import { typingNotice } from '../typing.js';
import type { MessageType, Roster, Sent } from '../wire.js';
import { useClient, useConnection } from './provider.js';
import { useLatest } from './store.js';
import { type Subscribers, Subscriptions, subscribersOf } from './subscriptions.js';

/** The options of {@link useWebSocket}. */
export interface UseWebSocketOptions {
  /** Whether the component connects, and stays connected while it is mounted. Default: `true`. */
  autoConnect?: boolean | undefined;
  /** Called when {@link UseWebSocket.isConnected} changes. */
  onConnectionChange?: ((isConnected: boolean) => void) | undefined;
}

/** The result of {@link useWebSocket}. The functions stay the same as long as the client does. */
export interface UseWebSocket extends Subscribers {
  /** Whether messages can be sent and received, over a WebSocket or, while those fail, by HTTP. */
  isConnected: boolean;
  /** The state of the connection, for apps that distinguish a WebSocket from polling. */
  state: State;
  /** The last error of the connection; `null` while it is up. */
  error: FunnelcastError | null;
  /** Sends a message. Resolves when the server has acknowledged it, even if that takes several connections. */
  sendMessage(
    conversationId: string,
    content: string,
    type?: MessageType,
    metadata?: Record<string, unknown>,
  ): Promise<Sent>;
  /** Reports whether the user is typing. Call it on every key press: it sends no more events than necessary. */
  sendTyping(conversationId: string, isTyping?: boolean): void;
  /** Marks all messages as read, or those up to `seq`. */
  markAsRead(conversationId: string, seq?: number): Promise<void>;
  /** Reads who is in a channel now. Use `usePresence` to follow it. */
  presence(channel: PresenceChannel): Promise<Roster>;
  /** Replaces the connection by a new one at once. */
  reconnect(): void;
}

/**
 * Connects, and returns the state of the connection and the functions to send and to subscribe.
 *
 * Subscribing to the same thing again replaces the handler. A component may thus subscribe in an effect that depends on
 * `isConnected`, without cleaning up. All its subscriptions end when it is unmounted.
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
  const reported = useRef(false);
  useEffect(() => {
    const report = () => {
      if (client.isConnected === reported.current) return;
      reported.current = client.isConnected;
      latest.current?.(reported.current);
    };
    report();
    return client.on('connected', report);
  }, [client, latest]);
}

type Actions = Omit<UseWebSocket, 'isConnected' | 'state' | 'error'>;

function actionsOf(client: Client): { subscriptions: Subscriptions; actions: Actions } {
  const subscriptions = new Subscriptions();
  const typing = new Map<string, (isTyping: boolean) => void>();
  const actions: Actions = {
    ...subscribersOf(client, subscriptions),
    sendMessage(conversationId, content, type = 'user', metadata) {
      const draft = { content, type, ...(metadata && { metadata }) };
      return client.send(`conversation:${conversationId}`, 'chat.message', draft);
    },
    sendTyping(conversationId, isTyping = true) {
      const report = typing.get(conversationId) ?? typingNotice(client, `conversation:${conversationId}`);
      typing.set(conversationId, report);
      report(isTyping);
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
