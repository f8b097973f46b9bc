/**
 * Route handlers for Next.js: what the browser's client asks of the app's own origin, passed on to the stack's HTTP API.
 *
 * They use `fetch` and WebCrypto alone, so they run in the Node and the Edge runtime.
 *
 * @module
 */

import { createTokenIssuer, type TokenIssuer, type TokenUser } from '../server/tokens.js';
import { variable } from '../server/variables.js';
import { type ErrorCode, HTTP_ROUTES, WEBHOOK_BYTES_MAX } from '../wire.js';

/** What may be done with each route of the stack. */
const ROUTES: Record<string, readonly string[]> = HTTP_ROUTES;
/** How long the stack may take: as long as API Gateway lets its functions run, and the way there. */
const TIMEOUT_MS = 31_000;
/** The headers of a request that the stack reads, beside credentials. */
const PASSED_ON = [
  'content-type',
  'funnelcast-grant',
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
];
/** The headers of an answer that a browser needs; `location` is where a file is. */
const PASSED_BACK = ['content-type', 'location', 'retry-after'];
/** The headers with a caller's credentials, for apps that do not name the user. */
const CREDENTIALS = ['authorization', 'x-whop-user-token'];

type Method = 'GET' | 'POST' | 'DELETE';

/** What {@link createRouteHandlers} takes. */
export interface RouteOptions {
  /**
   * Which of the stack's routes are passed on: those below `/api/websocket/` from the catch-all route
   * `app/api/websocket/[...path]/route.ts`, those of files from
   * `app/api/files/[[...path]]/route.ts`, those of calls from `app/api/calls/[...path]/route.ts`, or the inbox from
   * `app/api/conversations/route.ts`, which is asked for there while WebSockets fail.
   *
   * @defaultValue `'websocket'`
   */
  api?: 'websocket' | 'files' | 'calls' | 'conversations' | undefined;
  /**
   * The stack's output `HttpUrl`.
   *
   * @defaultValue the environment variable `FUNNELCAST_HTTP`, read at each request
   */
  http?: string | undefined;
  /**
   * Names the user who is signed in to the app, or nobody. Without it a request has to bring its own token, as each does
   * in Whop's iframe (`x-whop-user-token`).
   */
  user?: ((request: Request) => MaybePromise<TokenUser | null | undefined>) | undefined;
  /**
   * Signs the tokens of those users.
   *
   * @defaultValue `createTokenIssuer()` of `funnelcast/server`, which the environment variable `TOKEN_KEY` configures
   */
  issuer?: TokenIssuer | undefined;
  /** @defaultValue the global `fetch` */
  fetch?: typeof fetch | undefined;
}

type SigningOptions = RouteOptions & { issuer: TokenIssuer };
type MaybePromise<T> = T | Promise<T>;
type Pair = [name: string, value: string];
type Segments = { path?: string[] | undefined };

/** What Next.js gives a handler: the segments of `[...path]`, from version 15 on as a promise, or nothing for a route without them. */
interface RouteContext {
  params?: MaybePromise<Segments | null | undefined>;
}

/**
 * Answers one method of the route. It never throws: what goes wrong is an answer, and a line of the server's log. What Next.js
 * demands of the type of `context` depends on its version and its bundler, so it is left open.
 */
// biome-ignore lint/suspicious/noExplicitAny: the only type that all versions of Next.js accept
export type RouteHandler = (request: Request, context?: any) => Promise<Response>;

/**
 * Makes the handlers of the catch-all route `app/api/websocket/[...path]/route.ts`, and of `app/api/files/[[...path]]/route.ts`.
 *
 * A browser sends cookies by itself, so a page of another origin could have a user's browser ask for a ticket. Requests
 * that the browser says come from another origin are refused with `forbidden`.
 *
 * @returns the handlers, by the name under which Next.js looks for them
 *
 * @example In Whop's iframe, where each request brings Whop's own token
 * ```ts
 * import { createRouteHandlers } from 'funnelcast/next';
 *
 * export const { GET, POST, DELETE } = createRouteHandlers();
 * ```
 *
 * @example With the app's own sign-in
 * ```ts
 * import { createRouteHandlers } from 'funnelcast/next';
 *
 * export const { GET, POST, DELETE } = createRouteHandlers({
 *   user: async request => {
 *     const session = await sessionOf(request);
 *     return session && { id: session.userId, name: session.name, companies: [{ id: 'biz_1', role: 'admin' }] };
 *   },
 * });
 * ```
 */
export function createRouteHandlers(options: RouteOptions = {}): Record<Method, RouteHandler> {
  const { issuer = createTokenIssuer() } = options;
  const handler =
    (method: Method): RouteHandler =>
    async (request, context?: RouteContext) => {
      try {
        const { path = [] } = (await context?.params) ?? {};
        return await passOn(method, request, path, { ...options, issuer });
      } catch (thrown) {
        if (thrown instanceof Refused) return thrown.response;
        console.error(`funnelcast: ${method} ${new URL(request.url).pathname}:`, thrown);
        return new Refused(502, 'internal', 'the realtime service could not be reached').response;
      }
    };
  return { GET: handler('GET'), POST: handler('POST'), DELETE: handler('DELETE') };
}

/** An answer of ours, thrown where the request goes no further. */
class Refused {
  readonly response: Response;

  constructor(status: number, code: ErrorCode, message: string) {
    const headers = { 'cache-control': 'no-store' };
    this.response = Response.json({ error: { code, message } }, { status, headers });
  }
}

async function passOn(
  method: Method,
  request: Request,
  path: readonly string[],
  options: SigningOptions,
): Promise<Response> {
  const { api = 'websocket' } = options;
  const route = [api, ...path].join('/');
  const methods = methodsOf(api, path);
  if (!methods) throw new Refused(404, 'not_found', `there is no ${route}`);
  if (!methods.includes(method)) throw new Refused(405, 'bad_request', `${route} has no ${method}`);
  const isWebhook = api === 'websocket' && path[0] === 'webhooks';
  if (!isWebhook && isForeign(request)) throw new Refused(403, 'forbidden', 'a page of another origin');
  const credentials = isWebhook ? [] : await credentialsOf(request, options);
  const body = method === 'POST' ? await bodyOf(request) : undefined;
  return unlessGone(request.signal, async signal => {
    const answer = await (options.fetch ?? fetch)(address(options.http, [api, ...path], request.url), {
      method,
      headers: [...headersOf(request.headers, PASSED_ON), ...credentials],
      ...(body && { body }),
      cache: 'no-store',
      redirect: 'manual',
      signal,
    });
    const headers: Pair[] = [...headersOf(answer.headers, PASSED_BACK), ['cache-control', 'no-store']];
    return new Response(await answer.arrayBuffer(), { status: answer.status, headers });
  });
}

/** Does what may take so long, unless the browser goes away. The Edge runtime of Next.js has no `AbortSignal.any`. */
async function unlessGone<T>(gone: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const onGone = () => abort.abort(gone.reason);
  const timer = setTimeout(() => abort.abort(new Error(`no answer in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  if (gone.aborted) onGone();
  gone.addEventListener('abort', onGone);
  try {
    return await work(abort.signal);
  } finally {
    clearTimeout(timer);
    gone.removeEventListener('abort', onGone);
  }
}

/** What may be done with a route: that of these segments, or the one that has an id in place of the first of them. */
function methodsOf(api: string, path: readonly string[]): readonly string[] | undefined {
  const routes = [path, ['{id}', ...path.slice(1)]].map(segments => ['/api', api, ...segments].join('/'));
  const route = routes.find(name => Object.hasOwn(ROUTES, name));
  return route === undefined ? undefined : ROUTES[route];
}

/** The bytes as they came: a webhook's signature is over them. No more is read than a route accepts, whatever the headers say. */
async function bodyOf(request: Request): Promise<ArrayBuffer> {
  const reader = request.body?.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  while (bytes <= WEBHOOK_BYTES_MAX) {
    const { value: chunk } = (await reader?.read()) ?? {};
    if (!chunk) return new Blob(chunks).arrayBuffer();
    chunks.push(chunk);
    bytes += chunk.byteLength;
  }
  reader?.cancel().catch(() => {});
  throw new Refused(413, 'too_large', `a body has at most ${WEBHOOK_BYTES_MAX} bytes`);
}

/** The caller's credentials, as headers. */
async function credentialsOf(request: Request, { user, issuer }: SigningOptions): Promise<Pair[]> {
  if (!user) return headersOf(request.headers, CREDENTIALS);
  const named = await user(request);
  if (!named) throw new Refused(401, 'unauthorized', 'nobody is signed in');
  return [['authorization', `Bearer ${await issuer.token(named)}`]];
}

function address(http: string | undefined, path: readonly string[], url: string): string {
  const route = path.map(encodeURIComponent).join('/');
  const origin = http ?? variable('FUNNELCAST_HTTP');
  if (!origin) throw new Error("FUNNELCAST_HTTP is not set: it is the stack's output HttpUrl");
  return `${origin.replace(/\/+$/, '')}/api/${route}${new URL(url).search}`;
}

/**
 * Whether a page of another origin has sent it, by what browsers say of that: `Sec-Fetch-Site`
 * (https://www.w3.org/TR/fetch-metadata/), or, where that is absent, `Origin`. What says neither is no page's.
 */
function isForeign({ headers }: Request): boolean {
  const site = headers.get('sec-fetch-site');
  if (site) return site !== 'same-origin' && site !== 'none';
  const origin = headers.get('origin');
  if (!origin) return false;
  const host = headers.get('x-forwarded-host') ?? headers.get('host');
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

/** Those of the headers that are there. */
function headersOf(headers: Headers, names: readonly string[]): Pair[] {
  return names.flatMap(name => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] satisfies Pair];
  });
}
