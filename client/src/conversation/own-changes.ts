/**
 * The user's own changes of messages: edits, deletions and reactions that the server does not have yet, or has rejected.
 *
 * An edit and a reaction are shown at once, and are taken back if they are rejected. A deletion is shown once the server has
 * carried it out: until then, the others can still read the message.
 *
 * @module
 */

import type { ConversationChannel, DraftOf } from '../channels.js';
import type { Client } from '../client.js';
import { type FunnelcastError, toError } from '../errors.js';
import { newKey } from '../sending/own-messages.js';
import { Store } from '../store.js';
import { type Change, type ChangeName, ownReaction, withChange } from './changes.js';
import { keptPerConversation } from './kept.js';
import type { Messages } from './messages.js';

/** The name of an event by which a client changes a message. */
type OwnChangeName = Extract<ChangeName, `chat.${string}`>;

/** What a client sends to change a message. */
type ChangeDraft = { [Name in OwnChangeName]: { event: Name; data: DraftOf<Name> } }[OwnChangeName];

/** A change that has been sent. */
type OwnChange = ChangeDraft & {
  key: string;
  /** When the user made it. */
  at: string;
  /** Its place in the log, once it is acknowledged. */
  seq?: number;
};

interface State {
  /** In the order in which the user made them. */
  changes: readonly OwnChange[];
  /** Why the last change of a message was rejected, by the place of the message. */
  errors: ReadonlyMap<number, FunnelcastError>;
}

/** The changes of one conversation that are being sent or have failed. */
export class OwnChanges {
  readonly store = new Store<State>({ changes: [], errors: new Map() });
  readonly #client: Client;
  readonly #channel: ConversationChannel;

  constructor(client: Client, channel: ConversationChannel) {
    this.#client = client;
    this.#channel = channel;
  }

  /** Sends a change. Resolves with whether the server has accepted it. */
  async send(draft: ChangeDraft): Promise<boolean> {
    const key = newKey();
    const { target } = draft.data;
    this.forgive(target);
    this.#set([...this.store.get().changes, { ...draft, key, at: new Date().toISOString() }]);
    try {
      const { seq } = await this.#client.send(this.#channel, draft.event, draft.data, { key });
      this.#set(this.store.get().changes.map(one => (one.key === key && seq ? { ...one, seq } : one)));
      return true;
    } catch (thrown) {
      const errors = new Map(this.store.get().errors).set(target, toError(thrown));
      this.#set(
        this.store.get().changes.filter(one => one.key !== key),
        errors,
      );
      return false;
    }
  }

  /** Forgets that a change of a message was rejected. */
  forgive(target: number): void {
    const { changes, errors } = this.store.get();
    if (errors.has(target)) this.#set(changes, new Map([...errors].filter(([place]) => place !== target)));
  }

  /** Forgets the acknowledged changes up to a place in the log, which has been reached. */
  settle(place: number): void {
    const { changes } = this.store.get();
    const rest = changes.filter(({ seq }) => seq === undefined || seq > place);
    if (rest.length < changes.length) this.#set(rest);
  }

  /** The messages with the changes in them. */
  appliedTo(messages: Messages): Messages {
    const { changes, errors } = this.store.get();
    if (changes.length === 0 && errors.size === 0) return messages;
    const changing = new Set(changes.map(({ data }) => data.target));
    const now = changes.reduce((all, change) => this.#applied(all, change), messages);
    return now.map(message => {
      const { seq = 0 } = message;
      if (changing.has(seq)) return { ...message, change: 'sending' };
      const error = errors.get(seq);
      return error ? { ...message, change: 'failed', error } : message;
    });
  }

  #applied(messages: Messages, change: OwnChange): Messages {
    if (change.event === 'chat.delete') return messages;
    if (change.event === 'chat.edit') return withChange(messages, change);
    const user = this.#client.user;
    const message = messages.find(({ seq }) => seq === change.data.target);
    if (!message || user === undefined) return messages;
    return withChange(messages, { ...change, data: ownReaction(message, change.data, user) } as Change);
  }

  #set(changes: readonly OwnChange[], errors = this.store.get().errors): void {
    this.store.set({ changes, errors });
  }
}

/** The user's changes in a conversation. */
export const ownChangesOf = /* @__PURE__ */ keptPerConversation(OwnChanges);
