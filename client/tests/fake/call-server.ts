/** A server with calls, and with sockets of several users. */

import type { AnyEvent, Channel, Environment } from '../../src/index.js';
import type { Call } from '../../src/wire.js';
import { CallRefusal, type CallRequestOf, changed, joinedOf, nameOf, RINGS_MS, rungOut } from './calls.js';
import { Refusal } from './refusal.js';
import { type Frame, validate } from './requests.js';
import { FakeServer } from './server.js';
import { FakeSocket } from './socket.js';

/** How often it is looked whether those who are in a call are still connected. */
const LOOK_MS = 60_000;

export class CallServer extends FakeServer {
  /** The participants of each conversation. */
  participants = ['user_1', 'user_2'];
  call: Call | undefined;
  /** Whether a signal, or another event, is lost on its way to a user. */
  loses: (event: AnyEvent, userId: string) => boolean = () => false;
  /** Whether the timer of a call that rings is lost. */
  losesTimer = false;
  readonly #users = new WeakMap<FakeSocket, string>();
  /** The connection of each device. */
  readonly #bound = new Map<string, FakeSocket>();
  readonly #missing = new Set<string>();

  /** The environment of a client of this user. */
  environmentOf(userId: string): Partial<Environment> {
    const server = this;
    return {
      ...this.environment,
      WebSocket: class extends FakeSocket {
        constructor(url: string, protocols: string[]) {
          super(server, url, protocols);
          server.#users.set(this, userId);
        }
      },
    };
  }

  userOf(socket: FakeSocket | undefined): string {
    return (socket && this.#users.get(socket)) ?? this.user;
  }

  /** The open sockets of a user. */
  socketsOf(userId: string): FakeSocket[] {
    return this.sockets.filter(socket => socket.state === 'open' && this.userOf(socket) === userId);
  }

  override post(event: object, except?: FakeSocket): void {
    for (const socket of this.sockets) {
      const isIn = socket.channels.has((event as AnyEvent).channel) && socket !== except;
      if (isIn && !this.loses(event as AnyEvent, this.userOf(socket))) socket.deliver(event);
    }
  }

  override serve(frame: Frame, socket: FakeSocket | undefined): object | undefined {
    const userId = this.userOf(socket);
    const { to, ...data } = (frame['data'] ?? {}) as { to?: { userId: string } };
    const isSignal = frame.action === 'send' && frame['event'] === 'signal';
    if (frame.action !== 'call' && !isSignal) {
      const reply = super.serve(frame, socket);
      return frame.action === 'status' ? { ...reply, user: userId } : reply;
    }
    this.requests.push({ ...frame, socket });
    validate(frame);
    const answer = this.intercept(frame, socket);
    if (answer instanceof Error) throw answer;
    socket?.checkMember(frame.channel);
    if (frame.action === 'call') return this.#change(frame, socket, userId);
    const at = new Date().toISOString();
    const from = { userId, name: nameOf(userId) };
    const payload = { conversationId: 'c1', userId, ...data };
    const event = {
      type: 'event',
      channel: frame.channel as Channel,
      event: 'signal',
      at,
      from,
      data: payload,
    };
    for (const other of this.sockets) {
      const isTo = other !== socket && (!to || this.userOf(other) === to.userId);
      if (isTo && other.channels.has(frame.channel) && !this.loses(event as AnyEvent, this.userOf(other)))
        other.deliver(event);
    }
    return { at, duplicate: false, recipients: 1 };
  }

  #change(frame: Frame, socket: FakeSocket | undefined, userId: string): Call {
    const request = { ...frame, userId } as unknown as CallRequestOf;
    try {
      const isGone = (peerId: string) => this.#bound.get(peerId)?.state !== 'open';
      const call = changed(this.call, request, this.participants, Date.now(), isGone);
      if (socket && /^(start|accept)$/.test(request.change)) this.#bound.set(request.peerId, socket);
      if (call !== this.call) this.#tell(frame.channel as Channel, call);
      return call;
    } catch (thrown) {
      if (!(thrown instanceof CallRefusal)) throw thrown;
      const { code, message, call } = thrown;
      throw new Refusal(code, { message, ...(call && { call }) });
    }
  }

  #tell(channel: Channel, call: Call): void {
    const isNew = call.callId !== this.call?.callId;
    this.call = call;
    const at = new Date().toISOString();
    const event = { type: 'event', channel, event: 'call.update', at, data: call } as unknown as AnyEvent;
    this.latest.set(channel, [event]);
    this.post(event);
    if (!isNew) return;
    const isCurrent = () => this.call?.callId === call.callId && this.call;
    setTimeout(() => {
      const now = isCurrent();
      if (now && now.state === 'ringing' && !this.losesTimer) this.#tell(channel, rungOut(now));
    }, RINGS_MS);
    const look = () => {
      const now = isCurrent();
      if (!now || now.state === 'ended') return;
      if (now.state === 'active') this.#look(channel, now);
      setTimeout(look, LOOK_MS);
    };
    setTimeout(look, LOOK_MS);
  }

  #look(channel: Channel, call: Call): void {
    let next = call;
    for (const { peerId, userId } of joinedOf(call)) {
      if (this.#bound.get(peerId)?.state === 'open') this.#missing.delete(peerId);
      else if (!this.#missing.has(peerId)) this.#missing.add(peerId);
      else next = changed(next, { change: 'leave', callId: call.callId, peerId, userId }, this.participants);
    }
    if (next !== call) this.#tell(channel, next);
  }
}
