/**
 * What travels: the types of every frame. Types only, so that this file weighs nothing.
 *
 * Made from the Rust crate `funnelcast-core` by `make types`. What is wrong here is mended there.
 *
 * @module
 */

/** A point in time to the millisecond, e.g. `2026-11-23T10:00:00.123Z`. */
export type Timestamp = string;

/**
 * A durable event's place in its channel: 1, 2, 3 ... without a hole; 0 stands before the first.
 *
 * At most 2^53 - 1, so that a JavaScript number holds it. It is read as one too: JSON has no whole numbers,
 * and `41.0` is 41.
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
  | 'system';

/** The names of the events that may come on a channel, by its kind: its name up to the colon. */
export interface ChannelEvents {
  company:
    | 'system.notification'
    | 'presence.join'
    | 'presence.leave'
    | 'presence.update'
    | 'presence.count'
    | 'access.revoked';
  funnel_updates: 'funnel.update' | 'access.revoked';
  resource_updates: 'resource.update' | 'access.revoked';
  analytics: 'analytics.update' | 'access.revoked';
  user: 'user.notification' | 'access.revoked';
  conversation:
    | 'chat.message'
    | 'chat.typing'
    | 'chat.receipt'
    | 'signal'
    | 'presence.join'
    | 'presence.leave'
    | 'presence.update'
    | 'presence.count'
    | 'access.revoked';
  system: 'system.notification' | 'access.revoked';
}

/** The names of the events that a client may publish on a channel, by its kind. */
export interface ChannelDrafts {
  company: never;
  funnel_updates: never;
  resource_updates: never;
  analytics: never;
  user: never;
  conversation: 'chat.message' | 'chat.typing' | 'signal' | 'presence.update';
  system: never;
}

// ------------------------------------------------------------------ events

/** Something that happened on a channel. With a `seq` it is durable: it is in the channel's log. */
export interface WireEvent<Name extends EventName = EventName> {
  type: 'event';
  /** Where. */
  channel: Channel;
  /** What. */
  event: Name;
  /** Its place in the log. */
  seq?: Seq;
  /** When the server took it. */
  at: Timestamp;
  /** Who caused it, where that was a connected user. */
  from?: Sender;
  /** What a repeat of it is known by. */
  key?: string;
  /** Its payload, serialised once, when it was made. */
  data: EventData[Name];
}

/** Who caused an event. */
export interface Sender {
  /** Who. */
  userId: string;
  /** The user's display name. */
  name: string;
}

/** The payload of each event. */
export interface EventData {
  /** Somebody says something: a `ChatMessage`. */
  'chat.message': ChatMessage;
  /** Somebody types, or has stopped: a `TypingIndicator`. */
  'chat.typing': TypingIndicator;
  /** Somebody has got or read what was said: a `Receipt`. */
  'chat.receipt': Receipt;
  /** A word of the app's own: a `Signal`. */
  signal: Signal;
  /** A user has come: their `Presence`. */
  'presence.join': Presence;
  /** A user has gone: their `Presence`. */
  'presence.leave': Presence;
  /** A user's status has changed: their `Presence`. */
  'presence.update': Presence;
  /** Somebody has come or gone where they are too many to name: a `PresenceCount`. */
  'presence.count': PresenceCount;
  /** To the one who has lost the channel, and to nobody else: an `AccessRevoked`. */
  'access.revoked': AccessRevoked;
  /** A funnel is being generated or deployed: a `FunnelUpdate`. */
  'funnel.update': FunnelUpdate;
  /** A resource has changed, or is being synced: a `ResourceUpdate`. */
  'resource.update': ResourceUpdate;
  /** A metric has a new value: an `AnalyticsUpdate`. */
  'analytics.update': AnalyticsUpdate;
  /** A notice to everybody: a `Notification`. */
  'system.notification': Notification;
  /** A notice to one user: a `UserNotification`. */
  'user.notification': UserNotification;
}

/** The name of an event. */
export type EventName = keyof EventData;

/** A message of a conversation. */
export interface ChatMessage {
  /** The server's id for it; a retried send keeps the first one's. 1 to 128 bytes. */
  id: string;
  /** Where it was said. */
  conversationId: string;
  /** Who speaks. */
  type: MessageType;
  /** The text. 1 to 16384 bytes. */
  content: string;
  /** When it was said. */
  timestamp: Timestamp;
  /** Whether somebody but its author has read it; always false when it is new. */
  isRead: boolean;
  /** What the sender put beside it. */
  metadata?: Record<string, unknown>;
  /** Who said it; from the connection, never from the frame. */
  userId?: string;
}

/** Who speaks. */
export type MessageType =
  /** A person. The only one that a client may claim to be. */
  | 'user'
  /** The app's assistant. */
  | 'bot'
  /** The app itself. */
  | 'system';

/** Somebody types, or has stopped; a client forgets it after 6 s. */
export interface TypingIndicator {
  /** Where. */
  conversationId: string;
  /** Who. */
  userId: string;
  /** The user's display name. */
  userName: string;
  /** Whether the user is typing now. */
  isTyping: boolean;
  /** When that was. */
  timestamp: Timestamp;
}

/** A user has got, or read, all up to `seq`. */
export interface Receipt {
  /** Who. */
  userId: string;
  /** Up to where. */
  seq: Seq;
  /** How far the user came with them. */
  state: ReceiptState;
}

/** How far a user has come in a conversation. */
export type ReceiptState =
  /** Delivered to a device of the user's. */
  | 'delivered'
  /** Seen. */
  | 'read';

/** A word of the app's own between the participants; never kept. */
export interface Signal {
  /** Where. */
  conversationId: string;
  /** From whom. */
  userId: string;
  /** What it is called. 1 to 64 bytes. */
  name: string;
  /** What it says. */
  payload?: unknown;
}

/** A user in a channel. */
export interface Presence {
  /** Who. */
  userId: string;
  /** The user's display name. */
  name: string;
  /** The user's own status. */
  status: Status;
  /** When something was last heard from the user. */
  lastSeen: Timestamp;
}

/**
 * A user's own status. The earlier is the more present: a user with several devices is what the first of them
 * says.
 */
export type Status =
  /** Here. */
  | 'online'
  /** Here, but not looking. */
  | 'away'
  /** Not here. */
  | 'offline';

/** How many users a channel has that is too large to tell of each. */
export interface PresenceCount {
  /** The users, however many devices each has. */
  count: number;
}

/** The user has been taken out of the channel: nothing more of it comes, until they join again and may. */
export interface AccessRevoked {
  /** Who. */
  userId: string;
  /** Why, in the backend's words. 1 to 4096 bytes. */
  reason: string;
  /** The place of the `join` whose membership has ended: it is not about a later one. */
  order: JoinOrder;
}

/**
 * The place of a `join` or `leave` among those of its connection: a whole number from 1 to 2^53 - 1 that
 * rises with each of them.
 *
 * A client counts from 1 on each new socket. Where a frame names no place, it has the time in milliseconds at
 * which API Gateway received it, so one connection uses either numbers of its own throughout or none.
 */
export type JoinOrder = number;

/** News of one funnel; the last one of each is given on join. */
export interface FunnelUpdate {
  /** What happened. */
  type: FunnelUpdateType;
  /** To which funnel. */
  funnelId: string;
  /** What to call it. 1 to 256 bytes. */
  funnelName: string;
  /** How far it has come. 0 to 100. */
  progress?: number;
  /** A line to show. 1 to 4096 bytes. */
  message?: string;
  /** When; the event's own time where the backend leaves it out. */
  timestamp: Timestamp;
  /** Who asked for it. */
  userId: string;
  /** Whose it is. */
  companyId: string;
}

/** What happened to a funnel. */
export type FunnelUpdateType =
  /** Generation has begun. */
  | 'generation_started'
  /** Generation goes on. */
  | 'generation_progress'
  /** Generation is done. */
  | 'generation_completed'
  /** Generation has failed. */
  | 'generation_failed'
  /** It is live. */
  | 'deployed'
  /** It is no longer live. */
  | 'undeployed';

/** News of one resource. */
export interface ResourceUpdate {
  /** What happened. */
  type: ResourceUpdateType;
  /** To which resource. */
  resourceId: string;
  /** What sort of thing it is, in the app's words. 1 to 64 bytes. */
  resourceType: string;
  /** What to call it. 1 to 256 bytes. */
  resourceName: string;
  /** How far the sync has come. 0 to 100. */
  progress?: number;
  /** A line to show. 1 to 4096 bytes. */
  message?: string;
  /** When; the event's own time where the backend leaves it out. */
  timestamp: Timestamp;
  /** Who did it, where somebody did. */
  userId?: string;
  /** Whose it is. */
  companyId: string;
}

/** What happened to a resource. */
export type ResourceUpdateType =
  /** It is new. */
  | 'created'
  /** It is different. */
  | 'updated'
  /** It is gone. */
  | 'deleted'
  /** A sync has begun. */
  | 'sync_started'
  /** A sync goes on. */
  | 'sync_progress'
  /** A sync is done. */
  | 'sync_completed'
  /** A sync has failed. */
  | 'sync_failed';

/** The value of one metric now; only the last one counts. */
export interface AnalyticsUpdate {
  /** Which metric, in the app's words. 1 to 64 bytes. */
  metric: string;
  /** Its value. */
  value: number;
  /** The value before. */
  previous?: number;
  /** The funnel that it is of, where it is of one. */
  funnelId?: string;
  /** The time that it covers, in the app's words, e.g. `24h`. 1 to 64 bytes. */
  period?: string;
  /** When; the event's own time where the backend leaves it out. */
  timestamp: Timestamp;
  /** Whose it is. */
  companyId: string;
}

/** A notice to everybody. */
export interface Notification {
  /** Its id; the event's own where the backend leaves it out. 1 to 128 bytes. */
  id: string;
  /** How it should look. */
  level: Level;
  /** Its first line. 1 to 256 bytes. */
  title: string;
  /** What it says. 1 to 4096 bytes. */
  message: string;
  /** Where it leads. 1 to 2048 bytes. */
  url?: string;
  /** When; the event's own time where the backend leaves it out. */
  timestamp: Timestamp;
}

/** How a notice should look. */
export type Level =
  /** Good to know. */
  | 'info'
  /** It worked. */
  | 'success'
  /** Mind this. */
  | 'warning'
  /** It did not work. */
  | 'error';

/**
 * A notice to one user: a `Notification` that says to whom. Not one type with it, so that neither can pass
 * for the other.
 */
export interface UserNotification {
  /** Its id; the event's own where the backend leaves it out. 1 to 128 bytes. */
  id: string;
  /** To whom. */
  userId: string;
  /** How it should look. */
  level: Level;
  /** Its first line. 1 to 256 bytes. */
  title: string;
  /** What it says. 1 to 4096 bytes. */
  message: string;
  /** Where it leads. 1 to 2048 bytes. */
  url?: string;
  /** When; the event's own time where the backend leaves it out. */
  timestamp: Timestamp;
}

// ------------------------------------------------------------------ what a client may publish

/** The drafts of the events that a client may publish; the server adds who, where and when. */
export interface ClientDrafts {
  'chat.message': ChatDraft;
  'chat.typing': TypingDraft;
  signal: SignalDraft;
  'presence.update': PresenceDraft;
}

/** What a client sends to say something. */
export interface ChatDraft {
  /** The text: 1 to 16384 bytes. */
  content: string;
  /** Who speaks; `user` where absent. */
  type?: MessageType;
  /** Whatever the app wants beside it: at most 4096 bytes. */
  metadata?: Record<string, unknown>;
}

/** What a client sends when typing starts or stops. */
export interface TypingDraft {
  /** Whether the user is typing now. */
  isTyping: boolean;
}

/** What a client sends as a signal: a word of the app's own, e.g. to set up a call. */
export interface SignalDraft {
  /** What it is called. 1 to 64 bytes. */
  name: string;
  /** What it says: at most 16384 bytes of JSON. */
  payload?: unknown;
}

/** What a client sends to change its status. */
export interface PresenceDraft {
  /** The new one. */
  status: Status;
}

// ------------------------------------------------------------------ requests and replies

/** Every action: the fields of its request, and the `data` of its reply. */
export interface Actions {
  join: { fields: JoinFields; reply: Joined };
  leave: { fields: LeaveFields; reply: Left };
  send: { fields: SendFields; reply: Sent };
  ack: { fields: AckFields; reply: Acked };
  history: { fields: HistoryFields; reply: Page };
  presence: { fields: PresenceFields; reply: Roster };
  receipts: { fields: ReceiptsFields; reply: ReceiptBook };
  status: { fields: StatusFields; reply: StatusReply };
  ping: { fields: PingFields; reply: Pong };
}

/** The name of an action. */
export type ActionName = keyof Actions;

/** Begins to hear a channel. */
export interface JoinFields {
  /** Which. */
  channel: Channel;
  /** The last seq seen; what came after it is in the reply. */
  since?: Seq;
  /** A token of the app's backend for just this channel. */
  grant?: string;
  /** Its place among the `join`s and `leave`s of the connection; default: when it was received. */
  order?: JoinOrder;
}

/** The reply to `join`. */
export interface Joined {
  /** Which. */
  channel: Channel;
  /** The log's last seq; 0 where it is empty. */
  head: Seq;
  /** Whether `events` and what `history` has after them are all that came after `since`. */
  recovered: boolean;
  /** What came after `since`. */
  events: WireEvent[];
  /** Whether the reply's size cut `events`, and `history` has the rest. */
  more: boolean;
  /** The last value of each key, on channels that keep one. */
  latest: WireEvent[];
  /** Where the reply's size cut `latest`: the `latest` of `history` to go on with. 1 to 1024 bytes. */
  latestNext?: string;
  /** Who is here, on channels that tell; empty where they are too many to name. */
  presence: Presence[];
  /** All presence events up to this time are contained in `presence`. */
  at: Timestamp;
}

/** Ceases to hear a channel. */
export interface LeaveFields {
  /** Which. */
  channel: Channel;
  /** Its place among the `join`s and `leave`s of the connection; default: when it was received. */
  order?: JoinOrder;
}

/** The reply to `leave`. */
export interface Left {
  /** Which. */
  channel: Channel;
}

/** Publishes an event. */
export interface SendFields<Name extends keyof ClientDrafts = keyof ClientDrafts> {
  /** Where. */
  channel: `conversation:${string}`;
  /** What. */
  event: Name;
  /** The event's draft: what the client says of it. */
  data: ClientDrafts[Name];
  /**
   * The client message id, for durable events: a retry with the same one is the same send.
   * `[A-Za-z0-9_.:-]{1,64}`.
   */
  key?: string;
  /** The last seq that the sender knew when it first tried this `key`. */
  base?: Seq;
}

/** The reply to `send`. */
export interface Sent {
  /** Its place in the log, where it is durable. */
  seq?: Seq;
  /**
   * The message's id, where it is durable: what its event has in `data.id`, for everybody. 1 to 128 bytes.
   */
  id?: string;
  /** When the server took it. */
  at: Timestamp;
  /** The client message id, where it had one. */
  key?: string;
  /** Whether an earlier try had already been kept. */
  duplicate: boolean;
  /** How many connections it was posted to before this reply; those that the stream serves do not count. */
  recipients: number;
}

/** Tells how far the user has come. */
export interface AckFields {
  /** Where. */
  channel: Channel;
  /** Up to which seq. */
  seq: Seq;
  /** How far the user came with them. */
  state: ReceiptState;
}

/** The reply to `ack`. */
export interface Acked {
  /** The watermark now, which never goes back. */
  seq: Seq;
}

/**
 * Reads a page of the log: its end, or what is on one side of an event; `before`, `after` and `latest`
 * exclude each other.
 */
export interface HistoryFields {
  /** Of which channel. */
  channel: Channel;
  /** The events before this seq, the latest of them. */
  before?: Seq;
  /** The events after this seq, the earliest of them. */
  after?: Seq;
  /**
   * Not the log but the channel's last values, from this place on: the `latestNext` of a `join` or of the
   * page before. 1 to 1024 bytes.
   */
  latest?: string;
  /** How many. 1 to 100. */
  limit: number;
  /**
   * Only chat messages whose content has this in it, whatever the case of its letters and the form that they
   * are written in. 1 to 256 bytes.
   */
  contains?: string;
}

/** The reply to `history`. */
export interface Page {
  /** In the order of their seqs. */
  events: WireEvent[];
  /** Whether there are more in the direction asked for. */
  more: boolean;
  /**
   * Where there are: the `before` or `after` to go on with. It need not be an event of this page, because a
   * search looks through many events to find few.
   */
  next?: Seq;
  /** Of a page of last values, where there are more: the `latest` to go on with. 1 to 1024 bytes. */
  latestNext?: string;
}

/** Asks who is here. */
export interface PresenceFields {
  /** Where. */
  channel: Channel;
}

/** The reply to `presence`. */
export interface Roster {
  /** Who is here; empty where they are too many to name. */
  users: Presence[];
  /** How many. */
  count: number;
  /** All presence events up to this time are contained in `users`. */
  at: Timestamp;
}

/** Asks how far everybody has come. */
export interface ReceiptsFields {
  /** Where. */
  channel: Channel;
}

/** The reply to `receipts`: who has not had an event yet is who has a lower `delivered` than its seq. */
export interface ReceiptBook {
  /** Who takes part in the conversation, and who else has ever acked. */
  users: UserReceipts[];
  /**
   * Whether there are more than a reply holds: those who have only acked are left out then, from the last id
   * backwards.
   */
  more?: boolean;
}

/** How far one user has come; 0 where they never acknowledged anything. */
export interface UserReceipts {
  /** Who. */
  userId: string;
  /** Up to here everything has been delivered to a device of the user's. */
  delivered: Seq;
  /** Up to here the user has read everything. */
  read: Seq;
}

/** Asks what the server knows of this connection. */
export type StatusFields = Record<never, never>;

/** The reply to `status`. */
export interface StatusReply {
  /** API Gateway's name for it. */
  connectionId: string;
  /** Whose it is. */
  user: string;
  /** Since when. */
  connectedAt: Timestamp;
  /** When its token stops counting. */
  expiresAt: Timestamp;
  /** What it has joined. */
  channels: Channel[];
}

/** Keeps the connection's lease from ending, and may carry a fresh token. */
export interface PingFields {
  /**
   * A fresh one, of the same user with the same companies, and still to expire: the connection then lives as
   * long as it.
   */
  token?: string;
}

/** The reply to `ping`. */
export interface Pong {
  /** The server's clock. */
  at: Timestamp;
  /** When the fresh token stops counting, where one came along. */
  expiresAt?: Timestamp;
}

// ------------------------------------------------------------------ frames

/** An error on the wire. */
export interface ErrorBody {
  /** For programs. */
  code: ErrorCode;
  /** For people. */
  message: string;
  /** The field that it is about, by its path, where it is about one. */
  field?: string;
  /** When to try again, where that helps; in milliseconds. */
  retryAfterMs?: number;
}

/** What programs read of a refusal. */
export type ErrorCode =
  /** The frame, or a field of it, is not what the protocol says. The text names the field. */
  | 'bad_request'
  /** The frame names an action that is no route of this API. */
  | 'unknown_action'
  /** Not `kind` or `kind:id` of a kind and id that exist. */
  | 'invalid_channel'
  /** No identity, or one that has expired. */
  | 'unauthorized'
  /** The policy says no. */
  | 'forbidden'
  /** The action needs a membership in the channel. */
  | 'not_joined'
  /** What the request names does not exist. */
  | 'not_found'
  /** A part of the request is larger than its limit in bytes. */
  | 'too_large'
  /** Too fast. */
  | 'rate_limited'
  /** The request contradicts the present state; the text says what to do. */
  | 'conflict'
  /** Ours. What went wrong is for the log alone. */
  | 'internal';

/** The answer to a request. */
export type Reply =
  | { type: 'reply'; id?: string; ok: true; data: unknown }
  | { type: 'reply'; id?: string; ok: false; error: ErrorBody };

/** Several events in one frame, in the order in which they happened. */
export interface Batch {
  type: 'batch';
  events: WireEvent[];
}

/** Whatever the server sends. API Gateway itself may send a frame that has no `type`. */
export type ServerFrame = Reply | WireEvent | Batch;
