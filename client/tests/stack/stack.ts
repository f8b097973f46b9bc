/**
 * The real thing on this machine: `funnelcast-local` with the functions' own binaries, which `make build` makes. It ends
 * with its stdin, and so with the test, whatever happens to that.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { vi } from 'vitest';
import { WebSocket } from 'ws';
import {
  type Channel,
  type ChannelEvent,
  type Client,
  type ClientOptions,
  type ConversationChannel,
  createClient,
  type Environment,
} from '../../src/index.js';
import { RealTimeUpdates } from '../../src/server/index.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BINARIES = `${ROOT}target/debug`;
const LOCAL = `${BINARIES}/funnelcast-local`;

/** The line of JSON that the stack prints when it is ready. */
export interface Addresses {
  websocket: string;
  http: string;
  aws: string;
  table: string;
  bus: string;
}

/** Who connects. */
export interface Person {
  id: string;
  name: string;
  /** `biz_1:admin` */
  companies: string[];
}

/** What AWS's SDKs need to be told. */
export interface AwsConfig {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

export class Stack {
  readonly addresses: Addresses;
  readonly updates: RealTimeUpdates;
  readonly #process: ChildProcess;
  readonly #clients: Client[] = [];

  private constructor(process: ChildProcess, addresses: Addresses) {
    this.#process = process;
    this.addresses = addresses;
    const client = new EventBridgeClient(this.aws);
    this.updates = new RealTimeUpdates({ client, bus: addresses.bus });
  }

  /** Starts one, and waits until it is ready. */
  static async start(...options: string[]): Promise<Stack> {
    if (!existsSync(LOCAL)) throw new Error(`${LOCAL} is missing: run \`make build\` at the root first`);
    const logs = `${BINARIES}/stack-logs`;
    mkdirSync(logs, { recursive: true });
    const log = openSync(`${logs}/client-${process.pid}-${Date.now()}.log`, 'w');
    const standard = [
      'up',
      '--port',
      '0',
      '--http-port',
      '0',
      '--until-stdin-closes',
      '--async-retry-delay',
      '200ms',
    ];
    const child = spawn(LOCAL, [...standard, ...options], { cwd: ROOT, stdio: ['pipe', 'pipe', log] });
    const ready = await new Promise<string>((resolve, reject) => {
      if (child.stdout) createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', code => reject(new Error(`${LOCAL} up ended with ${code}; its log is in ${logs}`)));
      child.once('error', reject);
    });
    return new Stack(child, JSON.parse(ready));
  }

  get aws(): AwsConfig {
    return {
      endpoint: this.addresses.aws,
      region: 'us-east-1',
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    };
  }

  /** A connected client of this person, with the `ws` package as its WebSocket. */
  client(person: Person, options: Partial<ClientOptions> = {}): Client {
    const client = createClient({
      url: this.addresses.websocket,
      token: () => token(person),
      environment: { WebSocket: WebSocket as unknown as Environment['WebSocket'] },
      ...options,
    });
    this.#clients.push(client);
    client.connect();
    return client;
  }

  /** What goes wrong from now on, and how often. */
  async faults(rates: Record<string, number>): Promise<void> {
    const response = await fetch(`${this.addresses.aws}/_local/faults`, {
      method: 'PUT',
      body: JSON.stringify(rates),
    });
    if (!response.ok) throw new Error(`faults: ${response.status} ${await response.text()}`);
  }

  /** Ends the clients and then the stack, by the end of its stdin. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    const ended = new Promise(resolve => this.#process.once('exit', resolve));
    this.#process.stdin?.end();
    await ended;
  }
}

/** How long anything may take; the thing itself is waited for. */
export const patience = { timeout: 20_000, interval: 20 };

/** Listens to a channel as soon as the stack lets us: what the backend has said of it takes a moment to be known. */
export async function join<C extends Channel>(
  client: Client,
  channel: C,
  handler: (event: ChannelEvent<C>) => void,
) {
  await vi.waitFor(async () => {
    const { joined, unsubscribe } = client.subscribe(channel, handler);
    await joined.catch(refusal => {
      unsubscribe();
      throw refusal;
    });
  }, patience);
}

/** Listens to a conversation; what is said in it is in the list. */
export async function listen(client: Client, channel: ConversationChannel): Promise<string[]> {
  const heard: string[] = [];
  await join(client, channel, event => event.event === 'chat.message' && heard.push(event.data.content));
  return heard;
}

/** A network that lets WebSockets through, or does not. */
export function network(isBlocked: boolean) {
  const it = { isBlocked };
  const construct = (_: unknown, [url, protocols]: [string, string[]]) => {
    const socket = new WebSocket(url, protocols);
    if (it.isBlocked) socket.terminate();
    return socket;
  };
  const environment: Partial<Environment> = {
    WebSocket: new Proxy(WebSocket, { construct }) as unknown as Environment['WebSocket'],
    random: () => 0.1, // so that three failures take no time
  };
  return Object.assign(it, { environment });
}

/** A new id like `biz_1a2b3c`: nobody else has it. */
export function unique(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().slice(0, 8)}`;
}

/** Somebody new. */
export function person(name: string, ...companies: string[]): Person {
  return { id: unique('user'), name, companies };
}

/** A token of the dev issuer. */
export async function token({ id, name, companies }: Person): Promise<string> {
  const of = companies.flatMap(company => ['--company', company]);
  const { stdout } = await promisify(execFile)(LOCAL, ['token', '--user', id, '--name', name, ...of], {
    cwd: ROOT,
  });
  return stdout.trim();
}
