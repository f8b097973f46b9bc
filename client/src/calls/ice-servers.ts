/**
 * The STUN and TURN servers of a call: those that the stack is configured with, whose credentials are valid for an hour.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import type { IceReply } from '../wire.js';
import type { CreateCallOptions } from './options.js';

/** How long credentials are valid, which this device's clock may tell otherwise. */
const LIFE_MS = 60 * 60_000;
/** How long before their end credentials are replaced. */
const SPARE_MS = 5 * 60_000;

/** Gets the servers, and keeps them until their credentials expire. */
export class IceServers {
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  #known: Promise<RTCIceServer[]> | undefined;
  /**
   * When they expire, by the two clocks: the first does not count while the device sleeps, and the other may be set at any time.
   * Whichever is first there counts.
   */
  #expiresAt = 0;
  #expiresOn = 0;

  constructor(client: Client, channel: ConversationChannel) {
    this.#client = client;
    this.#channel = channel;
  }

  /** What a connection to another browser begins with. */
  async configuration({ grant, rtc }: Pick<CreateCallOptions, 'grant' | 'rtc'>): Promise<RTCConfiguration> {
    return { iceServers: rtc?.iceServers ?? (await this.get(grant)), ...rtc };
  }

  /** The servers. None if the stack does not tell: browsers in one network need none. */
  get(grant: SubscribeOptions['grant']): Promise<RTCIceServer[]> {
    const { environment } = this.#client;
    if (!this.#known || environment.now() >= this.#expiresAt || Date.now() >= this.#expiresOn) {
      this.#expiresAt = this.#expiresOn = Number.POSITIVE_INFINITY;
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
    const isTold = leftMs > SPARE_MS && leftMs <= LIFE_MS;
    const lifeMs = (isTold ? leftMs : LIFE_MS) - SPARE_MS;
    this.#expiresAt = environment.now() + lifeMs;
    this.#expiresOn = Date.now() + lifeMs;
    return reply.iceServers;
  }
}
