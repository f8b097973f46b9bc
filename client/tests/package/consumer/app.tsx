/** The browser side of an app, compiled as strictly as possible and never run. */

import { type CallOptions, createClient, FunnelcastError, httpApi, watchPresence } from 'funnelcast';
import { recordVoice, sendFiles } from 'funnelcast/files';
import {
  FunnelcastProvider,
  useAppEvents,
  useConversation,
  useFiles,
  useFileUrl,
  useWebSocket,
} from 'funnelcast/react';

const client = createClient({ http: httpApi('https://api.example.com', { token: async () => 'jwt' }) });
watchPresence(client, 'conversation:conv-123', ({ count }) => count.toFixed());

/** Passes on a signal that may be absent. */
export async function say(content: string, { signal }: CallOptions = {}): Promise<number | undefined> {
  try {
    const sent = await client.send('conversation:conv-123', 'chat.message', { content }, { signal });
    return sent.seq;
  } catch (error) {
    if (error instanceof FunnelcastError && error.code === 'closed') return undefined;
    throw error;
  }
}

/** Sends what the user says. */
export async function speak({ signal }: CallOptions = {}): Promise<void> {
  const recorder = await recordVoice({ signal, onLevel: ({ level }) => level.toFixed() });
  await sendFiles(client, 'conversation:conv-123', [await recorder.stop()], { signal });
}

function Album() {
  const { messages } = useConversation('conv-123');
  const { uploads, add } = useFiles('conv-123');
  const { url } = useFileUrl(messages.at(-1)?.attachments?.[0], 'thumbnail');
  return (
    <input type="file" title={url} max={uploads.length} onChange={({ target }) => add(target.files ?? [])} />
  );
}

function Poll() {
  useAppEvents('room:lobby', ({ name, payload }) => {
    if (name === 'poll.vote') payload.option.toFixed();
  });
  const vote = () => client.send('room:lobby', 'app.event', { name: 'poll.vote', payload: { option: 2 } });
  // @ts-expect-error: the app has declared its events
  const cheat = () => client.send('room:lobby', 'app.event', { name: 'poll.won', payload: { option: 2 } });
  return <button type="button" onClick={() => void vote()} onDoubleClick={() => void cheat()} />;
}

function Chat() {
  const { isConnected } = useWebSocket();
  const { messages, send } = useConversation('conv-123');
  return (
    <button type="button" disabled={!isConnected} onClick={() => void send('Hello!')}>
      {messages.map(({ timestamp }) => timestamp.toISOString())}
    </button>
  );
}

export const App = () => (
  <FunnelcastProvider client={client}>
    <Chat />
    <Poll />
    <Album />
  </FunnelcastProvider>
);
