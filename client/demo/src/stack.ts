/**
 * Requests to `/_local`, where the local stack does for this page what a page cannot do by itself.
 *
 * In your app, your own server issues the tokens and publishes the events, and nobody closes connections.
 *
 * @module
 */

/** An event for the bus. */
export interface BusEvent {
  detailType: string;
  detail: object;
}

/** Whom a token is for. */
export interface Bearer {
  id: string;
  name: string;
  companies: { id: string; role: string }[];
}

/** Gets a fresh token. A client needs one whenever it connects, because tokens expire. */
export async function getToken({ id, name, companies }: Bearer): Promise<string> {
  const { token } = await ask<{ token: string }>('POST', '/token', { user: id, name, companies });
  return token;
}

/** Puts an event on the stack's bus. */
export async function putEvent(event: BusEvent): Promise<void> {
  await ask('POST', '/events', event);
}

/** Closes a connection on the server. */
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
