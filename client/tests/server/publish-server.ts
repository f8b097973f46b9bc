/** The operation `POST /api/publish` on a real HTTP server, with a log for each channel, that fails on demand. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An event of a request. */
export interface Entry {
  type: string;
  detail: Record<string, unknown>;
  key: string;
  time?: string;
}

/** An event in a log. */
interface Row {
  key: string;
  at: string;
  text: string;
}

/** How many events of a log are searched for a key, and how many of one that comes with its `time`. */
const TAIL_EVENTS = 100;
const TAIL_EVENTS_TIMED = 8;
/** How far before its `time` an earlier try may be. */
const SKEW_MS = 60_000;

/** What happens to a request: it is lost before or after it is handled, or refused with a status. */
export type Fault =
  | 'cut before'
  | 'cut after'
  | 'cut within'
  | { status: number; retryAfter?: string; body?: object | string };

export class PublishServer {
  readonly requests: Entry[][] = [];
  readonly tokens: string[] = [];
  readonly #logs = new Map<string, Row[]>();
  readonly #server: Server;
  /** The fault of a request, by its number from 0 on. */
  fault: (request: number) => Fault | undefined = () => undefined;
  /** The error of an event. */
  refuse: (entry: Entry) => { code: string; message: string; field?: string } | undefined = () => undefined;
  /** How long a request takes, in milliseconds. */
  delay: (request: number) => number = () => 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  static async start(): Promise<PublishServer> {
    const it = new PublishServer();
    await new Promise<void>(resolve => it.#server.listen(0, '127.0.0.1', resolve));
    return it;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The titles or contents that were published on a channel. */
  log(channel: string): string[] | undefined {
    return this.#logs.get(channel)?.map(({ text }) => text);
  }

  stop(): Promise<unknown> {
    this.#server.closeAllConnections();
    return new Promise(resolve => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray()).toString();
    const { events } = JSON.parse(body) as { events: Entry[] };
    const number = this.requests.push(events) - 1;
    this.tokens.push(request.headers.authorization ?? '');
    await new Promise(resolve => setTimeout(resolve, this.delay(number)));
    const fault = this.fault(number);
    if (fault === 'cut before') return void request.socket.destroy();
    if (typeof fault === 'object') {
      const headers = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
      response.writeHead(fault.status, headers).end(textOf(fault.body ?? { message: 'no' }));
      return;
    }
    const answer = JSON.stringify({ results: this.#publish(events) });
    if (fault === 'cut after') return void request.socket.destroy();
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
    if (fault !== 'cut within') return void response.end(answer);
    response.write(answer.slice(0, -10), () => request.socket.destroy());
  }

  #publish(events: Entry[]): object[] {
    const held = new Set<string>();
    return events.map(entry => {
      const channel = String(entry.detail['conversationId'] ?? entry.type);
      const error = held.has(channel) ? { code: 'internal', message: 'not tried' } : this.refuse(entry);
      if (error?.code === 'internal') held.add(channel);
      if (error) return { error };
      const log = this.#logs.get(channel) ?? [];
      this.#logs.set(channel, log);
      const known = earlierTry(log, entry);
      const now = new Date().toISOString();
      const text = String(entry.detail['content'] ?? entry.detail['title'] ?? entry.detail['name']);
      const seq = known === -1 ? log.push({ key: entry.key, at: now, text }) : known + 1;
      return { seq, at: log[seq - 1]?.at, key: entry.key, duplicate: known !== -1 };
    });
  }
}

function textOf(body: object | string): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** The place of an earlier try of an event in the log, as far back as the stack looks for it; else -1. */
function earlierTry(log: Row[], { key, time }: Entry): number {
  const oldest = log.length - (time === undefined ? TAIL_EVENTS : TAIL_EVENTS_TIMED);
  const since = time === undefined ? Infinity : Math.min(Date.parse(time), Date.now()) - SKEW_MS;
  return log.findIndex((row, i) => row.key === key && (i >= oldest || Date.parse(row.at) >= since));
}
