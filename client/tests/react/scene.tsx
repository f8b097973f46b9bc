/** Components that are connected to the fake server, in fake time. */

import { act, cleanup } from '@testing-library/react';
import { createElement, type ReactNode } from 'react';
import { afterEach, beforeEach, vi } from 'vitest';
import { type Client, type ClientOptions, createClient } from '../../src/index.js';
import { FunnelcastProvider } from '../../src/react/index.js';
import { FakeServer } from '../fake/server.js';

export interface Scene {
  server: FakeServer;
  client: Client;
  /** Wraps the components. */
  Provider: (props: { children?: ReactNode }) => ReactNode;
}

/** Makes a server, a client, and a provider. */
export function scene(options: Partial<ClientOptions> = {}): Scene {
  const server = new FakeServer();
  const client = createClient({ url: 'wss://fake.test/dev', environment: server.environment, ...options });
  return {
    server,
    client,
    // biome-ignore lint/correctness/noComponentHookFactories: made once per test
    Provider: ({ children }) => createElement(FunnelcastProvider, { client, children }),
  };
}

/** Lets time pass, and React render. */
export const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(async () => {
  cleanup();
  await vi.advanceTimersByTimeAsync(2_000); // the clients close
  vi.useRealTimers();
});
