/**
 * The call of a conversation on this device: does what the machine says, with the server, the devices and the other browsers.
 * `transitions.ts` decides what comes next.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { closed, FunnelcastError, toError } from '../errors.js';
import { newKey } from '../sending/own-messages.js';
import { Store } from '../store.js';
import type { Call } from '../wire.js';
import { browserCallEnvironment, type CallEnvironment } from './call-environment.js';
import { CallRequests, userOf } from './call-requests.js';
import type { CallState } from './call-state.js';
import { IceServers } from './ice-servers.js';
import { Inputs } from './inputs.js';
import { type DeviceConstraints, LocalMedia } from './local-media.js';
import { type CallRequest, type Input, idle, type Machine } from './machine.js';
import type { CallMediaOptions, CreateCallOptions } from './options.js';
import { Peers } from './peers.js';
import { Reload } from './reload.js';
import { INITIAL, shown } from './shown.js';
import { TimeLimit } from './time-limit.js';
import { transition } from './transitions.js';
import { listenToCalls, lookAt } from './watch-calls.js';

/** The call that each client is in: one at a time. */
const inCall = /* @__PURE__ */ new WeakMap<Client, ConversationCall>();

/** The call of a conversation. Make one with `createCall`. */
export class ConversationCall {
  /** The state, for a framework to render: `get()` returns it, and `subscribe(listener)` tells of each change. */
  readonly store = new Store<CallState>(INITIAL);
  readonly #client: Client;
  readonly #options: CreateCallOptions;
  readonly #requests: CallRequests;
  readonly #peers: Peers;
  readonly #limit: TimeLimit;
  readonly #reload: Reload;
  readonly #look: () => void;
  readonly #channel: ConversationChannel;
  readonly #inputs = new Inputs(
    input => this.#step(input),
    () => this.#limit.end(),
  );
  #stops: (() => void)[] = [];
  #machine: Machine = idle('');
  /** Whether the server has failed to say who the user is. It is asked again as soon as there is something to take. */
  #isUnknown = false;
  /** What `useDevices` has chosen. */
  readonly #devices: DeviceConstraints = {};
  #media: LocalMedia | undefined;
  #wantsVideo = false;

  /** Use `createCall`. */
  constructor(client: Client, channel: ConversationChannel, options: CreateCallOptions) {
    this.#client = client;
    this.#channel = channel;
    this.#options = options;
    this.#requests = new CallRequests(client, channel, input => this.#take(input));
    this.#limit = new TimeLimit(client.environment, () => this.#take({ type: 'timeout' }));
    this.#reload = new Reload(() => this.#env, channel);
    this.#look = lookAt(client, channel, call => this.#hear(call));
    const servers = new IceServers(client, channel);
    this.#peers = new Peers(client, channel, () => this.#env, {
      configuration: () => servers.configuration(options),
      media: () => this.#media,
      changed: (connected, isDeserted) => this.#take({ type: 'peers', connected, isDeserted }),
      unsure: this.#look,
    });
  }

  /**
   * Begins to follow the call of the conversation. `createCall` has done so.
   *
   * @internal
   */
  readonly open = (): void => {
    this.#reload.take();
    this.#stops = this.#listen();
    void this.#identify(this.#stops);
  };

  /**
   * Calls the others in the conversation; joins the call if there is one already. Call it in reply to a click, because the browser
   * asks the user for the microphone. Errors are in the state.
   */
  readonly start = ({ video = false }: CallMediaOptions = {}): void => {
    this.#wantsVideo = video;
    const media = video ? 'video' : 'audio';
    if (this.#mayBegin()) this.#take({ type: 'start', callId: newKey(), peerId: newKey(), media });
  };

  /** Accepts the call that rings, or joins the one that the others are in. Call it in reply to a click, as `start`. */
  readonly accept = ({ video }: CallMediaOptions = {}): void => {
    this.#wantsVideo = video ?? this.#machine.latest?.media === 'video';
    if (this.#mayBegin()) this.#take({ type: 'accept', peerId: newKey() });
  };

  /** Declines the call that rings, on all devices of the user. */
  readonly decline = (): void => this.#take({ type: 'decline', peerId: newKey() });

  /** Leaves the call, or takes it back while it rings at the others. Declines one that rings here. */
  readonly hangUp = (): void => {
    this.decline();
    this.#take({ type: 'hangUp' });
  };

  /** Mutes the microphone, or lets it be heard again. */
  readonly mute = (isMuted: boolean): void => this.#media?.mute(isMuted);

  /** Turns the camera on or off. If that fails, `deviceError` in the state says why. */
  readonly setCamera = async (isOn: boolean): Promise<void> => this.#media?.setCamera(isOn).catch(() => {});

  /** Shares a screen, a window or a tab instead of the camera, or stops that. */
  readonly setScreen = async (isOn: boolean): Promise<void> => this.#media?.setScreen(isOn).catch(() => {});

  /** Uses another microphone or camera, in this call and in later ones. */
  readonly useDevices = async (devices: DeviceConstraints): Promise<void> => {
    if (devices.audio) this.#devices.audio = devices.audio;
    if (devices.video) this.#devices.video = devices.video;
    await this.#media?.use(devices).catch(() => {});
  };

  /** Hangs up, and does not follow the call any more. */
  readonly close = (): void => {
    this.hangUp();
    this.unfollow();
  };

  /**
   * Does not follow the call any more. One that rings goes on ringing on other devices.
   *
   * @internal
   */
  readonly unfollow = (): void => {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#isUnknown = false;
    // Where a listener of the store has called this, something may have begun a call that nobody follows.
    this.#inputs.close({ type: 'hangUp' });
  };

  /** The browser, as the options are now. */
  get #env(): CallEnvironment {
    return { ...browserCallEnvironment, ...this.#options.environment };
  }

  #listen(): (() => void)[] {
    const [client, channel] = [this.#client, this.#channel];
    const listener = {
      call: (call: Call) => this.#hear(call),
      signal: this.#peers.receive,
      joined: () => this.#take({ type: 'rejoined' }),
      removed: (error: FunnelcastError | null) => this.#take({ type: 'removed', error }),
    };
    return [
      listenToCalls(client, channel, listener, { grant: this.#options.grant }),
      client.on('state', ({ state, error = closed() }) => {
        if (state !== 'closed') return;
        if (!this.#reload.isKept) this.#requests.leaveNow(this.#machine);
        this.#take({ type: 'removed', error });
      }),
      client.on('connected', isConnected => isConnected && this.#peers.refresh()),
      client.environment.watch(sign => sign === 'online' && this.#peers.refresh()),
      this.#env.onPageHide(() => {
        if (this.#reload.keep(this.#machine, this.#media?.store.get())) this.#peers.sayBye();
      }),
      this.#env.onPageShow(() => this.#beginAnew()),
    ];
  }

  /** The page is shown as it was left. Another one may have had its part; it takes that up as one that is loaded again does. */
  #beginAnew(): void {
    this.unfollow();
    this.open();
    this.#apply(idle(''));
  }

  /** Finds out who the user is, without which nobody can tell who is called. */
  async #identify(stops: unknown): Promise<void> {
    const isAgain = this.#isUnknown;
    this.#isUnknown = false;
    try {
      const userId = await userOf(this.#client, this.#channel);
      if (this.#stops !== stops) return; // closed
      this.#apply(idle(userId));
      this.#inputs.open();
      if (isAgain) this.#look(); // what was heard before has been forgotten
    } catch (thrown) {
      if (this.#stops !== stops) return;
      this.#isUnknown = true;
      this.#inputs.clear();
      this.store.set({ ...INITIAL, error: toError(thrown) });
    }
  }

  #hear(call: Call): void {
    const kept = this.#reload.partIn(call);
    if (kept && this.#machine.callId === undefined) {
      this.#wantsVideo = kept.video === 'camera';
      this.#take({ type: 'resume', callId: kept.callId, peerId: kept.peerId, startedBy: call.startedBy });
    }
    const other = inCall.get(this.#client);
    this.#take({ type: 'update', call, busyAs: other && other !== this ? newKey() : undefined });
  }

  /** Whether the client is in no other call. */
  #mayBegin(): boolean {
    const other = inCall.get(this.#client);
    if (!other || other === this) return true;
    const error = new FunnelcastError('busy', 'the user is in another call');
    this.store.set({ ...this.store.get(), error });
    return false;
  }

  #take(input: Input): void {
    this.#inputs.add(input);
    // Who has been removed would only be refused again.
    if (this.#isUnknown && input.type !== 'removed') void this.#identify(this.#stops);
  }

  #step(input: Input): void {
    const { machine, requests } = transition(this.#machine, input);
    this.#apply(machine, requests);
  }

  /** Brings everything into line with a machine. */
  #apply(machine: Machine, requests: readonly CallRequest[] = []): void {
    this.#machine = machine;
    this.#requests.send(requests, machine);
    if (machine.role !== 'none') this.#open();
    else this.#release();
    this.#peers.follow(machine);
    this.#limit.follow(machine);
    this.#show();
  }

  /** Opens the microphone, and the camera if it is wanted. */
  #open(): void {
    if (this.#media) return;
    const devices = { ...this.#options, ...this.#devices };
    const media = new LocalMedia(this.#env, devices, () => this.#peers.sendMedia());
    this.#media = media;
    inCall.set(this.#client, this);
    media.store.subscribe(() => this.#show());
    const isCurrent = () => this.#media === media;
    if (this.#machine.phase === 'reconnecting' && this.#reload.taken?.isMuted) media.mute(true);
    media.open(this.#wantsVideo).then(
      () => isCurrent() && this.#take({ type: 'ready' }),
      error => isCurrent() && this.#take({ type: 'noMedia', error: toError(error) }),
    );
  }

  #release(): void {
    this.#media?.close();
    this.#media = undefined;
    if (inCall.get(this.#client) === this) inCall.delete(this.#client);
  }

  #show(): void {
    this.store.set(shown(this.#machine, this.#peers.states, this.#media?.store.get()));
  }
}
