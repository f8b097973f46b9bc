/**
 * The STUN and TURN servers of a call: those that the stack is configured with, whose credentials are valid for an hour.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import type { IceReply } from '../wire.js';

/** How long before their end credentials are replaced. */
const SPARE_MS = 5 * 60_000;

/** Gets the servers, and keeps them until their credentials expire. */
export class IceServers {
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  #known: Promise<RTCIceServer[]> | undefined;
  #expiresAt = 0;

  constructor(client: Client, channel: ConversationChannel) {
    this.#client = client;
    this.#channel = channel;
  }

  /** The servers. None if the stack does not tell: browsers in one network need none. */
  get(grant: SubscribeOptions['grant']): Promise<RTCIceServer[]> {
    const { environment } = this.#client;
    if (!this.#known || environment.now() >= this.#expiresAt) {
      this.#expiresAt = Number.POSITIVE_INFINITY;
      this.#known = this.#ask(grant).catch(() => {
        this.#expiresAt = 0; // asked again for the next connection
        return [];
      });
    }
    return this.#known;
  }

  async #ask(grant: SubscribeOptions['grant']): Promise<RTCIceServer[]> {
    const { http, environment } = this.#client;
    if (!http) return [];
    const path = '/api/calls/ice';
    const reply = (await http.call('POST', path, { channel: this.#channel }, await grant?.())) as IceReply;
    const leftMs = Date.parse(reply.expiresAt) - Date.now();
    this.#expiresAt = environment.now() + Math.max(0, leftMs - SPARE_MS);
    return reply.iceServers;
  }
}
