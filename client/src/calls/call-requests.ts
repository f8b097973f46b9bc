/**
 * What a device tells the server about its part in a call: one request after the other, repeated over lost connections, so that
 * `leave` never overtakes the `start` before it.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import type { Link } from '../connection/link.js';
import { toError } from '../errors.js';
import type { CallRequest, Input, Machine } from './machine.js';

/** How long a request that is no longer wanted may take before it is given up. */
const UNWANTED_MS = 3_000;

/** The user of a client, as the server knows them. */
export async function userOf(client: Client, channel: ConversationChannel): Promise<string> {
  if (client.user !== undefined) return client.user;
  const { user } = await client.requests.persist(
    'status',
    channel,
    link => link.request('status', {}),
    undefined,
  );
  return user;
}

/** The requests of one device. */
export class CallRequests {
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #answered: (input: Input) => void;
  #machine: Machine | undefined;
  #sending: Promise<void> = Promise.resolve();
  /** The request to start or to join that has no answer yet. */
  #pending: { request: CallRequest; ending: AbortController } | undefined;

  /** @param answered - called with what the server says */
  constructor(client: Client, channel: ConversationChannel, answered: (input: Input) => void) {
    this.#client = client;
    this.#channel = channel;
    this.#answered = answered;
  }

  /** Sends requests of the machine. What it no longer waits for is given up. */
  send(requests: readonly CallRequest[], machine: Machine): void {
    this.#machine = machine;
    const { request, ending } = this.#pending ?? {};
    const isAnswered = machine.role === 'joined' && request?.change === 'start';
    if (request && ending && (isAnswered || !this.#isWanted(request)))
      this.#giveUp(ending, isAnswered ? 0 : UNWANTED_MS);
    for (const next of requests) this.#sending = this.#sending.then(() => this.#request(next));
  }

  /** Whether the machine still wants to be in the call, with this request. */
  #isWanted({ change, peerId }: CallRequest): boolean {
    const isEntry = change === 'start' || change === 'accept';
    return !isEntry || (this.#machine?.peerId === peerId && this.#machine.role !== 'none');
  }

  #giveUp(ending: AbortController, ms: number): void {
    this.#pending = undefined;
    this.#client.environment.after(ms, () => ending.abort());
  }

  /** Makes a request once. What the call does not allow is an answer: no repetition changes it. */
  async #ask(link: Link, request: CallRequest): Promise<Input> {
    try {
      return { type: 'update', call: await link.request('call', { channel: this.#channel, ...request }) };
    } catch (thrown) {
      const error = toError(thrown);
      if (!error.call) throw error;
      return { type: 'refused', change: request.change, callId: request.callId, error, call: error.call };
    }
  }

  async #request(request: CallRequest): Promise<void> {
    if (!this.#isWanted(request)) return;
    const ending = new AbortController();
    const { change, callId } = request;
    if (change === 'start' || change === 'accept') this.#pending = { request, ending };
    try {
      const answer = await this.#client.requests.persist(
        'call',
        this.#channel,
        link => this.#ask(link, request),
        ending.signal,
      );
      this.#answered(answer);
    } catch (thrown) {
      if (ending.signal.aborted) return;
      this.#answered({ type: 'refused', change, callId, error: toError(thrown) });
    } finally {
      if (this.#pending?.ending === ending) this.#pending = undefined;
    }
  }
}
