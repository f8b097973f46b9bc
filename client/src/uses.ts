/**
 * How long a client stays connected: while a component uses it, and while files are being uploaded that the user has sent.
 *
 * @module
 */

import type { ConversationChannel } from './channels.js';
import type { Client } from './client.js';
import type { SubscribeOptions } from './feed/feeds.js';
import { onAbort } from './waiting.js';

/**
 * How long a client stays connected that nothing uses. StrictMode unmounts and mounts everything once, and navigation does so
 * too; neither should cost a connection.
 */
const LINGER_MS = 1_000;
/** How long files may be uploaded that no component shows any more, until their message is given up. */
const UPLOAD_MS_MAX = 10 * 60_000;

interface Use {
  users: number;
  cancelClose: () => void;
}

const uses = /* @__PURE__ */ new WeakMap<Client, Use>();

/** Connects the client, and keeps it connected until the returned function is called. */
export function retain(client: Client): () => void {
  const use = uses.get(client) ?? { users: 0, cancelClose: () => {} };
  uses.set(client, use);
  use.users++;
  use.cancelClose();
  client.connect();
  return () => {
    if (--use.users > 0) return;
    use.cancelClose = client.environment.after(LINGER_MS, () => {
      // Messages that are still in the send queue are delivered first. `Drafts` shows those that fail.
      void client.drain({ reason: 'no component uses the connection any more' });
    });
  };
}

/**
 * Keeps the client connected, and the channel joined, for a message whose files are being uploaded: until the returned function is
 * called, or for {@link UPLOAD_MS_MAX}. A client that components do not use is the app's to connect and to close.
 */
export function retainForUpload(
  client: Client,
  channel: ConversationChannel,
  grant: SubscribeOptions['grant'],
): () => void {
  if (!uses.has(client) || client.state === 'closed') return () => {};
  const ending = new AbortController();
  client.subscribe(channel, () => {}, { grant, signal: ending.signal });
  onAbort(ending.signal, retain(client));
  onAbort(
    ending.signal,
    client.environment.after(UPLOAD_MS_MAX, () => ending.abort()),
  );
  return () => ending.abort();
}
