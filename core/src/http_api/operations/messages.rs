//! What the actions of the WebSocket do, without one.

use super::super::operation::{
    Auth, Connection,
    Failure::{BadRequest, Conflict, Forbidden, NotFound},
    Fields, Method, Operation, Tag,
};
#[cfg(feature = "schema")]
use crate::{
    action::{Ack, Acked, Found, History, Inbox, InboxPage, Page, Search, Send, Sent},
    wire_type::WireType,
};

pub(super) const HISTORY: Operation = Operation {
    id: "history",
    method: Method::Get,
    path: "/api/websocket/messages",
    tag: Tag::Messages,
    summary: "Reads a page of a channel's log",
    description: "For users who may join the channel, by themselves or by a grant. A client that polls asks for the events after \
        the last `seq` that it has seen. `before`, `after` and `latest` exclude each other. Costs 1 read or more by size; in a conversation, 2 more for the access check and 1 \
        for the receipts.",
    auth: Auth::Token,
    fields: Fields::Query,
    connection: Connection::Absent,
    takes_grant: true,
    done: "A page, in the order of `seq`",
    own_refusals: &[BadRequest, Forbidden],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<History>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<Page>()),
};

pub(super) const SEARCH: Operation = Operation {
    id: "search",
    method: Method::Get,
    path: "/api/websocket/search",
    tag: Tag::Messages,
    summary: "Searches the messages of a conversation, of a company or of the user's conversations",
    description: "With `channel`, for users who may join it, by themselves or by a grant: 1 read or more by size, 1 for the \
        receipts, and 2 for the access check. With `companyId`, for the company's team, where the parameter `Search` is `on`: \
        by an index, of which up to 30 pages are read, and 2 for each message that it leads to. With neither, the conversations that \
        the user takes part in: as one conversation, and what the inbox costs. The newest matches, of them the best one first, \
        with the matching parts of each text.",
    auth: Auth::Token,
    fields: Fields::Query,
    connection: Connection::Absent,
    takes_grant: true,
    done: "The messages that were found, and where to search on",
    own_refusals: &[BadRequest, Forbidden],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<Search>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<Found>()),
};

pub(super) const SEND: Operation = Operation {
    id: "send",
    method: Method::Post,
    path: "/api/websocket/messages",
    tag: Tag::Messages,
    summary: "Publishes an event",
    description: "For users who may join the channel and publish this event there, or whom a grant allows to `send`. The same \
        `key` is the same message, whether it came by HTTP or by a WebSocket, first or again. All of the user's own \
        connections receive the event too. `presence.update` is `forbidden`: a status belongs to a connection. Costs what \
        `send` costs: 1 write unit and 1 read for the message, 2 reads for the access check, and 1 for the members.",
    auth: Auth::Token,
    fields: Fields::Body,
    connection: Connection::Absent,
    takes_grant: true,
    done: "The event is kept, and has been or will be delivered",
    own_refusals: &[BadRequest, Forbidden, Conflict, NotFound],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<Send>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<Sent>()),
};

pub(super) const ACK: Operation = Operation {
    id: "ack",
    method: Method::Post,
    path: "/api/websocket/receipts",
    tag: Tag::Messages,
    summary: "Confirms that the user has received or read everything up to a message",
    description: "For users who may join the channel, by themselves or by a grant. The same as `ack` on a WebSocket: the watermark \
        never goes back, the others in the conversation receive `chat.receipt`, and of what is read all of the user's own \
        connections learn that it is no longer unread. Costs what `ack` costs: 1 write (the user's first one 2) and 1 read, 2 more for the access check, \
        and if the watermark rises 1 for the members, and 1 for the user's connections.",
    auth: Auth::Token,
    fields: Fields::Body,
    connection: Connection::Absent,
    takes_grant: true,
    done: "The user's watermark now",
    own_refusals: &[BadRequest, Forbidden, NotFound],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<Ack>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<Acked>()),
};

pub(super) const INBOX: Operation = Operation {
    id: "inbox",
    method: Method::Get,
    path: "/api/conversations",
    tag: Tag::Conversations,
    summary: "Lists the conversations of the user or of a company, the last active first",
    description: "Without `companyId`, the conversations that the user takes part in; with it, those of a company whose team they \
        belong to. Each with its last message and how many messages the user has not read. What is new shows within some \
        seconds. A page of a company costs 1 read, and 2 reads for each conversation on it; one of a user's own costs 1 read more \
        for each of their conversations, of which there are at most 1,000: those that they were added to last.",
    auth: Auth::Token,
    fields: Fields::Query,
    connection: Connection::Absent,
    takes_grant: false,
    done: "A page of the inbox",
    own_refusals: &[BadRequest, Forbidden],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<Inbox>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<InboxPage>()),
};
