/**
 * Links to files: the URLs by which a page shows them, each valid for 5 minutes.
 *
 * @module
 */

import type { Client } from '../client.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import type { CallOptions } from '../options.js';
import { retry, unlessAborted } from '../waiting.js';
import type { FileForm, FileLink } from '../wire.js';
import { linkFile } from './files-api.js';

/** How long before its end a link is replaced, so that what begins to load still can. */
const SPARE_MS = 30_000;
/** The longest time for which a link is kept, and the shortest, whatever the device's clock says. */
const KEPT_MS_MAX = 4.5 * 60_000;
const KEPT_MS_MIN = 30_000;
/** How many links are kept. */
const LINKS_MAX = 500;

/** The options of {@link fileLink}. */
export interface FileLinkOptions extends CallOptions {
  /** Gets a grant from the app's backend, for a user without access of their own. See `SubscribeOptions.grant`. */
  grant?: SubscribeOptions['grant'];
}

interface Kept {
  link: Promise<FileLink>;
  /** Until when it is kept, on the clock of the environment; unknown while it is being read. */
  until: number | undefined;
}

const links = /* @__PURE__ */ new WeakMap<Client, Map<string, Kept>>();

/**
 * Reads where a file, or its thumbnail, can be read. A link is kept until shortly before it expires. There is no `url` until the
 * file is `ready`, or if it has no thumbnail.
 *
 * Whoever has the URL can read the file until it expires, so send no `Authorization` header to it, and do not store it: store the
 * file's id. The storage serves the original to be saved, whatever a page shows of it.
 *
 * @throws {@link FunnelcastError} `not_found` if the user may not read the file
 *
 * @example
 * ```ts
 * const { url, file } = await fileLink(client, 'file_0', 'original');
 * if (url) show(url, file.width, file.height);
 * ```
 */
export async function fileLink(
  client: Client,
  id: string,
  form: FileForm = 'original',
  { grant, signal }: FileLinkOptions = {},
): Promise<FileLink> {
  const kept = links.get(client) ?? new Map<string, Kept>();
  links.set(client, kept);
  const name = `${id} ${form}`;
  const env = client.environment;
  const known = kept.get(name);
  if (known && (known.until === undefined || env.now() < known.until))
    return unlessAborted(known.link, signal);
  const entry: Kept = { link: retry(env, () => linkFile(client, id, form, grant)), until: undefined };
  kept.set(name, entry);
  if (kept.size > LINKS_MAX) kept.delete(kept.keys().next().value as string);
  entry.link.then(
    link => {
      entry.until = env.now() + keptMs(link);
    },
    () => {
      if (kept.get(name) === entry) kept.delete(name);
    },
  );
  return unlessAborted(entry.link, signal);
}

/** Forgets a link whose URL does not work, so that the next {@link fileLink} reads it again. */
export function forgetLink(client: Client, id: string, form: FileForm): void {
  links.get(client)?.delete(`${id} ${form}`);
}

/** How long a link is kept: not at all if it has no URL, because that may change at any moment. */
export function keptMs({ url, expiresAt }: FileLink): number {
  if (url === undefined || expiresAt === undefined) return 0;
  const leftMs = Date.parse(expiresAt) - Date.now() - SPARE_MS;
  return Math.min(KEPT_MS_MAX, Math.max(KEPT_MS_MIN, leftMs));
}
