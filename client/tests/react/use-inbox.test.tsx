// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { expect, test } from 'vitest';
import { useInbox, useUnread } from '../../src/react/index.js';
import { pass, scene } from './scene.js';

const conversation = (conversationId: string, n: number) => ({
  conversationId,
  companyId: 'biz_1',
  participants: [],
  n,
  readN: 0,
  unread: n,
});

test('both hooks follow an inbox, in strict mode too, and another channel replaces the first one', async () => {
  const { server, Provider } = scene();
  server.intercept = ({ action, companyId }) =>
    action === 'inbox' ? { conversations: [conversation(String(companyId ?? 'own'), 3)] } : undefined;
  const { result, rerender, unmount } = renderHook(
    (channel: 'inbox:biz_1' | 'user:user_1') => ({ inbox: useInbox(channel), unread: useUnread(channel) }),
    {
      initialProps: 'inbox:biz_1',
      wrapper: ({ children }) => (
        <StrictMode>
          <Provider>{children}</Provider>
        </StrictMode>
      ),
    },
  );
  expect(result.current.inbox).toMatchObject({ isLoading: true, conversations: [] });
  await pass(300);
  expect(result.current.inbox.conversations).toEqual([conversation('biz_1', 3)]);
  expect(result.current.unread).toBe(3);
  const data = { conversationId: 'biz_1', companyId: 'biz_1', n: 5 };
  server.post({ type: 'event', channel: 'inbox:biz_1', event: 'inbox.update', at: '2', data });
  await pass(100);
  expect([result.current.inbox.unread, result.current.unread]).toEqual([5, 5]);
  rerender('user:user_1');
  await pass(300);
  expect(result.current.inbox.conversations).toEqual([conversation('own', 3)]);
  unmount();
});
