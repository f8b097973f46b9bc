/**
 * The hook `useFileUrl`.
 *
 * @module
 */

import { useCallback, useEffect, useState } from 'react';
import type { Client } from '../client.js';
import { FunnelcastError, toError } from '../errors.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import { fileLink, forgetLink, keptMs } from '../files/file-link.js';
import { pauseOrOnline } from '../files/files-api.js';
import { localFile } from '../files/local-files.js';
import { pause } from '../waiting.js';
import type { Attachment, FileForm } from '../wire.js';
import { useClient } from './provider.js';
import { useGrant, useLatest } from './store.js';

/** The options of {@link useFileUrl}. */
export interface UseFileUrlOptions {
  /**
   * Whether the URL is in use, and must stay as it is although it expires: set it when an image has loaded, and while a player
   * plays, because a new URL loads the file anew.
   */
  isInUse?: boolean | undefined;
  /** Gets a grant from the app's backend, for a user without access of their own. See `SubscribeOptions.grant`. */
  grant?: SubscribeOptions['grant'];
}

/** The result of {@link useFileUrl}. */
export interface FileUrl {
  /** The URL, once there is one. */
  url: string | undefined;
  /** Why there is none; `null` if there is one, or it is still being read. */
  error: FunnelcastError | null;
  /**
   * Gets a new URL. Call it when an image or a player reports an error, as the URL may have expired, and when the user wants to try
   * again after an `error`.
   */
  refresh: () => void;
}

/** What a component shows, and of which file. */
interface Shown extends Omit<FileUrl, 'refresh'> {
  of: string;
  /** When the URL was obtained, on the clock of the environment. */
  at: number;
}

/** A new URL that does not work either, after so short a time, has not expired. */
const BROKEN_MS = 10_000;
/** How long to wait for a network, if nothing tells that there is one. */
const RETRY_MS = 30_000;

/**
 * The URL of a file, or of its thumbnail. It is replaced before it expires, as long as the component is mounted and the URL is not
 * {@link UseFileUrlOptions.isInUse}. There is none until the file is `ready`, except for what this page has uploaded itself: it is
 * shown from the device at once.
 *
 * @param file - the attachment of a message; `undefined` to wait, for example until a player is started
 *
 * @example
 * ```tsx
 * const { name, width, height } = file;
 * const [isInUse, setInUse] = useState(false);
 * const { url, refresh } = useFileUrl(file, 'thumbnail', { isInUse });
 * return <img src={url} alt={name} width={width} height={height} onLoad={() => setInUse(true)} onError={refresh} />;
 * ```
 */
export function useFileUrl(
  file: Attachment | undefined,
  form: FileForm = 'original',
  { isInUse = false, grant }: UseFileUrlOptions = {},
): FileUrl {
  const client = useClient();
  const env = client.environment;
  const getGrant = useGrant(grant);
  const name = `${file?.id} ${form}`;
  const [shown, setShown] = useState<Shown>();
  const current = shown?.of === name ? shown : undefined;
  // Counts the URLs that have not worked. The first may have been a picture of this device that browsers do not show, such as HEIC.
  const [failures, setFailures] = useState({ of: name, count: 0 });
  const failed = failures.of === name ? failures.count : 0;
  const hasUrl = useLatest(current?.url !== undefined);
  const { id } = file ?? {};
  const isReady = file?.state === 'ready' && (form === 'original' || file.thumbnail === true);
  const local = file && failed === 0 && isShownFromDevice(file) ? localFile(client, file.id) : undefined;
  const show = useCallback(
    (what: Pick<FileUrl, 'url' | 'error'>) => setShown({ ...what, of: name, at: env.now() }),
    [env, name],
  );
  useEffect(() => (local ? showLocal(local, show) : undefined), [local, show]);
  const isWanted = id !== undefined && isReady && !local;
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each failure, it is asked for anew
  useEffect(() => {
    if (!isWanted || (isInUse && hasUrl.current)) return undefined;
    return follow(client, id, form, getGrant, show);
  }, [client, id, form, isWanted, isInUse, hasUrl, getGrant, show, failed]);
  const refresh = useCallback(() => {
    if (id === undefined || !(current?.url || current?.error)) return; // it is being read
    const { url, at } = current;
    forgetLink(client, id, form);
    const isBroken = url !== undefined && !url.startsWith('blob:') && env.now() - at < BROKEN_MS;
    const error = new FunnelcastError('not_found', 'the file cannot be loaded');
    setShown({ ...current, url: undefined, error: isBroken ? error : null });
    if (!isBroken) setFailures({ of: name, count: failed + 1 });
  }, [client, env, id, form, name, current, failed]);
  const url = isWanted || local ? current?.url : undefined;
  return { url, error: current?.error ?? null, refresh };
}

type Show = (what: Pick<FileUrl, 'url' | 'error'>) => void;

/** Whether a file of this type may be shown from the device. A page of its own, such as HTML, never is. */
function isShownFromDevice({ state, type }: Attachment): boolean {
  return state !== 'refused' && /^(image\/(?!svg)|audio\/|video\/)/.test(type);
}

function showLocal(file: File, show: Show): () => void {
  const url = URL.createObjectURL(file);
  show({ url, error: null });
  return () => URL.revokeObjectURL(url);
}

/** Shows the URL of a file, and the next one shortly before it expires, until the returned function is called. */
function follow(
  client: Client,
  id: string,
  form: FileForm,
  grant: SubscribeOptions['grant'],
  show: Show,
): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const next = async () => {
    for (;;) {
      try {
        const link = await fileLink(client, id, form, { grant, signal });
        show({ url: link.url, error: null });
        await pause(client.environment, keptMs(link), signal);
      } catch (thrown) {
        signal.throwIfAborted();
        const error = toError(thrown);
        show({ url: undefined, error });
        if (error.code !== 'disconnected' && error.code !== 'timeout') return;
        await pauseOrOnline(client, RETRY_MS, signal);
      }
    }
  };
  next().catch(() => {}); // it ends by being aborted
  return () => ending.abort();
}
