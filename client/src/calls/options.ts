/**
 * The options of a call.
 *
 * @module
 */

import type { SubscribeOptions } from '../feed/feeds.js';
import type { CallEnvironment } from './call-environment.js';
import type { DeviceConstraints } from './local-media.js';

/** The options of `createCall`. */
export interface CreateCallOptions extends DeviceConstraints {
  /** Gets a grant, for a user without access of their own. See `SubscribeOptions.grant`. */
  grant?: SubscribeOptions['grant'];
  /**
   * Merged into the configuration of each `RTCPeerConnection`; for example `{ iceTransportPolicy: 'relay' }`, or `iceServers` of
   * your own instead of those of the stack.
   */
  rtc?: RTCConfiguration | undefined;
  /** Replaces parts of the browser, in tests. */
  environment?: Partial<CallEnvironment> | undefined;
}

/** What `start` and `accept` begin with. */
export interface CallMediaOptions {
  /** Whether to turn the camera on. Default: with `start` not, with `accept` if the call is one with video. */
  video?: boolean | undefined;
}
