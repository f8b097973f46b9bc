// @vitest-environment node

import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';
import {
  FunnelcastProvider,
  useConversation,
  useFunnelProgress,
  usePresence,
  useWebSocket,
} from '../../src/react/index.js';

function Page() {
  const { isConnected, state, error } = useWebSocket({ autoConnect: true });
  const { messages, isLoading } = useConversation('c1');
  const funnels = useFunnelProgress('biz_1');
  const { count } = usePresence('conversation:c1');
  return <p>{JSON.stringify({ isConnected, state, error, messages, isLoading, funnels, count })}</p>;
}

test('a server renders the initial state, and does not connect', () => {
  expect(globalThis.WebSocket).toBeUndefined();
  const html = renderToString(
    <FunnelcastProvider options={{ url: 'wss://fake.test/dev' }}>
      <Page />
    </FunnelcastProvider>,
  );
  const text = html.replaceAll('&quot;', '"').replace(/<\/?p>/g, '');
  expect(JSON.parse(text)).toEqual({
    isConnected: false,
    state: 'idle',
    error: null,
    messages: [],
    isLoading: true,
    funnels: [],
    count: 0,
  });
  expect(() => renderToString(<Page />)).not.toThrow(); // and without a provider
});
