/**
 * The hook `useFiles`.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import type { SubscribeOptions } from '../feed/feeds.js';
import { type FileUpload, type OutgoingFiles, outgoingFilesOf } from '../files/outgoing-files.js';
import { useClient, useConnection } from './provider.js';
import { useGrant, useStore } from './store.js';

/** The options of {@link useFiles}. */
export interface UseFilesOptions {
  /** Gets a grant from the app's backend, for a user without access of their own. See `SubscribeOptions.grant`. */
  grant?: SubscribeOptions['grant'];
}

/** The result of {@link useFiles}. */
export interface UseFiles
  extends Pick<OutgoingFiles, 'add' | 'retry' | 'pause' | 'resume' | 'cancel' | 'send'> {
  /** The files that the user has added and that are not in a message yet. */
  uploads: readonly FileUpload[];
  /** How many bytes of all of them have been sent, and how many they have. */
  sentBytes: number;
  bytes: number;
}

/**
 * The files that the user is adding to a conversation. They are uploaded at once, three at a time, while the user still writes;
 * `send` sends them, as soon as they are uploaded, in one message with the text. It is then among the messages of
 * `useConversation`, and shows its files as `checking` until they have been examined. The client needs the option `http`.
 *
 * @example
 * ```tsx
 * const { uploads, add, cancel, retry, send } = useFiles('conv-123');
 * return (
 *   <form action={() => send('Here they are')}>
 *     <input type="file" multiple onChange={event => add(event.target.files ?? [])} />
 *     {uploads.map(({ key, file, state, sentBytes, bytes, error }) => (
 *       <p key={key}>
 *         {'name' in file && file.name} {error?.message ?? state} <progress value={sentBytes} max={bytes} />
 *         {error && <button type="button" onClick={() => retry(key)}>Try again</button>}
 *         <button type="button" onClick={() => cancel(key)}>Remove</button>
 *       </p>
 *     ))}
 *     <button>Send</button>
 *   </form>
 * );
 * ```
 */
export function useFiles(id: string, { grant }: UseFilesOptions = {}): UseFiles {
  const client = useClient();
  const outgoing = useMemo(() => outgoingFilesOf(client, `conversation:${id}`), [client, id]);
  useConnection(client);
  const getGrant = useGrant(grant);
  useEffect(() => {
    outgoing.grant = getGrant;
  }, [outgoing, getGrant]);
  const uploads = useStore(outgoing.store);
  const sum = (of: (upload: FileUpload) => number) =>
    uploads.reduce((total, upload) => total + of(upload), 0);
  const { add, retry, pause, resume, cancel, send } = outgoing;
  return {
    uploads,
    sentBytes: sum(({ sentBytes }) => sentBytes),
    bytes: sum(({ bytes }) => bytes),
    add,
    retry,
    pause,
    resume,
    cancel,
    send,
  };
}
