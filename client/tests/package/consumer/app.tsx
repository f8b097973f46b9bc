/** The browser side of an app, compiled as strictly as possible and never run. */

import { type CallOptions, createClient, FunnelcastError, httpApi, watchPresence } from 'funnelcast';
import { createCall, watchCalls } from 'funnelcast/calls';
import { recordVoice, sendFiles } from 'funnelcast/files';
import {
  FunnelcastProvider,
  useAppEvents,
  useCall,
  useConversation,
  useFiles,
  useFileUrl,
  useWebSocket,
} from 'funnelcast/react';

const client = createClient({ http: httpApi('https://api.example.com', { token: async () => 'jwt' }) });
watchPresence(client, 'conversation:conv-123', ({ count }) => count.toFixed());

watchCalls(client, 'conversation:conv-123', ({ participants }) => participants.length.toFixed());
const call = createCall(client, 'conversation:conv-123', { rtc: { iceTransportPolicy: 'relay' } });

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

function Calls() {
  const { state, peers, start, hangUp } = useCall('conv-123');
  const toggle = () => (state === 'connected' ? hangUp() : start({ video: true }));
  return (
    <button type="button" onClick={toggle} onDoubleClick={call.close}>
      {peers.map(({ stream }) => stream.id)}
    </button>
  );
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
    <Calls />
  </FunnelcastProvider>
);
