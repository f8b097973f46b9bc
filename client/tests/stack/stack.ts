/**
 * The real stack on this machine: `funnelcast-local` with the binaries of the functions, which `make build` makes. It ends
 * when its stdin closes, and therefore with the test, however that ends.
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

/** A person who connects. */
export interface Person {
  id: string;
  name: string;
  /** `biz_1:admin` */
  companies: string[];
  /** The rooms that their token names. */
  rooms?: string[];
}

/** The configuration of AWS's SDKs. */
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

  /** Starts a stack, and waits until it is ready. */
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

  /** Makes a client of this person with the package `ws`, and connects it. */
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

  /** Sets which faults happen from now on, and how often. */
  async faults(rates: Record<string, number>): Promise<void> {
    const response = await fetch(`${this.addresses.aws}/_local/faults`, {
      method: 'PUT',
      body: JSON.stringify(rates),
    });
    if (!response.ok) throw new Error(`faults: ${response.status} ${await response.text()}`);
  }

  /** Closes the clients, and then the stack by closing its stdin. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    const ended = new Promise(resolve => this.#process.once('exit', resolve));
    this.#process.stdin?.end();
    await ended;
  }
}

/** The longest time to wait for anything. */
export const patience = { timeout: 20_000, interval: 20 };

/** Subscribes to a channel as soon as the stack allows it: an announcement of the backend takes a moment. */
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

/** Subscribes to a conversation; returns the list of its messages. */
export async function listen(client: Client, channel: ConversationChannel): Promise<string[]> {
  const heard: string[] = [];
  await join(client, channel, event => event.event === 'chat.message' && heard.push(event.data.content));
  return heard;
}

/** A network that can block WebSockets. */
export function network(isBlocked: boolean) {
  const it = { isBlocked };
  const construct = (_: unknown, [url, protocols]: [string, string[]]) => {
    const socket = new WebSocket(url, protocols);
    if (it.isBlocked) socket.terminate();
    return socket;
  };
  const environment: Partial<Environment> = {
    WebSocket: new Proxy(WebSocket, { construct }) as unknown as Environment['WebSocket'],
    random: () => 0.1, // so that three failures take little time
  };
  return Object.assign(it, { environment });
}

/** Makes a unique id such as `biz_1a2b3c`. */
export function unique(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().slice(0, 8)}`;
}

/** Makes a new person. */
export function person(name: string, ...companies: string[]): Person {
  return { id: unique('user'), name, companies };
}

/** Gets a token of the dev issuer. */
export async function token({ id, name, companies, rooms = [] }: Person): Promise<string> {
  const of = companies.flatMap(company => ['--company', company]);
  of.push(...rooms.flatMap(room => ['--room', room]));
  const { stdout } = await promisify(execFile)(LOCAL, ['token', '--user', id, '--name', name, ...of], {
    cwd: ROOT,
  });
  return stdout.trim();
}
