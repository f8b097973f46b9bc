/**
 * The files that this page has uploaded. It shows them from the device: at once, while nobody else can read them yet, and without
 * a download.
 *
 * @module
 */

import type { Client } from '../client.js';

/** How many files are remembered. A file is only a reference to the disk, except for recordings and what was pasted. */
const REMEMBERED_MAX = 50;

const remembered = /* @__PURE__ */ new WeakMap<Client, Map<string, File>>();

/** Remembers a file that has been uploaded. */
export function rememberFile(client: Client, id: string, file: File): void {
  const files = remembered.get(client) ?? new Map<string, File>();
  remembered.set(client, files);
  files.set(id, file);
  if (files.size > REMEMBERED_MAX) files.delete(files.keys().next().value as string);
}

/** The file with this id, if this page has uploaded it lately. */
export function localFile(client: Client, id: string): File | undefined {
  return remembered.get(client)?.get(id);
}
