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
import { type CallRequest, type Input, type Machine, mayBeIn } from './machine.js';

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
  /** Where the last request was made. */
  #link: Link | undefined;
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
    for (const next of requests) {
      // What ends this device's part is not given up with the client.
      const stop = isEntry(next) ? () => {} : this.#onClose(() => this.#askNow(next));
      this.#sending = this.#sending.then(() => this.#request(next)).finally(stop);
    }
  }

  /** The client is being closed: leaves the call that the machine is in. */
  leaveNow(machine: Machine): void {
    const { callId, peerId } = machine;
    if (callId !== undefined && mayBeIn(machine)) this.#askNow({ change: 'leave', callId, peerId });
  }

  /** Calls `act` when the client is closed, until the returned function is called. */
  #onClose(act: () => void): () => void {
    return this.#client.on('state', ({ state }) => {
      if (state === 'closed') act();
    });
  }

  /** Makes a request without waiting for anything: the socket of a client that is being closed is open for a last moment. */
  #askNow(request: CallRequest): void {
    if (this.#link?.isOpen) void this.#ask(this.#link, request).catch(() => {});
  }

  /** Whether the machine still wants to be in the call, with this request. */
  #isWanted(request: CallRequest): boolean {
    const isOwn = this.#machine?.peerId === request.peerId && this.#machine.role !== 'none';
    return !isEntry(request) || isOwn;
  }

  #giveUp(ending: AbortController, ms: number): void {
    this.#pending = undefined;
    this.#client.environment.after(ms, () => ending.abort());
  }

  /** Makes a request once. What the call does not allow is an answer: no repetition changes it. */
  async #ask(link: Link, request: CallRequest): Promise<Input> {
    this.#link = link;
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
    if (isEntry(request)) this.#pending = { request, ending };
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

/** Whether a request is one to be in a call. */
function isEntry({ change }: CallRequest): boolean {
  return change === 'start' || change === 'accept';
}
