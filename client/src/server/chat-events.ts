/**
 * What a backend hears of conversations: requests of the stack to a URL of the app's.
 *
 * They need `fetch`'s types and WebCrypto alone, so a handler runs in the Node and the Edge runtime.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import type { ChatEvent, ChatEvents } from '../wire.js';
import { variable } from './variables.js';

/** The `source` of these events. */
const SOURCE = 'funnelcast.chat';
/** The header with the key. */
const KEY_HEADER = 'funnelcast-key';
/** The environment variable with the key. */
const KEY_VARIABLE = 'CHAT_EVENTS_KEY';

/** Handles what happens in conversations, by the type of the event. Types without a handler are ignored. */
export type ChatEventHandlers = {
  [Type in keyof ChatEvents]?: (event: ChatEvent<Type>) => unknown;
};

/** The options of {@link onMessage}. */
export interface ChatEventOptions {
  /**
   * The key that the requests have: the value of the secret that the parameter `ChatEventsKeySecret` names.
   *
   * @defaultValue the environment variable `CHAT_EVENTS_KEY`, read at each request
   */
  key?: string | undefined;
}

/**
 * Answers a request to the URL that the parameter `ChatEventsUrl` names: checks its key, and calls the handler of its event.
 *
 * An event comes at least once, and events come in any order: `event.seq` tells repeats and the order. EventBridge waits 5 s for
 * the answer, so longer work goes on after it (`after` of Next.js). If a handler throws, the event comes again, for up to a day.
 *
 * @param handlers - by the type of the event; a single function handles `MessageCreated`
 * @returns 204 if the event was handled; 401 if the key is wrong; 400 if it is no event of a conversation; 500 if a handler threw
 *
 * @example The route `app/api/chat-events/route.ts` of a Next.js app
 * ```ts
 * import { onMessage, realTimeUpdates } from 'funnelcast/server';
 *
 * export const POST = (request: Request) =>
 *   onMessage(request, async ({ conversationId, event }) => {
 *     if (event.data.type !== 'user') return; // the bot's own messages come, too
 *     const more = { replyTo: event.seq, key: `answer-${event.seq}` };
 *     await realTimeUpdates.sendBotMessage(conversationId, `You said: ${event.data.content}`, more);
 *   });
 * ```
 */
export async function onMessage(
  request: Request,
  handlers: ChatEventHandlers | NonNullable<ChatEventHandlers['MessageCreated']>,
  { key = variable(KEY_VARIABLE) }: ChatEventOptions = {},
): Promise<Response> {
  try {
    // An empty key would let everybody in.
    if (!key) throw new FunnelcastError('internal', `${KEY_VARIABLE} is not set, or the key is empty`);
    if (!(await isSame(request.headers.get(KEY_HEADER) ?? '', key))) {
      return refusal(401, `${KEY_HEADER} is missing, or is not the key in ${KEY_VARIABLE}`);
    }
    const body = await request.json().catch(() => undefined);
    const { source, 'detail-type': type, detail } = (body ?? {}) as Record<string, unknown>;
    if (source !== SOURCE || typeof type !== 'string' || !isDetail(detail)) {
      return refusal(400, `the body is no event of the source ${SOURCE}`);
    }
    const all = typeof handlers === 'function' ? { MessageCreated: handlers } : handlers;
    // A later version of the stack may have more types than this one.
    const handler = Object.hasOwn(all, type) ? all[type as keyof ChatEvents] : undefined;
    await (handler as ((event: ChatEvent) => unknown) | undefined)?.(detail);
    return new Response(null, { status: 204 });
  } catch (thrown) {
    console.error('funnelcast: onMessage:', thrown);
    return refusal(500, 'the event was not handled');
  }
}

function isDetail(detail: unknown): detail is ChatEvent {
  const { conversationId, event } = (detail ?? {}) as Partial<ChatEvent>;
  return typeof conversationId === 'string' && typeof event?.seq === 'number';
}

/** Compares two texts in a time that does not tell how much of them is the same. */
async function isSame(one: string, other: string): Promise<boolean> {
  const digest = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  const [left, right] = await Promise.all([digest(one), digest(other)]);
  return left.every((byte, index) => byte === right[index]);
}

function refusal(status: number, message: string): Response {
  return Response.json({ error: { message } }, { status });
}
