/** The logs of a server: what is kept in each channel, and who has read it. */

import type { AnyEvent, Attachment, Channel, ChatMessage, Sender } from '../../src/index.js';
import { change, changeFile, isChange, newMessage, type Row, shown } from './chat.js';

export class Logs {
  readonly logs = new Map<string, AnyEvent[]>();
  user = 'user_1';
  /** Whether the user belongs to the team of the company, who may delete what others wrote. */
  isTeam = false;
  /** The files that users have asked for. */
  readonly files = new Map<string, Attachment>();
  /** Up to where each user has read each channel. */
  readonly reads = new Map<string, Map<string, number>>();

  log(channel: string): AnyEvent[] {
    const log = this.logs.get(channel) ?? [];
    this.logs.set(channel, log);
    return log;
  }

  head(channel: string): number {
    return this.log(channel).at(-1)?.seq ?? 0;
  }

  /** Adds a chat message of another user to the log, without posting it. */
  append(channel: string, content: string, more: Partial<AnyEvent> & { draft?: object } = {}): AnyEvent {
    const log = this.log(channel);
    const seq = this.head(channel) + 1;
    const { draft, ...rest } = more;
    const event = {
      type: 'event',
      channel: channel as Channel,
      event: 'chat.message',
      seq,
      at: new Date().toISOString(),
      from: { userId: 'user_2', name: 'Bob' },
      key: `key-${seq}`,
      ...rest,
    } as Row;
    const data = rest.data ?? newMessage(log, event, { content, ...draft }, this.files);
    log.push({ ...event, data } as AnyEvent);
    return this.shown(channel, seq) as AnyEvent;
  }

  /** An event of the log as it is now; or all of them. */
  shown(channel: string, seq: number): AnyEvent | undefined;
  shown(channel: string): AnyEvent[];
  shown(channel: string, seq?: number): AnyEvent | AnyEvent[] | undefined {
    const log = this.log(channel);
    const all = log.filter(event => seq === undefined || event.seq === seq);
    const now = all.map(event => shown(log, event, this.reads.get(channel)));
    return seq === undefined ? now : now[0];
  }

  /** The events of a conversation as they are now; or, without a channel, those of all conversations. */
  messagesOf(channel: string | undefined): AnyEvent[] {
    const channels = channel === undefined ? [...this.logs.keys()] : [channel];
    return channels.flatMap(each => this.shown(each));
  }

  /** Adds what a client has sent. */
  keep(channel: string, event: string, data: object, key: string, from: Sender): AnyEvent {
    if (isChange(event)) return this.changed(channel, event, data, { key, from });
    const isMessage = event === 'chat.message';
    const more = { key, from, ...(isMessage ? { draft: data } : { event, data }) };
    return this.append(channel, '', more as Partial<AnyEvent>);
  }

  /** Changes a message, and adds the event that states it. */
  changed(channel: string, event: string, draft: object, more: { key?: string; from: Sender }): AnyEvent {
    if (!isChange(event)) throw new Error(`${event} changes no message`);
    const at = new Date().toISOString();
    const isTeam = this.isTeam && more.from.userId === this.user;
    const data = change(this.log(channel), event, draft as { target: number }, more.from, at, isTeam);
    return this.append(channel, '', { ...more, event, at, data } as Partial<AnyEvent>);
  }

  /** Says what a file is, once it has been examined; returns the event of the log if a message names it. */
  examined(id: string, found: Partial<Attachment> & Pick<Attachment, 'state'>): AnyEvent | undefined {
    const file = { ...(this.files.get(id) as Attachment), ...found };
    this.files.set(id, file);
    for (const [channel, log] of this.logs) {
      const named = log.find(
        ({ event, data }) =>
          event === 'chat.message' && (data as ChatMessage).attachments?.some(one => one.id === id),
      );
      if (named?.seq === undefined) continue;
      const data = changeFile(log, named.seq, file);
      return this.append(channel, '', { event: `file.${file.state}`, data, from: undefined } as never);
    }
    return undefined;
  }
}
