/**
 * What travels: the types of every frame, of the HTTP API, of the event bus and of tokens, and the limits of their fields. Types
 * add nothing to a bundle, and a bundler keeps only the constants that are used.
 *
 * Generated from the Rust crate `funnelcast-core` by `make types`: change it there.
 *
 * @module
 */

/**
 * A point in time to the millisecond, in the format of RFC 3339, e.g. `2026-11-23T10:00:00.123Z`.
 *
 * The server writes it in UTC with three decimals, and accepts any offset and precision.
 */
export type Timestamp = string;

/**
 * The place of a durable event in the log of its channel: 1, 2, 3 and so on without gaps. 0 is the place
 * before the first.
 *
 * It is at most 2^53 - 1, so that a JavaScript number can hold it. JSON does not tell integers from other
 * numbers, so `41.0` is accepted as 41.
 */
export type Seq = number;

// ------------------------------------------------------------------ channels

/** A channel: `kind:id`, or `system`. An id is `[A-Za-z0-9_-]{1,64}`. */
export type Channel =
  | `company:${string}`
  | `funnel_updates:${string}`
  | `resource_updates:${string}`
  | `analytics:${string}`
  | `user:${string}`
  | `conversation:${string}`
  | `inbox:${string}`
  | 'system'
  | `experience:${string}`
  | `room:${string}`;

/** The names of the events that may come on a channel, by its kind: its name up to the colon. */
export interface ChannelEvents {
  company:
    | 'system.notification'
    | 'app.event'
    | 'app.signal'
    | 'presence.join'
    | 'presence.leave'
    | 'presence.update'
    | 'presence.count'
    | 'access.revoked';
  funnel_updates: 'funnel.update' | 'access.revoked';
  resource_updates: 'resource.update' | 'access.revoked';
  analytics: 'analytics.update' | 'access.revoked';
  user:
    | 'user.notification'
    | 'app.event'
    | 'app.signal'
    | 'inbox.update'
    | 'file.ready'
    | 'file.refused'
    | 'access.revoked';
  conversation:
    | 'chat.message'
    | 'chat.edit'
    | 'chat.delete'
    | 'chat.reaction'
    | 'chat.call'
    | 'file.ready'
    | 'file.refused'
    | 'call.update'
    | 'chat.typing'
    | 'chat.receipt'
    | 'signal'
    | 'access.muted'
    | 'presence.join'
    | 'presence.leave'
    | 'presence.update'
    | 'presence.count'
    | 'access.revoked';
  inbox: 'inbox.update' | 'access.revoked';
  system: 'system.notification' | 'access.revoked';
  experience:
    | 'app.event'
    | 'app.signal'
    | 'presence.join'
    | 'presence.leave'
    | 'presence.update'
    | 'presence.count'
    | 'access.revoked';
  room:
    | 'app.event'
    | 'app.signal'
    | 'presence.join'
    | 'presence.leave'
    | 'presence.update'
    | 'presence.count'
    | 'access.revoked';
}

/** The names of the events that a client may publish on a channel, by its kind. */
export interface ChannelDrafts {
  company: never;
  funnel_updates: never;
  resource_updates: never;
  analytics: never;
  user: never;
  conversation:
    | 'chat.message'
    | 'chat.edit'
    | 'chat.delete'
    | 'chat.reaction'
    | 'chat.typing'
    | 'signal'
    | 'presence.update';
  inbox: never;
  system: never;
  experience: never;
  room: 'app.event' | 'app.signal' | 'presence.update';
}

// ------------------------------------------------------------------ events

/** An event of a channel. An event with a `seq` is durable: it is in the channel's log. */
export interface WireEvent<Name extends EventName = EventName> {
  type: 'event';
  /** The channel. */
  channel: Channel;
  /** The name of the event. */
  event: Name;
  /** Its place in the log; absent for an ephemeral event. */
  seq?: Seq;
  /** When the server accepted it. */
  at: Timestamp;
  /** The user who caused it; absent for an event from the backend or the server. */
  from?: Sender;
  /** The key by which a repeat of it is recognised. */
  key?: string;
  /** The payload; its type depends on the name of the event. */
  data: EventData[Name];
}

/** The user who caused an event. */
export interface Sender {
  /** The user's id. */
  userId: string;
  /** The user's display name. */
  name: string;
}

/** The payload of each event. */
export interface EventData {
  /** A chat message: a `ChatMessage`. */
  'chat.message': ChatMessage;
  /** A message has a new text: a `ChatEdit`. */
  'chat.edit': ChatEdit;
  /** A message has been deleted: a `ChatDelete`. */
  'chat.delete': ChatDelete;
  /** A user has reacted to a message, or has taken that back: a `ChatReaction`. */
  'chat.reaction': ChatReaction;
  /** A file of a message has been examined and can be read: a `FileUpdate`. */
  'file.ready': FileUpdate;
  /** A file of a message has been refused, and is gone: a `FileUpdate`. */
  'file.refused': FileUpdate;
  /** A call has ended: a `CallRecord`. */
  'chat.call': CallRecord;
  /** A call begins, changes or ends: the `Call`, as it is now. */
  'call.update': Call;
  /** A user is typing, or has stopped: a `TypingIndicator`. */
  'chat.typing': TypingIndicator;
  /** A user has received or read messages: a `Receipt`. */
  'chat.receipt': Receipt;
  /** A message with a meaning of the app's own: a `Signal`. */
  signal: Signal;
  /** A user has joined the channel: their `Presence`. */
  'presence.join': Presence;
  /** A user has left the channel: their `Presence`. */
  'presence.leave': Presence;
  /** A user's status has changed: their `Presence`. */
  'presence.update': Presence;
  /** The number of users has changed, in a channel with too many to announce each: a `PresenceCount`. */
  'presence.count': PresenceCount;
  /** The user has lost access to the channel: an `AccessRevoked`, which nobody else receives. */
  'access.revoked': AccessRevoked;
  /**
   * The user may not send in the channel any more, or may again: an `AccessMuted`, which nobody else
   * receives.
   */
  'access.muted': AccessMuted;
  /** A funnel is being generated or deployed: a `FunnelUpdate`. */
  'funnel.update': FunnelUpdate;
  /** A resource has changed or is being synchronised: a `ResourceUpdate`. */
  'resource.update': ResourceUpdate;
  /** A metric has a new value: an `AnalyticsUpdate`. */
  'analytics.update': AnalyticsUpdate;
  /** A notification for every user, or for the team of a company: a `Notification`. */
  'system.notification': Notification;
  /** A notification for one user: a `UserNotification`. */
  'user.notification': UserNotification;
  /** A conversation has a new last message, or has been read on another device: an `InboxUpdate`. */
  'inbox.update': InboxUpdate;
  /** An event of the app's own: an `AppEvent`. */
  'app.event': AppEvent;
  /** A message of the app's own that is never written: an `AppEvent`. */
  'app.signal': AppEvent;
}

/** The name of an event. */
export type EventName = keyof EventData;

/** A chat message, as it is now: with the last edit and all reactions. */
export interface ChatMessage {
  /** The id of the message, which a retried send keeps. 1 to 128 bytes. */
  id: string;
  /** The conversation. */
  conversationId: string;
  /** The kind of author. */
  type: MessageType;
  /** The text; empty if the message has been deleted. */
  content: string;
  /** When the message was sent. */
  timestamp: Timestamp;
  /** Whether anyone but the author has read it; false in a new message. */
  isRead: boolean;
  /** Data of the app, as the author gave it. */
  metadata?: Record<string, unknown>;
  /** The author, who is taken from the connection and never from the frame. */
  userId?: string;
  /** The users whom it mentions. */
  mentions?: string[];
  /** The files that it brings, as they are now. */
  attachments?: Attachment[];
  /** When it was last edited. */
  editedAt?: Timestamp;
  /** When it was deleted. */
  deletedAt?: Timestamp;
  /** How many messages the log has up to and including this one. */
  n: number;
  /** The message that it replies to. */
  replyTo?: Quote;
  /** The reactions, in the order in which each emoji was first used. */
  reactions?: Reaction[];
}

/** The kind of author of a chat message. */
export type MessageType =
  /** A user. Clients may send no other type. */
  | 'user'
  /** The app's bot. */
  | 'bot'
  /** The app itself. */
  | 'system';

/** A file, as a message shows it. */
export interface Attachment {
  /** Its id, by which it is read. */
  id: string;
  /** Its name. 1 to 255 bytes. */
  name: string;
  /** What it is: once it is `ready`, by its bytes. */
  type: string;
  /** How many bytes were uploaded. */
  bytes: number;
  /** How far it is. */
  state: FileState;
  /** The width of a picture, in pixels, as it is to be shown: its orientation is accounted for. */
  width?: number;
  /** The height of a picture, in pixels, as it is to be shown. */
  height?: number;
  /** Whether there is a thumbnail. */
  thumbnail?: boolean;
  /** How long a recording is, in milliseconds, as the sender has said. */
  durationMs?: number;
  /** How loud a voice message is, each value from 0 to 255, as the sender has said. */
  waveform?: number[];
  /** Why it was refused. */
  refusal?: FileRefusal;
}

/** How far a file is. */
export type FileState =
  /** It may be uploaded. */
  | 'uploading'
  /** It has been uploaded, and is being examined. A message may name it, and nobody can read it yet. */
  | 'checking'
  /** It can be read. */
  | 'ready'
  /** It has been refused, and is gone. */
  | 'refused';

/** Why a file was refused. */
export type FileRefusal =
  /** Its bytes are not what its type says. */
  | 'wrong_type'
  /** It is a picture that cannot be decoded to its end, or its upload was lost before it was examined. */
  | 'damaged'
  /** It is a picture with more pixels than are decoded. */
  | 'too_many_pixels'
  /** The scan has found malware in it, could not tell, or has said nothing for hours. */
  | 'malware'
  /** It is larger than the stack allows for what its bytes are. */
  | 'too_large';

/** A message that another one replies to, as it is now. */
export interface Quote {
  /** Its place in the log. */
  seq: Seq;
  /** Its author, if that is a user or a bot. */
  userId?: string;
  /**
   * The first 80 code points of its text, or of the name of its first file if it has no text; absent if it
   * has been deleted, or has expired.
   */
  excerpt?: string;
}

/** The users who have reacted to a message with the same emoji. */
export interface Reaction {
  /** The emoji. 1 to 64 bytes. */
  emoji: string;
  /** How many users have reacted with it. */
  count: number;
  /** The first 50 of them, in the order in which they did. */
  users: string[];
}

/** A message has a new text. The event's `at` is the message's `editedAt`. */
export interface ChatEdit {
  /** The message. */
  target: Seq;
  /**
   * The new text. Absent in an event of the log that is not the last edit: what a later edit or a deletion
   * has replaced is no longer stored.
   */
  content?: string;
  /** The data of the app that the message has now; absent if it has none. */
  metadata?: Record<string, unknown>;
}

/**
 * A message has been deleted. It keeps its place in the log and its author, and has no content any more. The
 * event's `at` is the message's `deletedAt`.
 */
export interface ChatDelete {
  /** The message. */
  target: Seq;
}

/**
 * A user has reacted to a message, or has taken the reaction back. It states how many users react with this
 * emoji now, so the last of these events is all that a client needs to know.
 */
export interface ChatReaction {
  /** The message. */
  target: Seq;
  /** Whether the user reacts with this emoji now. */
  on: boolean;
  /** The emoji. 1 to 64 bytes. */
  emoji: string;
  /** How many users have reacted with it. */
  count: number;
  /** The first 50 of them, in the order in which they did. */
  users: string[];
}

/** A file has been examined: the payload of `file.ready` and `file.refused`. */
export interface FileUpdate {
  /** The message that names the file. Absent where none does yet: then only who uploaded it is told. */
  target?: Seq;
  /** The file, as it is now. */
  file: Attachment;
}

/**
 * A call that is over: the payload of `chat.call`, which is in the log of the conversation once for each
 * call.
 */
export interface CallRecord {
  /** The call. */
  callId: string;
  /** How it ended. */
  state: CallOutcome;
  /** What it began with. */
  media: CallMedia;
  /** The user who started it. */
  startedBy: string;
  /** How long it was active, in milliseconds; 0 if it never was. */
  durationMs: number;
}

/** How a call has ended. */
export type CallOutcome =
  /** Users who were in it have left it. */
  | 'ended'
  /** Nobody accepted it in time. */
  | 'missed'
  /** All other participants of the conversation declined it. */
  | 'declined'
  /** The user who started it left before anyone accepted it. */
  | 'canceled'
  /** The last who left said that they could not be connected. */
  | 'failed';

/** What a call begins with. */
export type CallMedia =
  /** Voice. */
  | 'audio'
  /** Voice and video. */
  | 'video';

/** A call, as it is now. It is the payload of `call.update`, which `join` returns too. */
export interface Call {
  /** The call. */
  callId: string;
  /** The conversation. */
  conversationId: string;
  /**
   * It rises with every change, over all calls of the conversation: whatever has a lower one than was
   * received before is out of date.
   */
  revision: Revision;
  /** Where it stands. */
  state: CallStage;
  /** What it began with. */
  media: CallMedia;
  /** The user who started it. */
  startedBy: string;
  /** When it was started. */
  startedAt: Timestamp;
  /** When it was first accepted. */
  acceptedAt?: Timestamp;
  /** When it ended. */
  endedAt?: Timestamp;
  /** How it ended. */
  outcome?: CallOutcome;
  /** While it rings: until when. */
  ringsUntil?: Timestamp;
  /** The users who are or were in it, or declined it. */
  participants: CallUser[];
}

/** A producer's count of its changes to one thing. The higher one is newer. */
export type Revision = number;

/** Where a call stands. */
export type CallStage =
  /** Nobody has accepted it yet. */
  | 'ringing'
  /** Two users or more are in it. */
  | 'active'
  /** It is over, and never begins again. */
  | 'ended';

/** A user of a call. Each has one device in it at most. */
export interface CallUser {
  /** The user. */
  userId: string;
  /** The user's display name. */
  name: string;
  /** The device, which signals are addressed to. */
  peerId: string;
  /** Whether they are in it. */
  state: CallPart;
  /** Why they declined or left, if they said so. */
  reason?: CallReason;
}

/** A user's part in a call. */
export type CallPart =
  /** They are in it. */
  | 'joined'
  /** They have left it. */
  | 'left'
  /** They do not want to be in it. */
  | 'declined';

/** Why a device declines or leaves. */
export type CallReason =
  /** With `decline`: the user is in another call. */
  | 'busy'
  /** With `leave`: no connection to the others came about, or it was lost. */
  | 'failed';

/** A user is typing, or has stopped. Clients drop the indicator after 6 seconds. */
export interface TypingIndicator {
  /** The conversation. */
  conversationId: string;
  /** The user. */
  userId: string;
  /** The user's display name. */
  userName: string;
  /** Whether the user is typing now. */
  isTyping: boolean;
  /** When that was. */
  timestamp: Timestamp;
}

/** A user has received or read everything up to `seq`. */
export interface Receipt {
  /** The user. */
  userId: string;
  /** The last event that the receipt covers. */
  seq: Seq;
  /** Whether the events were delivered or read. */
  state: ReceiptState;
}

/** What a receipt confirms. */
export type ReceiptState =
  /** The events have reached a device of the user. */
  | 'delivered'
  /** The user has read them. */
  | 'read';

/** A message between participants with a meaning of the app's own. It is never written. */
export interface Signal {
  /** The conversation. */
  conversationId: string;
  /** The sender. */
  userId: string;
  /** The name of the signal, which the app chooses. 1 to 64 bytes. */
  name: string;
  /** The content. */
  payload?: unknown;
}

/** The presence of a user in a channel. */
export interface Presence {
  /** The user. */
  userId: string;
  /** The user's display name. */
  name: string;
  /** The user's status. */
  status: Status;
  /** When the user was last active. */
  lastSeen: Timestamp;
}

/**
 * A user's status, from the most to the least present. The status of a user with several devices is the most
 * present of theirs.
 */
export type Status =
  /** The user is present. */
  | 'online'
  /** The user is connected but not active. */
  | 'away'
  /** The user is not present. */
  | 'offline';

/** The number of users in a channel that has too many members to announce each of them. */
export interface PresenceCount {
  /** The number of users, whatever the number of their devices. */
  count: number;
}

/**
 * The user has been removed from the channel. They receive nothing more of it unless they may join again and
 * do.
 */
export interface AccessRevoked {
  /** The user. */
  userId: string;
  /** The reason, as the backend gave it. 1 to 4096 bytes. */
  reason: string;
  /** The place of the `join` whose membership has ended. A later membership is not affected. */
  order: JoinOrder;
}

/**
 * The place of a `join` or `leave` among those of its connection: a whole number from 1 to 2^53 - 1 that
 * rises with each of them.
 *
 * A client counts from 1 on each new socket. The default is the time in milliseconds at which API Gateway
 * received the frame, so a client numbers either all of a connection's frames or none.
 */
export type JoinOrder = number;

/**
 * The user may not send in the channel any more, or may again. Of two of these events the one with the later
 * `at` counts.
 */
export interface AccessMuted {
  /** The user. */
  userId: string;
  /** Why and until when they may not send; absent if they may. */
  mute?: Mute;
}

/** Why and until when a user may not send in a channel. */
export interface Mute {
  /** When the user may send again; never, if there is no such time. */
  until?: Timestamp;
  /** The reason, as the team or the backend gave it. 1 to 256 bytes. */
  reason?: string;
}

/** An update of a funnel. `join` returns the latest update of each funnel. */
export interface FunnelUpdate {
  /** What has happened. */
  type: FunnelUpdateType;
  /** The funnel. */
  funnelId: string;
  /** The name of the funnel, to show. 1 to 256 bytes. */
  funnelName: string;
  /** The progress in percent. 0 to 100. */
  progress?: number;
  /** A text to show. 1 to 4096 bytes. */
  message?: string;
  /** When it happened. The backend may leave it out; default: the time of the event. */
  timestamp: Timestamp;
  /** The user who started it. */
  userId: string;
  /** The company. */
  companyId: string;
}

/** A step in the life of a funnel. */
export type FunnelUpdateType =
  /** The generation has started. */
  | 'generation_started'
  /** The generation has made progress. */
  | 'generation_progress'
  /** The generation has completed. */
  | 'generation_completed'
  /** The generation has failed. */
  | 'generation_failed'
  /** The funnel is live. */
  | 'deployed'
  /** The funnel is no longer live. */
  | 'undeployed';

/** An update of a resource. */
export interface ResourceUpdate {
  /** What has happened. */
  type: ResourceUpdateType;
  /** The resource. */
  resourceId: string;
  /** The type of the resource, which the app chooses, e.g. `product`. 1 to 64 bytes. */
  resourceType: string;
  /** The name of the resource, to show. 1 to 256 bytes. */
  resourceName: string;
  /** The progress of the synchronisation in percent. 0 to 100. */
  progress?: number;
  /** A text to show. 1 to 4096 bytes. */
  message?: string;
  /** When it happened. The backend may leave it out; default: the time of the event. */
  timestamp: Timestamp;
  /** The user who caused it, if one did. */
  userId?: string;
  /** The company. */
  companyId: string;
}

/** A change of a resource, or a step of its synchronisation. */
export type ResourceUpdateType =
  /** The resource is new. */
  | 'created'
  /** The resource has changed. */
  | 'updated'
  /** The resource has been deleted. */
  | 'deleted'
  /** A synchronisation has started. */
  | 'sync_started'
  /** A synchronisation has made progress. */
  | 'sync_progress'
  /** A synchronisation has completed. */
  | 'sync_completed'
  /** A synchronisation has failed. */
  | 'sync_failed';

/** A new value of a metric. Only the latest value is kept. */
export interface AnalyticsUpdate {
  /** The name of the metric, which the app chooses. 1 to 64 bytes. */
  metric: string;
  /** The value. */
  value: number;
  /** The value before this one. */
  previous?: number;
  /** The funnel that the value belongs to, if it belongs to one. */
  funnelId?: string;
  /** The period that the value covers, in a form that the app chooses, e.g. `24h`. 1 to 64 bytes. */
  period?: string;
  /** When it happened. The backend may leave it out; default: the time of the event. */
  timestamp: Timestamp;
  /** The company. */
  companyId: string;
}

/** A notification for every user, or for the team of a company. */
export interface Notification {
  /**
   * The id of the notification. The backend may leave it out; default: the id of the event. 1 to 128 bytes.
   */
  id: string;
  /** How it should look. */
  level: Level;
  /** The title. 1 to 256 bytes. */
  title: string;
  /** The text. 1 to 4096 bytes. */
  message: string;
  /** The URL that it links to. 1 to 2048 bytes. */
  url?: string;
  /** When it happened. The backend may leave it out; default: the time of the event. */
  timestamp: Timestamp;
}

/** The level of a notification, which decides how it looks. */
export type Level =
  /** For information. */
  | 'info'
  /** Something has succeeded. */
  | 'success'
  /** Something needs attention. */
  | 'warning'
  /** Something has failed. */
  | 'error';

/**
 * A notification for one user. It is a type apart from `Notification`, so that a notification for one user
 * cannot be sent to all by mistake.
 */
export interface UserNotification {
  /**
   * The id of the notification. The backend may leave it out; default: the id of the event. 1 to 128 bytes.
   */
  id: string;
  /** The user. */
  userId: string;
  /** How it should look. */
  level: Level;
  /** The title. 1 to 256 bytes. */
  title: string;
  /** The text. 1 to 4096 bytes. */
  message: string;
  /** The URL that it links to. 1 to 2048 bytes. */
  url?: string;
  /** When it happened. The backend may leave it out; default: the time of the event. */
  timestamp: Timestamp;
}

/**
 * The payload of `inbox.update`: what is new about a conversation in an inbox, either its last message
 * (`companyId`, `n`, `last?`; to a participant who has sent one of the last ones, `readN` too), or how much
 * of it the user has read on another device (`readN` alone). It is not kept, so whoever may have missed one
 * asks for the inbox again.
 */
export interface InboxUpdate {
  /** The conversation. */
  conversationId: string;
  /** Its company. */
  companyId?: string;
  /** The number of messages that the conversation has had. */
  n?: number;
  /** The last message, as it is now; absent if it has expired. */
  last?: LastMessage;
  /** The `n` up to which the user has read. It never goes back. */
  readN?: number;
}

/** The last message of a conversation, as an inbox shows it. */
export interface LastMessage {
  /** Its place in the log. */
  seq: Seq;
  /** When it was sent. */
  at: Timestamp;
  /** Its author; absent if it came from the backend. */
  from?: Sender;
  /**
   * The first 80 code points of its text, or of the name of its first file if it has no text; absent if it
   * has been deleted.
   */
  excerpt?: string;
}

/** An event whose meaning the app defines: `app.event` is kept, `app.signal` is not. */
export interface AppEvent {
  /** The name of the event, which the app chooses. 1 to 64 bytes. */
  name: string;
  /** The content. */
  payload?: unknown;
}

// ------------------------------------------------------------------ what a client may publish

/**
 * The drafts of the events that a client may publish. The server adds the sender, the channel and the time.
 */
export interface ClientDrafts {
  'chat.message': ChatDraft;
  'chat.edit': EditDraft;
  'chat.delete': DeleteDraft;
  'chat.reaction': ReactionDraft;
  'chat.typing': TypingDraft;
  signal: SignalDraft;
  'presence.update': PresenceDraft;
  'app.event': AppEventDraft;
  'app.signal': AppEventDraft;
}

/** The draft of `chat.message`. */
export interface ChatDraft {
  /** The text: at most 16384 bytes, and at least 1 unless the message has files. */
  content?: string;
  /** The kind of author; default: `user`. Clients may send no other. */
  type?: MessageType;
  /** Data of the app, at most 4096 bytes of JSON. */
  metadata?: Record<string, unknown>;
  /** The message of this conversation that it replies to. */
  replyTo?: Seq;
  /** The users whom it mentions, at most 20. Each must be a participant or have been in the conversation. */
  mentions?: string[];
  /**
   * The files that it brings, at most 10: the sender's own, uploaded for this conversation, and not yet named
   * by a message.
   */
  attachments?: string[];
}

/** The draft of `chat.edit`. Only the author may edit a message. */
export interface EditDraft {
  /** The message. */
  target: Seq;
  /** The new text: at most 16384 bytes, and at least 1 unless the message has files. */
  content: string;
  /** New data of the app, at most 4096 bytes of JSON; default: what the message has. */
  metadata?: Record<string, unknown>;
}

/** The draft of `chat.delete`. The author and the team of the conversation's company may delete a message. */
export interface DeleteDraft {
  /** The message. */
  target: Seq;
}

/** The draft of `chat.reaction`. */
export interface ReactionDraft {
  /** The message. */
  target: Seq;
  /** The emoji. A message can have 20 different ones. 1 to 64 bytes. */
  emoji: string;
  /** Whether the user reacts with this emoji from now on. */
  on: boolean;
}

/** The draft of `chat.typing`. */
export interface TypingDraft {
  /** Whether the user is typing now. */
  isTyping: boolean;
}

/** The draft of `signal`: a message with a meaning of the app's own, e.g. to set up a call. */
export interface SignalDraft {
  /** The name of the signal, which the app chooses. 1 to 64 bytes. */
  name: string;
  /** The content, at most 16384 bytes of JSON. */
  payload?: unknown;
  /** Who receives it; default: all other members. */
  to?: SignalTarget;
}

/**
 * Who receives a signal, by the user, the connection, or both: only connections that have joined the
 * conversation, and never the one that sends it.
 */
export interface SignalTarget {
  /** The connections of this user alone. */
  userId?: string;
  /** This connection alone. */
  connectionId?: string;
}

/** The draft of `presence.update`: a client's new status. */
export interface PresenceDraft {
  /** The new status. */
  status: Status;
}

/** The draft of `app.event` and `app.signal`. */
export interface AppEventDraft {
  /** The name of the event, which the app chooses. 1 to 64 bytes. */
  name: string;
  /** The content, at most 16384 bytes of JSON. */
  payload?: unknown;
}

// ------------------------------------------------------------------ requests and replies

/** Every action: the fields of its request, and the `data` of its reply. */
export interface Actions {
  join: { fields: JoinFields; reply: Joined };
  leave: { fields: LeaveFields; reply: Left };
  send: { fields: SendFields; reply: Sent };
  ack: { fields: AckFields; reply: Acked };
  history: { fields: HistoryFields; reply: Page };
  search: { fields: SearchFields; reply: Found };
  inbox: { fields: InboxFields; reply: InboxPage };
  presence: { fields: PresenceFields; reply: Roster };
  receipts: { fields: ReceiptsFields; reply: ReceiptBook };
  call: { fields: CallFields; reply: Call };
  status: { fields: StatusFields; reply: StatusReply };
  ping: { fields: PingFields; reply: Pong };
}

/** The name of an action. */
export type ActionName = keyof Actions;

/** Joins a channel, so that the connection receives its events. */
export interface JoinFields {
  /** The channel. */
  channel: Channel;
  /** The last `seq` that the client has seen. The reply has the events after it. */
  since?: Seq;
  /** A token from the app's backend that gives access to this channel. */
  grant?: string;
  /**
   * The place of this request among the `join`s and `leave`s of the connection. Of two that cross, the later
   * place counts; default: the time at which it was received.
   */
  order?: JoinOrder;
}

/** The reply to `join`: the state of the channel. */
export interface Joined {
  /** The channel. */
  channel: Channel;
  /** The last `seq` of the log; 0 if it is empty. */
  head: Seq;
  /**
   * Whether nothing is missing: `events`, with what `history` has after them, are all the events after
   * `since`.
   */
  recovered: boolean;
  /** The events after `since`. */
  events: WireEvent[];
  /** Whether there are more events than fit the reply. `history` has the others. */
  more: boolean;
  /** The latest event of each key, on channels that keep it. */
  latest: WireEvent[];
  /**
   * The `latest` with which `history` continues, if there are more latest events than fit the reply. 1 to
   * 1024 bytes.
   */
  latestNext?: string;
  /** The users who are present, on channels with presence; empty if there are too many. */
  presence: Presence[];
  /** The time of `presence`, which contains all presence events up to it. */
  at: Timestamp;
  /** Why and until when the user may not send in this channel; absent if they may. */
  mute?: Mute;
}

/** Leaves a channel. */
export interface LeaveFields {
  /** The channel. */
  channel: Channel;
  /**
   * The place of this request among the `join`s and `leave`s of the connection. Of two that cross, the later
   * place counts; default: the time at which it was received.
   */
  order?: JoinOrder;
}

/** The reply to `leave`: the channel that was left. */
export interface Left {
  /** The channel. */
  channel: Channel;
}

/** Publishes an event. */
export interface SendFields<Name extends keyof ClientDrafts = keyof ClientDrafts> {
  /** The channel. */
  channel: `conversation:${string}` | `room:${string}`;
  /** The name of the event. */
  event: Name;
  /** The draft of the event. The server adds the sender, the conversation and the time. */
  data: ClientDrafts[Name];
  /**
   * The client message id, which durable events need. A retry with the same key is the same send. It matches
   * `[A-Za-z0-9_.:-]{1,64}`.
   */
  key?: string;
  /** The last `seq` that the sender knew when it first tried this `key`. */
  base?: Seq;
}

/** The reply to `send`: the event is kept, and has been or will be delivered. */
export interface Sent {
  /** The place of a durable event in the log. */
  seq?: Seq;
  /** When the server accepted it. */
  at: Timestamp;
  /** The client message id, if the request had one. */
  key?: string;
  /** Whether an earlier try has been kept already. */
  duplicate: boolean;
  /**
   * The number of connections that it was posted to before this reply, without those that the stream serves.
   */
  recipients: number;
  /** The sender, as the others see them; only with a durable event. */
  from?: Sender;
  /** The `data` of a durable event, as the others receive it. */
  data?: unknown;
}

/** Confirms that the user has received or read everything up to `seq`. */
export interface AckFields {
  /** The channel. */
  channel: Channel;
  /** The last event that is confirmed. */
  seq: Seq;
  /** Whether the events were delivered or read. */
  state: ReceiptState;
}

/** The reply to `ack`: the watermark of the user. */
export interface Acked {
  /** The watermark, which never goes back. */
  seq: Seq;
  /** Of what is read: the number of messages that the log has up to there. */
  readN?: number;
}

/**
 * Reads a page of a channel's log: its end, or the events before or after a place. `before`, `after` and
 * `latest` exclude each other.
 */
export interface HistoryFields {
  /** The channel. */
  channel: Channel;
  /** Only events before this `seq`, and of them the last. */
  before?: Seq;
  /** Only events after this `seq`, and of them the first. */
  after?: Seq;
  /**
   * A cursor: the `latestNext` of a `join` or of the previous page. The page then has the latest events of
   * the channel instead of its log. 1 to 1024 bytes.
   */
  latest?: string;
  /** The most events of the page. 1 to 100. */
  limit: number;
  /**
   * Only chat messages whose content contains this text, by Unicode's compatibility caseless matching. 1 to
   * 256 bytes.
   */
  contains?: string;
  /** Only events of this kind, so that pages are full of them; default: all. */
  only?: Only;
}

/** A kind of events that a page can be restricted to. */
export type Only =
  /**
   * Chat messages as they are now, without the events that change them, and the lines of calls (`chat.call`).
   */
  | 'messages';

/** The reply to `history`: a page of events. */
export interface Page {
  /** The events, in the order of `seq`. */
  events: WireEvent[];
  /** Whether there are more events in the direction of the request. */
  more: boolean;
  /**
   * The `before` or `after` of the next page, if there is more. It need not be an event of this page, because
   * a search may look through many events to find few.
   */
  next?: Seq;
  /** The `latest` of the next page, if there are more latest events. 1 to 1024 bytes. */
  latestNext?: string;
}

/**
 * Searches messages: those of a conversation with `channel`, those of all conversations of a company with
 * `companyId`, or, with neither, those of the conversations that the caller takes part in.
 *
 * A message is found if it has every word of the query and every phrase in quotes: the word itself, with or
 * without accents, another form of it (in English, French, German, Portuguese and Spanish), or a longer word
 * that begins with it. Words that say little, such as articles, need not be there.
 */
export interface SearchFields {
  /** The channel: a conversation. */
  channel?: Channel;
  /**
   * The company, whose team the caller belongs to. On a socket, its channel `inbox:{companyId}` must be
   * joined.
   */
  companyId?: string;
  /** The words to look for, and phrases in quotes. 1 to 256 bytes. */
  query: string;
  /** The most results. 1 to 50. */
  limit: number;
  /** The `next` of an earlier reply, to search on from there. */
  cursor?: string;
}

/** The reply to `search`. */
export interface Found {
  /** The newest messages that match, of them the best match first. */
  results: SearchResult[];
  /**
   * The `cursor` of the next search, if there is more to search: what one reply looks through is limited, so
   * it may have few results, or none, and still not be the last.
   */
  next?: string;
}

/** A message that was found. */
export interface SearchResult {
  /** The message, as it is now. */
  event: WireEvent;
  /** The parts of its text that match, in their order. */
  marks: Mark[];
}

/** A part of a text, in UTF-16 code units, as JavaScript counts them. */
export interface Mark {
  /** Where it begins. */
  start: number;
  /** Where it ends: the place after its last code unit. */
  end: number;
}

/**
 * Returns the conversations that the caller takes part in or, with `companyId`, those of a company whose team
 * they belong to: the last active first, and those without a message last.
 */
export interface InboxFields {
  /** The company. On a socket, its channel `inbox:{companyId}` must be joined. */
  companyId?: string;
  /** The most conversations. 1 to 50. */
  limit: number;
  /** The `next` of an earlier reply, to go on from there. */
  cursor?: string;
}

/** The reply to `inbox`. */
export interface InboxPage {
  /** The conversations, the last active first. */
  conversations: InboxEntry[];
  /**
   * The `cursor` of the next page, if there is one. A page may have fewer conversations than asked for, or
   * none, and still not be the last.
   */
  next?: string;
  /**
   * Whether the user takes part in more than 1000 conversations, of which those are missing that they were
   * added to first.
   */
  more?: boolean;
}

/** A conversation in an inbox. */
export interface InboxEntry {
  /** The conversation. */
  conversationId: string;
  /** Its company. */
  companyId: string;
  /** Its participants. */
  participants: string[];
  /** What the backend calls it, if anything. 1 to 256 bytes. */
  title?: string;
  /** The last message, as it is now; absent if there was none, or if it has expired. */
  last?: LastMessage;
  /** The number of messages that the conversation has had. */
  n: number;
  /** The `n` up to which the caller has nothing left to read. */
  readN: number;
  /** How many messages the caller has not read, which is `n` less `readN`; 100 if it is more than 99. */
  unread: number;
}

/** Returns the users who are present in a channel. */
export interface PresenceFields {
  /** The channel. */
  channel: Channel;
}

/** The reply to `presence`: the roster of the channel. */
export interface Roster {
  /** The users who are present; empty if there are too many. */
  users: Presence[];
  /**
   * In a conversation, its participants who are not present, unless there are too many users to say who is.
   */
  absent?: Absent[];
  /** The number of users who are present. */
  count: number;
  /** The time of the roster, which contains all presence events up to it. */
  at: Timestamp;
}

/** A participant of a conversation who is not present. */
export interface Absent {
  /** The user. */
  userId: string;
  /** The user's display name when they were last seen; absent if they were never present. */
  name?: string;
  /** When the user was last active here; absent if they were never present. */
  lastSeen?: Timestamp;
}

/** Returns the receipts of all participants of a conversation. */
export interface ReceiptsFields {
  /** The channel. */
  channel: Channel;
}

/**
 * The reply to `receipts`: the watermarks of each user. An event has reached the users whose `delivered` is
 * at least its `seq`.
 */
export interface ReceiptBook {
  /** The participants, and the other users who have acknowledged something. */
  users: UserReceipts[];
  /**
   * Whether there are more users than fit the reply. Users who are no participants are left out then, those
   * with the last ids first.
   */
  more?: boolean;
}

/** The watermarks of one user: 0 if they have not acknowledged anything. */
export interface UserReceipts {
  /** The user. */
  userId: string;
  /** Everything up to this `seq` has reached a device of the user. */
  delivered: Seq;
  /** The user has read everything up to this `seq`. */
  read: Seq;
}

/** Starts, joins, declines or leaves the call of a conversation. */
export interface CallFields {
  /** The channel: a conversation that the connection has joined. */
  channel: Channel;
  /** The call. The device that starts it chooses the id: it matches `[A-Za-z0-9_.:-]{1,64}`. */
  callId: string;
  /** What to do. */
  change: CallChange;
  /**
   * The device, which chooses the id for its part in this call: it matches `[A-Za-z0-9_.:-]{1,64}`. It stays
   * the same on another connection; a device that has left joins again with another one.
   */
  peerId: string;
  /** With `start`: what the call begins with. */
  media?: CallMedia;
  /** With `decline` and `leave`: why. */
  reason?: CallReason;
}

/** What to do with a call. */
export type CallChange =
  /** Start it: it rings on the devices of all members. */
  | 'start'
  /** Join it, or come back on another connection. */
  | 'accept'
  /** Stop it from ringing on the devices of this user. */
  | 'decline'
  /** Leave it. */
  | 'leave';

/** Returns what the server knows about this connection. */
export type StatusFields = Record<never, never>;

/** The reply to `status`: a connection. */
export interface StatusReply {
  /** API Gateway's id of the connection. */
  connectionId: string;
  /** The user. */
  user: string;
  /** When it was opened. */
  connectedAt: Timestamp;
  /** When its token expires, and the connection with it. */
  expiresAt: Timestamp;
  /** How long it is kept after a sign of life, in seconds. */
  leaseSeconds: number;
  /** The channels that it has joined. */
  channels: Channel[];
}

/** Renews the connection's lease, and its token if it brings a fresh one. */
export interface PingFields {
  /**
   * A fresh token of the same user with the same companies, experiences and rooms. The connection then lives
   * as long as this token.
   */
  token?: string;
}

/** The reply to `ping`. */
export interface Pong {
  /** The time of the server. */
  at: Timestamp;
  /** When the fresh token expires; absent without one. */
  expiresAt?: Timestamp;
}

// ------------------------------------------------------------------ frames

/** An error, as clients receive it. */
export interface ErrorBody {
  /** The code of the error, for programs. */
  code: ErrorCode;
  /** What is wrong, and what would be right, for people. */
  message: string;
  /** The path of the field that is at fault, if it is one field, e.g. `data.content`. */
  field?: string;
  /** With `rate_limited`: when to try again, in milliseconds from now. */
  retryAfterMs?: number;
  /** With `muted` and `banned`: when that ends. Absent if it is for good. */
  until?: Timestamp;
  /** With `muted`, `banned` and `refused`: the reason, if one was given. */
  reason?: string;
  /** With `conflict`, where the call of a conversation does not allow the change: the call, as it is now. */
  call?: Call;
}

/** The code of an error, for programs. */
export type ErrorCode =
  /** The request, or a field of it, is malformed. The text names the field and says what is right. */
  | 'bad_request'
  /** There is no such action or, by HTTP, no such method of the path. */
  | 'unknown_action'
  /** The channel is neither `system` nor `kind:id` with a kind that exists and a well-formed id. */
  | 'invalid_channel'
  /** There is no valid token, or it has expired. */
  | 'unauthorized'
  /** The policy does not allow it. */
  | 'forbidden'
  /** The user may join this channel, but not send in it. */
  | 'muted'
  /** The user may neither join this channel nor send in it, nor read it. */
  | 'banned'
  /** The app's own function does not let this message be kept. */
  | 'refused'
  /** The action needs a membership of the channel. */
  | 'not_joined'
  /** What the request names does not exist, or not for this caller. */
  | 'not_found'
  /** A part of the request is larger than its limit in bytes. */
  | 'too_large'
  /** There are too many requests, or they have cost too much. */
  | 'rate_limited'
  /** The state does not allow the request. The text says what to do. */
  | 'conflict'
  /** The server failed. The reason is in its log. */
  | 'internal';

/** The reply to a request. */
export type Reply =
  | { type: 'reply'; id?: string; ok: true; data: unknown }
  | { type: 'reply'; id?: string; ok: false; error: ErrorBody };

/** Several events in one frame, in the order in which they happened. */
export interface Batch {
  type: 'batch';
  events: WireEvent[];
}

/** Every frame of the server. API Gateway itself may send a frame without `type`. */
export type ServerFrame = Reply | WireEvent | Batch;

// ------------------------------------------------------------------ the HTTP API

/** The body of the reply to each operation of the HTTP API, by its `operationId`. */
export interface HttpReplies {
  /** `POST /api/websocket/connect` */
  connect: Ticket;
  /** `DELETE /api/websocket/disconnect` */
  disconnect: Disconnected;
  /** `GET /api/websocket/status` */
  status: ConnectionList;
  /** `GET /api/websocket/channels` */
  listChannels: ChannelList;
  /** `POST /api/websocket/channels` */
  join: Joined;
  /** `DELETE /api/websocket/channels` */
  leave: Left;
  /** `GET /api/websocket/messages` */
  history: Page;
  /** `GET /api/websocket/search` */
  search: Found;
  /** `POST /api/websocket/messages` */
  send: Sent;
  /** `POST /api/websocket/receipts` */
  ack: Acked;
  /** `GET /api/websocket/moderation` */
  getModeration: ModerationReply;
  /** `POST /api/websocket/moderation` */
  moderate: ModerationReply;
  /** `POST /api/websocket/webhooks/whop` */
  whop: WebhookReceived;
  /** `POST /api/publish` */
  publish: PublishReply;
  /** `GET /api/conversations` */
  inbox: InboxPage;
  /** `GET /api/conversations/{id}` */
  getConversation: ConversationReply;
  /** `PUT /api/conversations/{id}` */
  putConversation: ConversationReply;
  /** `DELETE /api/conversations/{id}` */
  endConversation: ConversationEnded;
  /** `POST /api/calls/ice` */
  iceServers: IceReply;
  /** `POST /api/files` */
  createFile: FileReply;
  /** `POST /api/files/{id}/parts` */
  signFileParts: PartsReply;
  /** `POST /api/files/{id}` */
  completeFile: Attachment;
  /** `DELETE /api/files/{id}` */
  removeFile: RemovedFile;
  /** `GET /api/files/{id}/link` */
  linkFile: FileLink;
}

/** A ticket: the URL and the secret for one WebSocket connection. */
export interface Ticket {
  /** Where to connect to, with `?ticket=` or the subprotocol `ticket.<ticket>`. */
  url: string;
  /** The secret. It is good for one connection. */
  ticket: string;
  /** When the ticket expires. */
  expiresAt: Timestamp;
}

/** The connections that have been closed. */
export interface Disconnected {
  /** Their ids; empty where there was nothing to close. */
  connectionIds: string[];
}

/** The user's connections. */
export interface ConnectionList {
  /** Each connection with its age and channels, the oldest first. */
  connections: StatusReply[];
  /** The server's clock, from which their ages follow. */
  at: Timestamp;
}

/** The channels that the user's connections have joined. */
export interface ChannelList {
  /** Each channel with the connections that have joined it. */
  channels: ChannelConnections[];
}

/** A channel, and which of the user's connections have joined it. */
export interface ChannelConnections {
  /** The channel. */
  channel: Channel;
  /** The connections, at least one. */
  connectionIds: string[];
}

/** Whose restriction is asked for, and where. */
export interface ModerationQuery {
  /** The user. */
  userId: string;
  /** The conversation; or else `companyId`. */
  conversationId?: string;
  /** The company; or else `conversationId`. */
  companyId?: string;
}

/** The restriction of a user that stands in a conversation or a company. */
export interface ModerationReply {
  /** The user. */
  userId: string;
  /** The conversation in which it counts. */
  conversationId?: string;
  /** The company in all of whose conversations it counts. */
  companyId?: string;
  /** How the user is restricted; `none` if they are not, or if it has ended. */
  restriction: RestrictionKind;
  /** When it ends; absent if it is for good. */
  until?: Timestamp;
  /** The reason, if one was given. 1 to 256 bytes. */
  reason?: string;
  /** The user of the team who has set it; absent if the backend has. */
  by?: string;
}

/** How a user is restricted. A later one is stronger. */
export type RestrictionKind =
  /** Not at all: an earlier restriction is lifted. */
  | 'none'
  /** The user may join, but not send. */
  | 'mute'
  /** The user may neither join nor send, nor read. */
  | 'ban';

/**
 * The detail of a `Moderation` event, and the body of the request: how a user is restricted from now on, in a
 * conversation or in all conversations of a company.
 */
export interface Moderation {
  /** The user. */
  userId: string;
  /** The conversation in which the restriction counts; or else `companyId`. */
  conversationId?: string;
  /** The company in all of whose conversations it counts; or else `conversationId`. */
  companyId?: string;
  /** How the user is restricted; `none` lifts an earlier restriction of the same conversation or company. */
  restriction: RestrictionKind;
  /** When the restriction ends; default: never. One that has ended already is none. */
  until?: Timestamp;
  /** The reason, which the user is told. 1 to 256 bytes. */
  reason?: string;
  /** The backend's count of its changes to this restriction. The higher one is newer. */
  revision?: Revision;
  /**
   * When the change was made; default: the time of the event, or of the request. A time in the future counts
   * as now.
   */
  timestamp?: Timestamp;
}

/** The confirmation that a webhook has been queued. */
export interface WebhookReceived {
  /** Always true; a webhook that cannot be queued is refused. */
  received: boolean;
}

/** Events of the app's backend, in their order. */
export interface Publish {
  /** The events, 1 to 100. One that is malformed does not keep the others from being published. */
  events: BackendEvent[];
}

/** An event of the app's backend, as on the event bus. */
export interface BackendEvent {
  /** Its type: the `detail-type` on the bus. */
  type: DetailType;
  /** Its detail, whose form depends on the type: that of docs/schemas/bus. */
  detail: Record<string, unknown>;
  /**
   * A name of this event among those of the backend. A repeat with the same key is not logged again; an event
   * that is not logged is published or applied again. It matches `[A-Za-z0-9_.:-]{1,64}`.
   */
  key?: string;
  /**
   * When it was first sent, by the backend's clock; a repeat has the same. The default of the detail's
   * `timestamp`. A repeat is recognised if its first try is not older than this time, less a minute, and not
   * older than a day; without it, if it is among the last 100 events of the channel.
   */
  time?: Timestamp;
}

/** The type of an event of the backend: its `detail-type` on the bus. */
export type DetailType =
  /** A funnel is being generated or deployed: publishes `funnel.update`. */
  | 'FunnelUpdate'
  /** A resource has changed or is being synchronised: publishes `resource.update`. */
  | 'ResourceUpdate'
  /** A metric has a new value: publishes `analytics.update`. */
  | 'AnalyticsUpdate'
  /** A notification for every user: publishes `system.notification`. */
  | 'SystemNotification'
  /** A notification for one user: publishes `user.notification`. */
  | 'UserNotification'
  /** A message from the app or its bot: publishes `chat.message`. */
  | 'ChatMessage'
  /** The app edits one of its own messages: publishes `chat.edit`. */
  | 'ChatEdit'
  /** The app deletes a message, whoever wrote it: publishes `chat.delete`. */
  | 'ChatDelete'
  /** The app's bot, or a user for whom the app speaks, reacts to a message: publishes `chat.reaction`. */
  | 'ChatReaction'
  /** The app's bot, or a user for whom the app speaks, is typing: publishes `chat.typing`. */
  | 'ChatTyping'
  /** An event of the app's own, for a channel that the detail names: publishes `app.event`. */
  | 'AppEvent'
  /** A message of the app's own that is not kept: publishes `app.signal`. */
  | 'AppSignal'
  /** Who takes part in a conversation: a `Conversation`. */
  | 'Conversation'
  /** A user must leave a channel: a `Kick`. */
  | 'Kick'
  /** A user's role in a company may have changed: an `AccessChanged`. */
  | 'AccessChanged'
  /** A user may not send, or not be, in a conversation or a company: a `Moderation`. */
  | 'Moderation';

/** What became of the events of a request. */
export interface PublishReply {
  /** The result of each event, in the order of the events. */
  results: PublishResult[];
}

/** What became of an event. */
export type PublishResult =
  /** It has been published. */
  | Published
  /** It has not been published. */
  | Refusal;

/**
 * An event that has been published: it is kept, and has been or will be delivered. Of an event that concerns
 * access: it has been applied.
 */
export interface Published {
  /** Its place in the log of its channel, if it is durable. */
  seq?: Seq;
  /** When the server accepted it. */
  at: Timestamp;
  /**
   * Its key: that of the request, or one that the server has made. Absent where an event that concerns access
   * had none.
   */
  key?: string;
  /** Whether an earlier try has published it already. */
  duplicate: boolean;
}

/** The body of every refusal of the HTTP API. */
export interface Refusal {
  /** What is wrong. */
  error: ErrorBody;
}

/** A conversation: the company that it belongs to, and who takes part. */
export interface ConversationReply {
  /** The conversation. */
  conversationId: string;
  /** The company that it belongs to. */
  companyId: string;
  /** The users who may join beside the team of the company. */
  participants: string[];
  /** What it is called in inboxes, if anything. 1 to 256 bytes. */
  title?: string;
}

/** What a conversation is to become; the path says which one. */
export interface ConversationDraft {
  /** The company that it belongs to. Its team may always join. */
  companyId: string;
  /** The users who may join beside the team: all of them, not only the new ones. */
  participants: string[];
  /** What it is called in inboxes; default: nothing. 1 to 256 bytes. */
  title?: string;
  /** The backend's count of its changes to this conversation. */
  revision?: Revision;
  /** When the change was made; a time in the future counts as now. */
  timestamp?: Timestamp;
  /**
   * Whether the new participants may read the existing messages of a conversation that has ended or belonged
   * to another company. Without it, such a change is refused; default: false.
   */
  keepLog?: boolean;
}

/** How new the end of a conversation is. */
export interface ConversationEnd {
  /** The backend's count of its changes to this conversation. */
  revision?: Revision;
  /** When the change was made; a time in the future counts as now. */
  timestamp?: Timestamp;
}

/** The conversation that has ended. */
export interface ConversationEnded {
  /** The conversation. */
  conversationId: string;
}

/** Asks for the servers of a call. */
export interface IceQuery {
  /** The channel: a conversation that the user may join. */
  channel: Channel;
}

/** The servers of a call. */
export interface IceReply {
  /** The servers, as `RTCPeerConnection` takes them; none if the stack has none. */
  iceServers: IceServer[];
  /** When the credentials expire. A TURN server takes them to begin a relay, and to prolong one. */
  expiresAt: Timestamp;
}

/** Some servers that share their credentials. */
export interface IceServer {
  /** The URLs. */
  urls: string[];
  /** The user name, which TURN servers need. */
  username?: string;
  /** The password. */
  credential?: string;
}

/** A file that a user wants to upload. */
export interface FileDraft {
  /** The conversation that it is for: `conversation:{conversationId}`. */
  channel: Channel;
  /** Its name, as others see it. 1 to 255 bytes. */
  name: string;
  /** What it is. Its bytes must say the same: a picture that is none is refused. */
  type: string;
  /** How many bytes it has: at least 1, and at most what the stack allows for its kind. 1 to 5368709120. */
  bytes: number;
  /**
   * The SHA-256 of its bytes, in base64. S3 refuses an upload of other bytes. Absent if the file has more
   * than `SINGLE_UPLOAD_BYTES_MAX`: it is uploaded in parts, and each of them has its own.
   */
  sha256?: string;
  /** How long a recording is, in milliseconds. 0 to 86400000. */
  durationMs?: number;
  /** How loud a voice message is from its beginning to its end, each from 0 to 255. */
  waveform?: number[];
}

/** The reply to a `FileDraft`: the file may be uploaded. */
export interface FileReply {
  /** The file. */
  fileId: string;
  /** How to upload it in one request. */
  upload?: Upload;
  /** How it is divided, if it is uploaded in parts: those are asked for with `POST /api/files/{id}/parts`. */
  parts?: UploadParts;
}

/** An upload: a `PUT` of a file, or of a part of it, to a URL. */
export interface Upload {
  /**
   * The URL. It allows this upload and nothing else; a file that is there already is not replaced, and S3
   * answers 412.
   */
  url: string;
  /** The headers that the request must have, beside `content-length`, which browsers set themselves. */
  headers: Record<string, string>;
  /** When the URL expires. */
  expiresAt: Timestamp;
}

/** The parts of a file that is too large for one request. */
export interface UploadParts {
  /** How many there are. */
  count: number;
  /** How many bytes each of them has; the last one has what is left. */
  partBytes: number;
}

/** Asks for URLs of parts that follow each other. */
export interface PartsDraft {
  /** The number of the first of them. The first part of a file has the number 1. */
  first: number;
  /** The SHA-256 of each part, in base64. S3 refuses other bytes. */
  sha256: string[];
}

/** The reply to a `PartsDraft`. */
export interface PartsReply {
  /** How to upload each part, in their order. */
  parts: Upload[];
}

/** Says that a file has been uploaded, and of which parts it consists if it was uploaded in parts. */
export interface UploadedParts {
  /** All its parts, in their order. Absent if the file was uploaded in one request. */
  parts?: UploadedPart[];
}

/** A part that S3 has. */
export interface UploadedPart {
  /** The header `etag` of S3's response to the upload of the part. 1 to 64 bytes. */
  etag: string;
  /** The SHA-256 of its bytes, in base64. */
  sha256: string;
}

/** The reply to the removal of a file. */
export interface RemovedFile {
  /** The file that was removed. */
  fileId: string;
}

/** Reads a file. */
export interface FileQuery {
  /** Which form; default: `original`. */
  form?: FileForm;
}

/** Which form of a file is read. */
export type FileForm =
  /** The file itself. */
  | 'original'
  /** A small JPEG of a picture. */
  | 'thumbnail';

/** Where a file can be read for a short time. */
export interface FileLink {
  /** The file. */
  file: Attachment;
  /** The URL, once the file is `ready`. Whoever has it can read the file until it expires. */
  url?: string;
  /** When the URL expires. */
  expiresAt?: Timestamp;
}

/** The body of a refusal by API Gateway, which comes before any function runs. */
export interface GatewayRefusal {
  /** What is wrong, for people. */
  message: string;
}

// ------------------------------------------------------------------ the event bus

/** A payload of which some fields may be left out, because they have defaults. */
export type WithDefaults<T, Name extends keyof T> = Omit<T, Name> & Partial<Pick<T, Name>>;

/** The detail of each event that a backend puts on the event bus, by its detail-type. */
export interface BusDetails {
  FunnelUpdate: WithDefaults<FunnelUpdate, 'timestamp'>;
  ResourceUpdate: WithDefaults<ResourceUpdate, 'timestamp'>;
  AnalyticsUpdate: WithDefaults<AnalyticsUpdate, 'timestamp'>;
  SystemNotification: WithDefaults<Notification, 'id' | 'timestamp'>;
  UserNotification: WithDefaults<UserNotification, 'id' | 'timestamp'>;
  ChatMessage: MessageDetail;
  ChatEdit: EditDetail;
  ChatDelete: DeleteDetail;
  ChatReaction: ReactionDetail;
  ChatTyping: TypingDetail;
  AppEvent: AppDetail;
  AppSignal: AppDetail;
  Conversation: Conversation;
  Kick: Kick;
  AccessChanged: AccessChanged;
  Moderation: Moderation;
}

/** The detail of a `ChatMessage` event: a message from the app or its bot. */
export interface MessageDetail {
  /** The id of the message; default: the id of the event. 1 to 128 bytes. */
  id?: string;
  /** The conversation. */
  conversationId: string;
  /** The kind of author. */
  type: MessageType;
  /** The text: at most 16384 bytes, and at least 1 unless the message has files. */
  content?: string;
  /** When the message was sent; default: the time of the event. */
  timestamp?: Timestamp;
  /** Ignored: nobody has read a message that is new. */
  isRead?: boolean;
  /** Data of the app, at most 4096 bytes of JSON. */
  metadata?: Record<string, unknown>;
  /** The author; default, for a bot: the app's own user. */
  userId?: string;
  /** The message of this conversation that it replies to. */
  replyTo?: Seq;
  /** The users whom it mentions, at most 20. Each must be a participant or have been in the conversation. */
  mentions?: string[];
  /**
   * The files that it brings, at most 10: the backend's own, uploaded for this conversation, and not yet
   * named by a message.
   */
  attachments?: string[];
}

/** The detail of a `ChatEdit` event: the app edits a message that it has published. */
export interface EditDetail {
  /** The conversation. */
  conversationId: string;
  /** The message: its `seq`, which `POST /api/publish` answers with. */
  target: Seq;
  /** The new text: 1 to 16384 bytes. */
  content: string;
  /** New data of the app, at most 4096 bytes of JSON; default: what the message has. */
  metadata?: Record<string, unknown>;
}

/** The detail of a `ChatDelete` event: the app deletes a message, whoever wrote it. */
export interface DeleteDetail {
  /** The conversation. */
  conversationId: string;
  /** The message: its `seq`. */
  target: Seq;
}

/**
 * The detail of a `ChatReaction` event: the app's bot, or a user for whom the app speaks, reacts to a
 * message.
 */
export interface ReactionDetail {
  /** The conversation. */
  conversationId: string;
  /** The message: its `seq`. */
  target: Seq;
  /** The emoji. 1 to 64 bytes. */
  emoji: string;
  /** Whether the user reacts with this emoji from now on. */
  on: boolean;
  /** The user; default: the app's own user, if there is one. */
  userId?: string;
}

/**
 * The detail of a `ChatTyping` event: the app's bot, or a user for whom the app speaks, is typing. It is not
 * kept, and lasts for some seconds.
 */
export interface TypingDetail {
  /** The conversation. */
  conversationId: string;
  /** Whether the user is typing now. */
  isTyping: boolean;
  /** The user; default: the app's own user, if there is one. */
  userId?: string;
  /** The user's display name; default: their id. */
  userName?: string;
}

/** The detail of an `AppEvent` or `AppSignal` event: the channel, and the event's `data`. */
export interface AppDetail {
  /** The channel: `company:`, `experience:`, `user:` or `room:` with an id. */
  channel: Channel;
  /** The name of the event, which the app chooses. 1 to 64 bytes. */
  name: string;
  /** The content, at most 16384 bytes of JSON. */
  payload?: unknown;
}

/**
 * The detail of a `Conversation` event: everyone who takes part in a conversation.
 *
 * It replaces the participants that there were, so it names all of them and not only the new ones.
 */
export interface Conversation {
  /** The conversation. Its channel is `conversation:{conversationId}`. */
  conversationId: string;
  /** The company that it belongs to. Its team may always join. */
  companyId: string;
  /** The users who may join beside the team: all of them, at most 48. */
  participants: string[];
  /** What it is called in inboxes; default: nothing. 1 to 256 bytes. */
  title?: string;
  /** The producer's count of its changes to this conversation. The higher one is newer. */
  revision?: Revision;
  /** When the change was made; default: the time of the event. */
  timestamp?: Timestamp;
  /**
   * Whether the new participants may read the existing messages of a conversation that has ended or belonged
   * to another company. Without it, such a change is refused; default: false.
   */
  keepLog?: boolean;
}

/**
 * The detail of a `Kick` event: a user must leave a channel, with all of their connections.
 *
 * It ends the memberships that there are. Whether the user may join again depends on their token and on the
 * participants.
 */
export interface Kick {
  /** The channel to leave. */
  channel: Channel;
  /** The user. */
  userId: string;
  /** The reason that the user is given. 1 to 4096 bytes. */
  reason: string;
}

/**
 * The detail of an `AccessChanged` event: a user's role in a company may have changed, so it is looked up
 * again.
 */
export interface AccessChanged {
  /** The user. */
  userId: string;
  /** The company. */
  companyId: string;
}

/** The event that the detail of each event about a conversation has, by its detail-type. */
export interface ChatEvents {
  /** A message has been sent, by whomever: a `chat.message`. */
  MessageCreated: 'chat.message';
  /** A message has got another text: a `chat.edit`. */
  MessageEdited: 'chat.edit';
  /** A message has been deleted: a `chat.delete`. */
  MessageDeleted: 'chat.delete';
  /** A user has reacted to a message, or no longer does: a `chat.reaction`. */
  ReactionChanged: 'chat.reaction';
  /**
   * None of the recipients of a `chat.message` was connected when it was sent or half a minute later, or has
   * received it by then. It is given as it is now. The recipients are the participants but the author, and
   * but whoever is banned; without any, the company's team.
   */
  MessageUnanswered: 'chat.message';
}

/** The detail of an event about a conversation. */
export interface ChatEvent<Type extends keyof ChatEvents = keyof ChatEvents> {
  /** The conversation. */
  conversationId: string;
  /** Its company; absent if the backend never set the conversation, or has ended it. */
  companyId?: string;
  /** Its participants; empty if the backend never set the conversation, or has ended it. */
  participants: string[];
  /**
   * In `MessageUnanswered` alone: the participants who have not seen the message. The author is none of them,
   * and nobody who is banned, who may not read it. Empty if it is for the company's team.
   */
  recipients?: string[];
  /**
   * The event of the log, as the members of the conversation receive it. One of the backend's or the bot's
   * own is among them, so a bot ignores what it has sent itself.
   */
  event: WireEvent<ChatEvents[Type]>;
}

// ------------------------------------------------------------------ tokens

/** The role of a user in a company. */
export type Role =
  /** A member of the team with all rights. */
  | 'admin'
  /** A member of the team. */
  | 'member'
  /** A customer, who may see the conversations that they take part in and nothing else of the company. */
  | 'customer'
  /**
   * The app's own backend, which manages conversations and their participants, and may not join any channel
   * of the company.
   */
  | 'backend';

/** A right that a grant may give. */
export type Capability =
  /** To be a member of the channel: to receive its events, read its log and ack. */
  | 'join'
  /** To publish the events that the policy allows clients to publish there. */
  | 'send';

// ------------------------------------------------------------------ limits

/**
 * The longest id of a user, company, conversation, experience, room, funnel or resource, and the longest key,
 * in bytes.
 */
export const ID_BYTES_MAX = 64;

/** The longest `id` of a request, in bytes. */
export const REQUEST_ID_BYTES_MAX = 64;

/**
 * The largest request, in bytes: a client's WebSocket frame, which API Gateway limits
 * (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>),
 * or a body of the HTTP API, so that both take the same.
 */
export const REQUEST_BYTES_MAX = 32768;

/**
 * The most levels of nested objects and lists in a value. Parsers stop at 128, and a delivered value is
 * nested some levels deeper than the one that was sent.
 */
export const LEVELS_MAX = 100;

/** The most events of one `history` page. */
export const HISTORY_LIMIT_MAX = 100;

/** The longest text that `history` searches for, in bytes. */
export const CONTAINS_BYTES_MAX = 256;

/** The longest query of a `search`, in bytes. */
export const QUERY_BYTES_MAX = 256;

/** The most results of one `search`. */
export const SEARCH_LIMIT_MAX = 50;

/** The most conversations of one page of an inbox. */
export const INBOX_LIMIT_MAX = 50;

/** The most conversations of a user that their own inbox has: those that they were added to last. */
export const INBOX_OWN_MAX = 1000;

/** The longest title: the title of a notification, or the display name of a funnel or resource; in bytes. */
export const TITLE_BYTES_MAX = 256;

/** The longest text of an update or notification, and the longest reason of a kick, in bytes. */
export const MESSAGE_BYTES_MAX = 4096;

/**
 * The longest label that an app chooses, in bytes: a metric, a period, the type of a resource, the name of a
 * signal or of an event of the app's own.
 */
export const LABEL_BYTES_MAX = 64;

/** The longest id of a message or notification, in bytes. */
export const MESSAGE_ID_BYTES_MAX = 128;

/** The longest URL of a notification, in bytes. */
export const URL_BYTES_MAX = 2048;

/** The longest chat message, in bytes of UTF-8. */
export const CONTENT_BYTES_MAX = 16384;

/** The largest `metadata` of a chat message, in bytes of JSON. */
export const METADATA_BYTES_MAX = 4096;

/** The most users that a chat message mentions. */
export const MENTIONS_MAX = 20;

/** The longest excerpt of a quoted message, in Unicode code points. */
export const EXCERPT_CHARS_MAX = 80;

/** The most different emojis that users may react to one message with. */
export const REACTION_EMOJIS_MAX = 20;

/**
 * The most different emojis with which one user may react to one message, so that one alone cannot use them
 * all up.
 */
export const REACTIONS_OF_USER_MAX = 10;

/** The most users that a reaction lists. More are only counted. */
export const REACTION_USERS_SHOWN_MAX = 50;

/** The largest `payload` of a signal, in bytes of JSON. */
export const SIGNAL_BYTES_MAX = 16384;

/** The largest `payload` of an `app.event` or `app.signal`, in bytes of JSON. */
export const APP_PAYLOAD_BYTES_MAX = 16384;

/** The most users who are in a call at the same time. */
export const CALL_USERS_MAX = 4;

/**
 * The most users whom a call lists, with those who have left or declined. Of more, the first of these are
 * left out.
 */
export const CALL_USERS_LISTED_MAX = 16;

/** The most files of one message. */
export const ATTACHMENTS_MAX = 10;

/** The longest name of a file, in bytes of UTF-8. */
export const FILE_NAME_BYTES_MAX = 255;

/**
 * The largest file, in bytes, whatever the stack's limits are: the names of its 320 parts fit into one
 * request.
 */
export const FILE_BYTES_MAX = 5368709120;

/** The largest file that is uploaded in one request, in bytes. A larger one is uploaded in parts. */
export const SINGLE_UPLOAD_BYTES_MAX = 104857600;

/** The bytes of a part; the last part of a file has what is left. */
export const PART_BYTES = 16777216;

/** The most parts whose URLs one request asks for. */
export const PARTS_AT_ONCE_MAX = 50;

/** The most values of the waveform of a voice message. */
export const WAVEFORM_VALUES_MAX = 64;

/** The longest recording, in milliseconds: one day. */
export const DURATION_MS_MAX = 86400000;

/** The longest display name of a user, in bytes. */
export const NAME_BYTES_MAX = 128;

/**
 * The most companies in one token. With ids of 64 bytes they fit the 8 KiB that API Gateway allows for the
 * response of an authorizer (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
 */
export const COMPANIES_MAX = 50;

/** The most experiences in one token. */
export const EXPERIENCES_MAX = 10;

/** The most rooms in one token. A grant opens any number of others. */
export const ROOMS_MAX = 10;

/** The largest number of unread messages that is shown. It stands for itself and all above it. */
export const UNREAD_SHOWN_MAX = 100;

/**
 * The longest that a grant may last, in seconds, so that the backend is asked again when its answer may have
 * changed.
 */
export const GRANT_SECONDS_MAX = 600;

/**
 * The most participants of a conversation. Replacing all of them takes one transaction, which DynamoDB limits
 * to 100 items
 * (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>). The team of
 * the company does not count.
 */
export const PARTICIPANTS_MAX = 48;

/** The longest reason of a restriction, in bytes. */
export const RESTRICTION_REASON_BYTES_MAX = 256;

/**
 * The largest body of a webhook, in bytes. As text in JSON it stays below the limits of an SQS message and of
 * an event on the bus (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>).
 */
export const WEBHOOK_BYTES_MAX = 131072;

/** The most events of one request to publish. */
export const PUBLISH_EVENTS_MAX = 100;

/** The largest body of a request to publish, in bytes. */
export const PUBLISH_BYTES_MAX = 1048576;

/** The id of a user, company, conversation, experience, room, funnel or resource. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** A client message id: the `key` of a `send` or of an outbox item. */
export const KEY_PATTERN = /^[A-Za-z0-9_.:-]{1,64}$/;

/** The name of a channel. */
export const CHANNEL_PATTERN =
  /^(system|(company|funnel_updates|resource_updates|analytics|user|conversation|inbox|experience|room):[A-Za-z0-9_-]{1,64})$/;

/** The paths of the HTTP API, and the methods of each. */
export const HTTP_ROUTES = {
  '/api/calls/ice': ['POST'],
  '/api/conversations': ['GET'],
  '/api/conversations/{id}': ['GET', 'PUT', 'DELETE'],
  '/api/files': ['POST'],
  '/api/files/{id}': ['POST', 'DELETE', 'GET'],
  '/api/files/{id}/link': ['GET'],
  '/api/files/{id}/parts': ['POST'],
  '/api/publish': ['POST'],
  '/api/websocket/channels': ['GET', 'POST', 'DELETE'],
  '/api/websocket/connect': ['POST'],
  '/api/websocket/disconnect': ['DELETE'],
  '/api/websocket/messages': ['GET', 'POST'],
  '/api/websocket/moderation': ['GET', 'POST'],
  '/api/websocket/receipts': ['POST'],
  '/api/websocket/search': ['GET'],
  '/api/websocket/status': ['GET'],
  '/api/websocket/webhooks/whop': ['POST'],
} as const;
