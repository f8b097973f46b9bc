/**
 * What a page cannot do by itself, asked of the local stack that serves it, at `/_local`.
 *
 * In your app, your own server gives the tokens and puts the events, and nobody cuts connections.
 *
 * @module
 */

import type { Who } from './room.js';

/** An event, as a backend puts it on the bus. */
export interface BusEvent {
  detailType: string;
  detail: object;
}

/** A fresh token. A client asks for one whenever it connects, because tokens expire. */
export async function getToken({ id, name, companies }: Who): Promise<string> {
  const { token } = await ask<{ token: string }>('POST', '/token', { user: id, name, companies });
  return token;
}

/** Puts an event on the stack's bus. */
export async function putEvent(event: BusEvent): Promise<void> {
  await ask('POST', '/events', event);
}

/** Closes a connection from the server's side. */
export async function closeConnection(id: string): Promise<void> {
  await ask('DELETE', `/connections/${encodeURIComponent(id)}`);
}

async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const init: RequestInit = { method };
  if (body) init.body = JSON.stringify(body);
  const response = await fetch(`/_local${path}`, init);
  const answer = response.status === 204 ? undefined : await response.json();
  if (!response.ok) throw new Error(`${method} /_local${path}: ${answer?.message ?? response.status}`);
  return answer;
}
