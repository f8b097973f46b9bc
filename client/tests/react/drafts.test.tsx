// @vitest-environment happy-dom

import { render, renderHook, screen } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import { useConversation } from '../../src/react/index.js';
import { Refusal } from '../fake/refusal.js';
import type { FakeServer } from '../fake/server.js';
import { CHANNEL } from '../fake/setup.js';
import { pass, scene } from './scene.js';

/** A conversation that is opened, closed and opened again, as in a single-page app. */
function app() {
  const it = scene();
  const open = () => {
    const { result, unmount } = renderHook(() => useConversation('c1'), { wrapper: it.Provider });
    const shown = () => result.current.messages.map(({ content, status }) => `${content} ${status}`);
    return { result, leave: unmount, shown };
  };
  return { ...it, open };
}

/** The contents of the messages in the server's log. */
const contents = (server: FakeServer) =>
  server.log(CHANNEL).map(({ data }) => (data as { content: string }).content);

/** Shows the messages. A click loads older ones. */
function Rows() {
  const { messages, loadOlder } = useConversation('c1', { pageSize: 10 });
  return (
    <button type="button" onClick={() => void loadOlder()}>
      {messages.map(({ key, content }) => (
        <i key={key}>{content} </i>
      ))}
    </button>
  );
}

describe('a message that is sent just before the user navigates elsewhere', () => {
  test('arrives even if that takes long, and then the connection is closed', async () => {
    const { server, client, open } = app();
    const { result, leave } = open();
    await pass(12_000);
    server.door = 'closed';
    server.socket.cut();
    await pass(10);
    void result.current.send('bye');
    leave();
    await pass(5_000);
    expect(client.state).not.toBe('closed');
    server.door = 'open';
    await pass(5_000);
    expect(contents(server)).toEqual(['bye']);
    expect(client.state).toBe('closed');
  });

  test('is shown as failed when the conversation is opened again, if the server refused it', async () => {
    const { server, open } = app();
    const first = open();
    await pass(100);
    server.intercept = ({ action }) => {
      if (action === 'send') throw new Refusal('forbidden');
      return undefined;
    };
    void first.result.current.send('one');
    void first.result.current.send('two');
    first.leave();
    await pass(3_000);
    server.intercept = () => undefined;
    const second = open();
    expect(second.shown()).toEqual(['one failed', 'two failed']); // at once, before the log has been loaded
    await pass(100);
    expect(second.shown()).toEqual(['one failed', 'two failed']);
    const [one, two] = second.result.current.messages;
    expect(one?.error).toMatchObject({ code: 'forbidden' });
    void second.result.current.retry(one?.key ?? '');
    second.result.current.discard(two?.key ?? '');
    await pass(100);
    expect(second.shown()).toEqual(['one sent']);
    expect(second.result.current.messages[0]?.key).toBe(one?.key);
  });

  test('is shown as failed when the conversation is opened again, if the time was too short', async () => {
    const { server, client, open } = app();
    const first = open();
    await pass(12_000);
    server.door = 'closed';
    server.socket.cut();
    void first.result.current.send('bye');
    first.leave();
    await pass(30_000);
    expect(client.state).toBe('closed');
    server.door = 'open';
    const second = open();
    await pass(100);
    expect(second.shown()).toEqual(['bye failed']);
    void second.result.current.retry(second.result.current.messages[0]?.key ?? '');
    await pass(100);
    expect(second.shown()).toEqual(['bye sent']);
    expect(contents(server)).toEqual(['bye']);
  });

  test('is shown once if it seemed to fail, but did arrive', async () => {
    const { server, open } = app();
    const first = open();
    await pass(100);
    server.losesReply = ({ action }) => action === 'send';
    server.opened = () => {
      server.door = 'closed';
    };
    void first.result.current.send('bye');
    first.leave();
    await pass(60_000);
    server.door = 'open';
    server.losesReply = () => false;
    expect(contents(server)).toEqual(['bye']);
    const second = open();
    await pass(100);
    expect(second.shown()).toEqual(['bye sent']);
  });

  test('is still being sent when the conversation is opened again at once', async () => {
    const { server, open } = app();
    const first = open();
    await pass(100);
    void first.result.current.send('hello');
    first.leave();
    const second = open();
    expect(second.shown()).toEqual(['hello sending']);
    await pass(100);
    expect(second.shown()).toEqual(['hello sent']);
    expect(server.sockets).toHaveLength(1);
  });
});

describe('keys that other users choose', () => {
  test('may be the same, and are not used for rendering', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { server, Provider } = scene();
    for (let i = 1; i <= 30; i++) server.append(CHANNEL, `${i}`, { key: 'k' });
    render(<Rows />, { wrapper: Provider });
    const rows = () => screen.getByRole('button').textContent?.trim().split(' ');
    await pass(100);
    expect(rows()).toEqual(['21', '22', '23', '24', '25', '26', '27', '28', '29', '30']);
    server.post(server.append(CHANNEL, '31', { key: 'k' }));
    await pass(12_000);
    server.socket.cut();
    await pass(100);
    screen.getByRole('button').click();
    await pass(100);
    expect(rows()).toEqual(Array.from({ length: 21 }, (_, i) => `${i + 11}`));
    expect(complaints).not.toHaveBeenCalled();
  });

  test('may be that of a draft, which is neither removed nor shown twice', async () => {
    const { server, open } = app();
    const { result, shown } = open();
    await pass(100);
    void result.current.send('mine');
    await pass(1);
    const [draft] = result.current.messages;
    expect(draft).toMatchObject({ content: 'mine', status: 'sending' });
    server.post(server.append(CHANNEL, 'theirs', { key: draft?.key ?? '' }));
    server.intercept = ({ action }) => (action === 'send' ? new Refusal('internal') : undefined);
    await pass(100);
    expect(shown()).toEqual(['theirs sent', 'mine sending']);
    server.intercept = () => undefined;
    await pass(31_000);
    expect(shown()).toEqual(['theirs sent', 'mine sent']);
    const [theirs, mine] = result.current.messages;
    expect([theirs?.key === draft?.key, mine?.key]).toEqual([false, draft?.key]);
  });

  test('may be that of a failed draft, which stays in the list', async () => {
    const { server, open } = app();
    const { result, shown } = open();
    await pass(100);
    server.intercept = ({ action }) => (action === 'send' ? new Refusal('forbidden') : undefined);
    void result.current.send('mine');
    await pass(100);
    const [failed] = result.current.messages;
    server.post(server.append(CHANNEL, 'theirs', { key: failed?.key ?? '' }));
    await pass(100);
    expect(shown()).toEqual(['theirs sent', 'mine failed']);
  });
});
