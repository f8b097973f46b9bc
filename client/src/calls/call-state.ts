/**
 * The state of a call as an app shows it.
 *
 * @module
 */

import type { FunnelcastError } from '../errors.js';
import type { Call } from '../wire.js';

/**
 * Where a call stands on this device:
 * - `idle`: there has been no call yet;
 * - `ringing`: it comes in, or rings at the others (see `direction`);
 * - `connecting`: it is accepted, and no voice arrives yet;
 * - `connected`: the users hear each other;
 * - `reconnecting`: the media of all others are lost, and are being found again;
 * - `ended`: it is over for this device, for a `reason`. The next call begins with `ringing`.
 */
export type CallPhase = 'idle' | 'ringing' | 'connecting' | 'connected' | 'reconnecting' | 'ended';

/**
 * Why a call has ended:
 * - `ended`: somebody has hung up;
 * - `missed`: nobody has answered in time;
 * - `declined`: the others have declined, or this user has;
 * - `busy`: the others are in another call;
 * - `canceled`: the caller has hung up before anybody answered;
 * - `elsewhere`: the user has answered on another device, or is in this call there;
 * - `full`: as many users are in the call as it can have;
 * - `not_permitted`: the user or the page's `Permissions-Policy` does not allow the microphone;
 * - `no_microphone`: there is none, or another program uses it;
 * - `failed`: no connection to the others came about or it was lost, or the server refused; see `error`.
 */
export type CallEndReason =
  | 'ended'
  | 'missed'
  | 'declined'
  | 'busy'
  | 'canceled'
  | 'elsewhere'
  | 'full'
  | 'not_permitted'
  | 'no_microphone'
  | 'failed';

/** What is in the video of a user. */
export type VideoSource = 'camera' | 'screen';

/** Another user in the call. */
export interface CallPeer {
  /** The user's device in this call. Identifies it in React. */
  readonly peerId: string;
  readonly userId: string;
  readonly name: string;
  readonly state: 'connecting' | 'connected' | 'reconnecting';
  /**
   * Their voice, and their video while they send any, for the `srcObject` of a `<video>` or `<audio>`. It is another object when its
   * tracks change, and only then. To set the same one again makes the element begin anew, so compare them before.
   */
  readonly stream: MediaStream;
  /** Whether their microphone is off. */
  readonly isMuted: boolean;
  /** What their video shows; `null` if they send none. */
  readonly video: VideoSource | null;
}

/** What this device sends. */
export interface LocalState {
  /** The own camera or screen, to show it; `null` if neither is on. */
  readonly preview: MediaStream | null;
  readonly isMuted: boolean;
  /** What the video shows; `null` if none is sent. While the screen is shared, the camera is not sent. */
  readonly video: VideoSource | null;
  /** Why the microphone, the camera or the screen could not be used last; `null` if they can. */
  readonly deviceError: FunnelcastError | null;
}

/** The call of a conversation on this device. Each change makes a new object. */
export interface CallState extends LocalState {
  readonly state: CallPhase;
  /** Who has called; `null` while the state is `idle`. A call that the user joins later is `incoming`. */
  readonly direction: 'incoming' | 'outgoing' | null;
  /** Why the call has ended; `null` in any other state. */
  readonly reason: CallEndReason | null;
  /** The error that ended the call or kept it from being accepted, if one did. */
  readonly error: FunnelcastError | null;
  /** The last call of the conversation, as the server knows it. */
  readonly call: Call | null;
  /** Whether there is a call in the conversation that `accept` joins. */
  readonly canJoin: boolean;
  /** The other users in the call, who have joined it. */
  readonly peers: readonly CallPeer[];
}
