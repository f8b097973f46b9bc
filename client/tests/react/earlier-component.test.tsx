// @vitest-environment happy-dom

import { act, render, screen } from '@testing-library/react';
import { StrictMode, useEffect } from 'react';
import { expect, test } from 'vitest';
import { httpApi } from '../../src/index.js';
import { useWebSocket } from '../../src/react/index.js';
import { CHANNEL } from '../fake/setup.js';
import { pass, scene } from './scene.js';

/** A component that was written for the earlier hook, unchanged except for what it shows. */
function LiveChatComponent({
  onMessage,
  onConnection,
}: Record<'onMessage' | 'onConnection', (x: unknown) => void>) {
  const { isConnected, sendMessage, subscribeToConversation, subscribeToTyping } = useWebSocket({
    autoConnect: true,
    onConnectionChange: connected => onConnection(connected),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: written as for the earlier hook
  useEffect(() => {
    if (isConnected) {
      subscribeToConversation('c1', message => onMessage(message.content));
      subscribeToTyping('c1', typing => onMessage(`${typing.userName} ${typing.isTyping}`));
    }
  }, [isConnected, subscribeToConversation, subscribeToTyping]);
  return (
    <button type="button" onClick={() => void sendMessage('c1', 'Hello!', 'user')}>
      {isConnected ? 'Connected' : 'Disconnected'}
    </button>
  );
}

test.each([
  ['strict mode', StrictMode],
  ['production', ({ children }: { children: React.ReactNode }) => children],
])('the component of old: heard once, over reconnections, in %s', async (_, Mode) => {
  const { server, Provider } = scene();
  const heard: unknown[] = [];
  const connections: unknown[] = [];
  render(
    <Mode>
      <Provider>
        <LiveChatComponent onMessage={text => heard.push(text)} onConnection={up => connections.push(up)} />
      </Provider>
    </Mode>,
  );
  expect(screen.getByRole('button').textContent).toBe('Disconnected');
  await pass(12_000);
  expect(screen.getByRole('button').textContent).toBe('Connected');
  expect(server.sockets).toHaveLength(1);
  await pass(100); // React 18 runs the effect now, and only then is the channel joined
  server.say(CHANNEL, 'one');
  await pass(100);
  server.socket.cut();
  server.append(CHANNEL, 'two');
  await pass(12_000);
  server.socket.cut();
  await pass(100);
  server.say(CHANNEL, 'three');
  const typing = { conversationId: 'c1', userId: 'user_2', userName: 'Bob', isTyping: true, timestamp: '1' };
  server.post({ type: 'event', channel: CHANNEL, event: 'chat.typing', at: '1', data: typing });
  await pass(100);
  expect(heard).toEqual(['one', 'two', 'three', 'Bob true']);
  await pass(6_000);
  expect(heard.at(-1)).toBe('Bob false');
  expect(connections).toEqual([true, false, true, false, true]);
  act(() => screen.getByRole('button').click());
  await pass(100);
  expect(heard.at(-1)).toBe('Hello!');
});

test('it receives and sends while WebSockets fail, and shows when HTTP fails too', async () => {
  const { server, Provider } = scene({ http: httpApi('https://api.test') });
  server.door = 'closed';
  const heard: unknown[] = [];
  const connections: unknown[] = [];
  render(
    <Provider>
      <LiveChatComponent onMessage={text => heard.push(text)} onConnection={up => connections.push(up)} />
    </Provider>,
  );
  await pass(10_000);
  expect(screen.getByRole('button').textContent).toBe('Connected');
  server.append(CHANNEL, 'by HTTP');
  act(() => screen.getByRole('button').click());
  await pass(4_000);
  expect(heard).toEqual(['by HTTP', 'Hello!']);

  server.http = 'closed';
  await pass(4_000);
  expect(screen.getByRole('button').textContent).toBe('Disconnected');
  server.append(CHANNEL, 'missed');
  await pass(20_000);
  server.http = 'open';
  await pass(30_000);
  expect(heard).toEqual(['by HTTP', 'Hello!', 'missed']);
  server.door = 'open';
  await pass(31_000);
  expect(connections).toEqual([true, false, true]); // the change from HTTP to the socket is not reported
});
