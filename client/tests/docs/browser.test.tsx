// @vitest-environment happy-dom

/** Compiles each example for a browser, and runs it on the fake server. */

import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createClient, httpApi } from '../../src/index.js';
import { configureFunnelcast, FunnelcastProvider, useWebSocket } from '../../src/react/index.js';
import { stubMicrophone } from '../fake/microphone.js';
import { FakeServer } from '../fake/server.js';
import { compile, examplesOf } from './examples.js';

const examples = examplesOf('browser');
const CHANNEL = 'conversation:conv-123';
let errors: string[];
let server: FakeServer;
/** What the example has written to the console, or shown with the app's own functions. */
let said: unknown[][];

const App = () => useWebSocket().state;
const Editor = ({ onSubmit }: { onSubmit: (content: string) => Promise<void> }) => (
  <button type="button" onClick={() => void onSubmit('written')} />
);

beforeAll(async () => {
  errors = await compile('browser', examples);
});

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  const { WebSocket, fetch, XMLHttpRequest } = server.environment;
  vi.stubGlobal('WebSocket', WebSocket);
  vi.stubGlobal('XMLHttpRequest', XMLHttpRequest);
  stubMicrophone();
  vi.stubGlobal('fetch', (url: string, init: RequestInit) =>
    url.endsWith('/moderation') && init.method === 'POST'
      ? Promise.resolve(Response.json(JSON.parse(String(init.body))))
      : fetch?.(new URL(url.replace('/my/ticket', '/connect'), 'https://app.example').href, init),
  );
  said = [];
  const say = (...what: unknown[]) => said.push(what);
  vi.spyOn(console, 'log').mockImplementation(say);
  vi.spyOn(console, 'error').mockImplementation((...what) => expect.fail(what.join(' ')));
  const client = createClient({ url: 'wss://fake.test/dev', http: httpApi('https://api.example') });
  client.connect();
  const getToken = async () => 'a.b.c';
  const nothing = { oninput: null, onblur: null };
  const picker = { files: [new File(['picture'], 'photo.png', { type: 'image/png' })] };
  const file = {
    id: 'file_0',
    name: 'a.png',
    type: 'image/png',
    bytes: 7,
    state: 'ready',
    thumbnail: true,
  } as const;
  server.files.set('file_0', file);
  const setting = { client, getToken, App, Editor, show: say, list: say, input: nothing, picker, file };
  for (const [name, value] of Object.entries(setting)) vi.stubGlobal(name, value);
  vi.stubGlobal('showAccessDenied', say);
});

afterEach(() => {
  cleanup();
  client.close();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const realTimeout = setTimeout;
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

/** Lets a second pass, in which files are hashed: that takes real time. */
async function passHashing(): Promise<void> {
  for (let ms = 0; ms < 1_000; ms += 20) {
    await new Promise(resolve => realTimeout(resolve, 1));
    await pass(20);
  }
}

test.each(examples.map(example => [example.at, example] as const))(
  '%s compiles and runs',
  async (_, example) => {
    expect(errors.filter(line => example.file.endsWith(line.split('(')[0] ?? ''))).toEqual([]);
    const { default: run } = await import(/* @vite-ignore */ example.file);
    if (!example.isTsx) {
      const done = run().then(() => 'done');
      await passHashing();
      await expect(done).resolves.toBe('done');
    } else {
      const Shown = run;
      render(
        <FunnelcastProvider client={client}>
          <Shown />
        </FunnelcastProvider>,
      );
      await pass(1_000);
    }
    for (const [words, check] of EXPECTED) if (example.code.includes(words)) await check();
  },
);

/** The results that are expected from the examples that contain these words. */
const EXPECTED: [words: string, check: () => unknown][] = [
  [
    'function LiveChatComponent',
    async () => {
      expect(document.body.textContent).toBe('Status: Connected');
      server.say(CHANNEL, 'Hi');
      const typing = { conversationId: 'conv-123', userId: 'user_2', userName: 'Bob', isTyping: true };
      server.post({ type: 'event', channel: CHANNEL, event: 'chat.typing', at: '1', data: typing });
      await pass(100);
      expect(said).toEqual([
        ['WebSocket connected:', true],
        ['New message:', 'Hi'],
        ['Bob', true],
      ]);
    },
  ],
  [
    'function Conversation({ id }',
    async () => {
      server.say(CHANNEL, 'theirs');
      await pass(100);
      screen.getByRole('button').click();
      await pass(100);
      expect(document.body.textContent).toContain('theirs written');
      expect(server.log(CHANNEL)).toHaveLength(2);
    },
  ],
  [
    'function Thread',
    async () => {
      server.say(CHANNEL, 'Shall we meet');
      await pass(100);
      const press = async (name: string) => {
        screen.getAllByRole('button', { name })[0]?.click();
        await pass(100);
      };
      await press('Louder');
      expect(document.body.textContent).toContain('only its author');
      await press('Reply');
      expect(document.body.querySelector('blockquote')?.textContent).toBe('Shall we meet');
      server.isTeam = true;
      await press('Delete');
      expect(document.body.textContent).toContain('This message has been deleted.');
      expect(document.body.querySelector('blockquote')?.textContent).toBe('A message that has been deleted');
    },
  ],
  [
    '<FunnelcastProvider',
    () => {
      expect(document.body.textContent).toBe('connected');
      expect(server.socket.protocols).toEqual(['funnelcast.v1', 'token.a.b.c']);
    },
  ],
  [
    'configureFunnelcast(',
    async () => {
      render(<App />);
      await pass(100);
      expect(document.body.textContent).toBe('connected');
      expect(server.count('connect')).toBe(1);
      configureFunnelcast({});
    },
  ],
  [
    'stopPresence',
    () => {
      expect(server.log(CHANNEL)).toMatchObject([{ data: { content: 'Hello!' } }]);
      expect(server.requests.find(({ action }) => action === 'ack')).toMatchObject({ seq: 1, state: 'read' });
      expect(server.count('history')).toBe(1);
      expect(said).toContainEqual([1, 'Hello!']);
    },
  ],
  [
    "useAppEvents('room:lobby'",
    async () => {
      screen.getByRole('button').click();
      await pass(100);
      expect(document.body.textContent).toBe('1 votes');
      expect(server.log('room:lobby')).toMatchObject([
        { data: { name: 'poll.vote', payload: { option: 2 } } },
      ]);
    },
  ],
  [
    "sendFiles(client, 'conversation:conv-123', [...",
    () => {
      expect(server.log(CHANNEL)).toMatchObject([
        { data: { content: expect.any(String), attachments: [{ name: 'photo.png', state: 'checking' }] } },
      ]);
      expect(String(said.map(String))).toMatch(/100 %|1,uploaded/);
    },
  ],
  [
    'await recordVoice(',
    () => {
      const [{ data } = {}] = server.log(CHANNEL);
      expect(data).toMatchObject({ attachments: [{ type: 'audio/webm', durationMs: expect.any(Number) }] });
    },
  ],
  [
    "useFileUrl(file, 'thumbnail'",
    () => expect(screen.getByAltText('a.png').getAttribute('src')).toContain('/file_0/thumbnail'),
  ],
  [
    '<input type="file"',
    async () => {
      fireEvent.change(document.querySelector('input') as Element, { target: { files: picker.files } });
      await passHashing();
      expect(document.body.textContent).toContain('uploaded');
      screen.getByRole('button', { name: 'Send' }).click();
      await passHashing();
      expect(server.log(CHANNEL)).toMatchObject([{ data: { attachments: [{ name: 'photo.png' }] } }]);
    },
  ],
  [
    'useVoiceRecorder()',
    async () => {
      screen.getByRole('button', { name: /Record/ }).click();
      await pass(2_000);
      expect(document.body.textContent).toContain('2 s');
      screen.getByRole('button', { name: 'Send' }).click();
      await passHashing();
      expect(server.log(CHANNEL)).toMatchObject([{ data: { attachments: [{ durationMs: 2_000 }] } }]);
    },
  ],
  [
    'createCall(client',
    () => expect(server.requests).toContainEqual(expect.objectContaining({ change: 'start' })),
  ],
  [
    "useCall('conv-123')",
    async () => {
      screen.getByRole('button', { name: 'Call' }).click();
      await pass(100);
      expect(server.requests.find(({ action }) => action === 'call')).toMatchObject({ change: 'start' });
    },
  ],
  ['fileLink(', () => expect(said).toEqual([expect.arrayContaining([expect.stringContaining('/file_0/')])])],
  ["'room:lobby', 'app.event'", () => expect(server.log('room:lobby')).toHaveLength(1)],
  ['sendMessage(', () => expect(server.count('join')).toBe(1)],
];

test.each(EXPECTED)('an example contains the words %s', words => {
  expect(examples.some(({ code }) => code.includes(words))).toBe(true);
});
