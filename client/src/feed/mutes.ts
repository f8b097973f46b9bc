/**
 * What the server has told of a user's mute in a channel.
 *
 * @module
 */

import type { EventOf } from '../channels.js';
import type { JoinReply } from '../connection/link.js';
import type { Environment } from '../environment.js';
import type { Mute, Timestamp } from '../wire.js';
import type { JoinInfo } from './cursor.js';

/** Whether the user may send in the channel, as the server told last: by the reply to a join, or by an event. */
export class Mutes {
  readonly #env: Environment;
  #mute: Mute | null | undefined;
  /** When it ends, by the clock of the environment: the device's own time may be wrong. */
  #endsAt: number | undefined;
  /** When an event told so. */
  #toldAt = '';

  constructor(env: Environment) {
    this.#env = env;
  }

  /** Why and for how long the user may not send, or `null`; nothing if that is not known. */
  get known(): Pick<JoinInfo, 'mute' | 'muteEndsInMs'> {
    const mute = this.#mute;
    return mute === undefined
      ? {}
      : { mute, ...(this.#endsAt && { muteEndsInMs: this.#endsAt - this.#env.now() }) };
  }

  /** Takes what an event tells. Returns whether it is newer than what was told before. */
  take({ at, data }: EventOf<'access.muted'>): boolean {
    if (at < this.#toldAt) return false;
    this.#toldAt = at;
    this.#tell(data.mute, at);
    return true;
  }

  /** Takes what the reply to a join tells. A reply by HTTP tells nothing, and a later event is newer. */
  joined({ at, mute }: JoinReply): void {
    if (at && at > this.#toldAt) this.#tell(mute, at);
  }

  #tell(mute: Mute | undefined, at: Timestamp): void {
    this.#mute = mute ?? null;
    this.#endsAt = mute?.until ? this.#env.now() + Date.parse(mute.until) - Date.parse(at) : undefined;
  }
}
