/**
 * A line between two devices in a call: what one posts, the other receives once and in order, over signals of which some are lost,
 * repeated or late, and over any number of connections. Candidates go in batches.
 *
 * Each page that is loaded has an id of its own. A device that hears of a new page at the other end begins anew, because nothing of
 * what was said before is known there.
 *
 * @module
 */

import type { Environment } from '../environment.js';
import { newKey } from '../sending/own-messages.js';
import type { CallSignal, SignalContent } from './call-signal.js';

/** How long candidates are collected, in milliseconds. */
const BATCH_MS = 100;
/** How many candidates a signal has at most: some 4 KB. */
const CANDIDATES_MAX = 20;
/** How long to wait for an acknowledgement of what was sent first; the wait doubles with each repetition. */
const REPEAT_MS_FIRST = 1_000;
const REPEAT_MS_MAX = 8_000;
/** How long an acknowledgement waits for something that it can go with. */
const ACK_MS = 200;
/** How many signals that have overtaken others are held. */
const EARLY_MAX = 64;

/** What a line needs from the peer. */
export interface LineHooks {
  /** Sends a signal. Whether it arrives is not known. */
  send(signal: Omit<CallSignal, 'callId' | 'from' | 'to'>): void;
  /** There is a new page at the other end, or the first one: nothing has been said to it. */
  begun(): void;
  /** The other end tells something. */
  received(content: SignalContent): void;
}

/** A line to one other device. */
export class SignalLine {
  readonly #env: Environment;
  readonly #hooks: LineHooks;
  readonly #page = newKey();
  #otherPage: string | undefined;
  readonly #formerPages = new Set<string>();
  #sentN = 0;
  #unacknowledged: { n: number; content: SignalContent }[] = [];
  #receivedN = 0;
  readonly #early = new Map<number, SignalContent>();
  #candidates: RTCIceCandidateInit[] = [];
  #cancelBatch: (() => void) | undefined;
  #cancelAck: (() => void) | undefined;
  #cancelRepeat = () => {};
  #repeatMs = REPEAT_MS_FIRST;

  constructor(env: Environment, hooks: LineHooks) {
    this.#env = env;
    this.#hooks = hooks;
  }

  /** Says that this page is there, until the other one answers. */
  open(): void {
    this.#send({});
    this.#planRepeat();
  }

  /** Ends the line. Nothing is sent any more. */
  close(): void {
    this.#cancelBatch?.();
    this.#cancelAck?.();
    this.#cancelRepeat();
  }

  /** Tells the other end something. */
  post(content: SignalContent): void {
    this.#flush();
    this.#unacknowledged.push({ n: ++this.#sentN, content });
    this.#send({ n: this.#sentN, ...content });
    this.#planRepeat();
  }

  /** Tells the other end a candidate, together with others. */
  postCandidate(candidate: RTCIceCandidateInit): void {
    this.#candidates.push(candidate);
    if (this.#candidates.length >= CANDIDATES_MAX) return this.#flush();
    this.#cancelBatch ??= this.#env.after(BATCH_MS, () => this.#flush());
  }

  /** Tells the other end that this page is being closed. */
  sayBye(): void {
    this.#send({ bye: true });
  }

  /** Sends again at once what has not been acknowledged: there is a new connection. */
  repeat(): void {
    this.#repeatMs = REPEAT_MS_FIRST;
    this.#repeat();
  }

  /** Whether a page has been followed by another one. What it has said may still arrive. */
  isFormer(page: string): boolean {
    return this.#formerPages.has(page);
  }

  /** Takes a signal of the other device. */
  receive({ page, toPage, n, ack = 0, bye: _, ...content }: CallSignal): void {
    if (this.isFormer(page)) return;
    if (page !== this.#otherPage) this.#begin(page);
    // The other page does not know this one yet, so that what it says is for a page before this one.
    if (toPage !== this.#page) return this.#send({});
    this.#acknowledged(ack);
    if (n === undefined) return;
    if (n > this.#receivedN && this.#early.size < EARLY_MAX) this.#early.set(n, content);
    this.#cancelAck ??= this.#env.after(ACK_MS, () => this.#send({}));
    this.#deliver();
  }

  #deliver(): void {
    for (;;) {
      const content = this.#early.get(this.#receivedN + 1);
      if (!content) return;
      this.#early.delete(++this.#receivedN);
      this.#hooks.received(content);
    }
  }

  #begin(page: string): void {
    if (this.#otherPage !== undefined) this.#formerPages.add(this.#otherPage);
    this.#otherPage = page;
    this.#sentN = 0;
    this.#unacknowledged = [];
    this.#receivedN = 0;
    this.#early.clear();
    this.#candidates = [];
    this.#hooks.begun();
  }

  #acknowledged(ack: number): void {
    const before = this.#unacknowledged.length;
    this.#unacknowledged = this.#unacknowledged.filter(({ n }) => n > ack);
    if (this.#unacknowledged.length < before) this.#repeatMs = REPEAT_MS_FIRST;
  }

  #flush(): void {
    this.#cancelBatch?.();
    this.#cancelBatch = undefined;
    const candidates = this.#candidates;
    if (candidates.length === 0) return;
    this.#candidates = [];
    this.post({ candidates });
  }

  #planRepeat(): void {
    this.#cancelRepeat();
    this.#cancelRepeat = this.#env.after(this.#repeatMs, () => {
      this.#repeatMs = Math.min(REPEAT_MS_MAX, this.#repeatMs * 2);
      this.#repeat();
    });
  }

  #repeat(): void {
    for (const { n, content } of this.#unacknowledged) this.#send({ n, ...content });
    if (this.#otherPage === undefined) this.#send({});
    if (this.#otherPage === undefined || this.#unacknowledged.length > 0) this.#planRepeat();
  }

  #send(signal: Omit<CallSignal, 'callId' | 'from' | 'to' | 'page'>): void {
    this.#cancelAck?.();
    this.#cancelAck = undefined;
    const toPage = this.#otherPage;
    this.#hooks.send({
      ...signal,
      page: this.#page,
      ...(toPage !== undefined && { toPage, ack: this.#receivedN }),
    });
  }
}
