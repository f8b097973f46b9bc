/**
 * What the real server makes of chat messages and of the events that change them. A log is an array whose elements are
 * replaced and never changed, because the network may still deliver what was posted before.
 */

import type {
  AnyEvent,
  Attachment,
  ChatMessage,
  FileUpdate,
  ReactionDraft,
  Sender,
} from '../../src/index.js';
import { Refusal } from './refusal.js';

export type Row = AnyEvent & { seq: number };
export type MessageRow = Extract<AnyEvent, { event: 'chat.message' }> & { seq: number };
export type ChangeName = 'chat.edit' | 'chat.delete' | 'chat.reaction';

/** The files of users, by their ids. */
export type Files = ReadonlyMap<string, Attachment>;

/** The read watermarks of the users of a conversation. */
export type Reads = ReadonlyMap<string, number>;

/** The `data` of a change, as a client sends it. */
interface Draft extends Partial<ReactionDraft> {
  target: number;
  content?: string;
  metadata?: ChatMessage['metadata'];
}

const isMessage = (event: AnyEvent | undefined): event is MessageRow => event?.event === 'chat.message';

const find = (log: readonly AnyEvent[], seq: number) => log.find(event => event.seq === seq);

export function isChange(event: string): event is ChangeName {
  return /^chat\.(edit|delete|reaction)$/.test(event);
}

/** The message as it is stored when it is new. Reactions are stored with all their users. */
export function newMessage(
  log: readonly AnyEvent[],
  { channel, seq, at, from }: Pick<Row, 'channel' | 'seq' | 'at' | 'from'>,
  { content, type, metadata, mentions, replyTo, attachments }: Record<string, unknown>,
  files: Files = new Map(),
): ChatMessage {
  const quoted = replyTo === undefined ? undefined : find(log, Number(replyTo));
  if (replyTo !== undefined && !isMessage(quoted)) throw new Refusal('not_found');
  const userId = isMessage(quoted) ? quoted.data.userId : undefined;
  return {
    id: `msg_${seq}`,
    conversationId: channel.slice(channel.indexOf(':') + 1),
    type: type ?? 'user',
    content,
    timestamp: at,
    isRead: false,
    ...(metadata !== undefined && { metadata }),
    ...(from && { userId: from.userId }),
    ...(mentions !== undefined && { mentions }),
    ...(Array.isArray(attachments) && { attachments: attachments.map(id => fileOf(files, id)) }),
    n: (log.filter(isMessage).at(-1)?.data.n ?? 0) + 1,
    ...(quoted && { replyTo: { seq: quoted.seq, ...(userId && { userId }) } }),
  } as ChatMessage;
}

function fileOf(files: Files, id: string): Attachment {
  const file = files.get(id);
  if (!file || file.state === 'uploading' || file.state === 'refused')
    throw new Refusal('bad_request', `data.attachments: ${id} is ${file?.state ?? 'unknown'}`);
  return file;
}

/** Replaces a file of a message by what it is now; returns the `data` of the event that states it. */
export function changeFile(log: AnyEvent[], target: number, file: Attachment): FileUpdate {
  const place = log.findIndex(({ seq }) => seq === target);
  const row = log[place];
  if (!isMessage(row) || row.data.deletedAt !== undefined) throw new Refusal('not_found', 'no such message');
  const attachments = (row.data.attachments ?? []).map(one => (one.id === file.id ? file : one));
  log[place] = { ...row, data: { ...row.data, attachments } };
  return { target, file };
}

/** Changes a message of the log; returns the `data` of the event that states it. */
export function change(
  log: AnyEvent[],
  event: ChangeName,
  draft: Draft,
  { userId }: Sender,
  at: string,
  isTeam: boolean,
): object {
  const { target } = draft;
  const place = log.findIndex(({ seq }) => seq === target);
  const row = log[place];
  if (!isMessage(row) || row.data.deletedAt !== undefined) throw new Refusal('not_found', 'no such message');
  const isAuthor = row.data.userId === userId;
  if (event === 'chat.reaction') {
    const { data, reactions } = react(row.data, draft as ReactionDraft, userId);
    log[place] = { ...row, data: { ...row.data, reactions } };
    return data;
  }
  if (!isAuthor && !(event === 'chat.delete' && isTeam))
    throw new Refusal('forbidden', 'only its author may do that');
  const { content, metadata } = draft;
  supersede(log, target);
  if (event === 'chat.delete') {
    const { metadata: _, mentions: __, reactions: ___, attachments: ____, ...rest } = row.data;
    log[place] = { ...row, data: { ...rest, content: '', deletedAt: at } };
    return { target };
  }
  const edit = { content: content ?? '', ...(metadata && { metadata }) };
  log[place] = { ...row, data: { ...row.data, ...edit, editedAt: at } };
  return { target, ...edit };
}

/** Removes from the log what the earlier edits of a message said. */
function supersede(log: AnyEvent[], target: number): void {
  for (const [place, event] of log.entries()) {
    if (event.event === 'chat.edit' && event.data.target === target)
      log[place] = { ...event, data: { target } };
  }
}

function react({ reactions = [] }: ChatMessage, { target, emoji, on }: ReactionDraft, user: string) {
  const known = reactions.find(reaction => reaction.emoji === emoji)?.users ?? [];
  const others = known.filter(one => one !== user);
  const users = !on ? others : known.includes(user) ? known : [...known, user];
  const reaction = { emoji, count: users.length, users };
  const isNew = !reactions.some(one => one.emoji === emoji);
  const all = isNew ? [...reactions, reaction] : reactions.map(one => (one.emoji === emoji ? reaction : one));
  const left = all.filter(({ count }) => count > 0);
  if (left.length > 20) throw new Refusal('bad_request', 'data.emoji must be one of the 20');
  return { data: { target, on, ...reaction, users: users.slice(0, 50) }, reactions: left };
}

/** An event as members and readers of the log receive it: messages as they are now. */
export function shown(log: readonly AnyEvent[], event: AnyEvent, reads?: Reads): AnyEvent {
  if (!isMessage(event)) return event;
  const { replyTo, reactions, ...data } = event.data;
  const quoted = replyTo && find(log, replyTo.seq);
  const isThere = isMessage(quoted) && quoted.data.deletedAt === undefined;
  const excerpt = isThere ? { excerpt: [...quoted.data.content].slice(0, 80).join('') } : {};
  const isReadBy = ([user, seq]: [string, number]) => user !== data.userId && seq >= event.seq;
  return {
    ...event,
    data: {
      ...data,
      isRead: data.deletedAt === undefined && [...(reads ?? [])].some(isReadBy),
      ...(replyTo && { replyTo: { ...replyTo, ...excerpt } }),
      ...(reactions?.length && {
        reactions: reactions.map(one => ({ ...one, users: one.users.slice(0, 50) })),
      }),
    },
  };
}
