//! The HTTP API: the bodies of its requests and replies, and the one table of its operations.
//!
//! The router of the `http-api` function is held against [`OPERATIONS`] by a test, and docs/openapi.yaml is generated from it by
//! `make types`. Requests and replies that an action of the WebSocket has too are in [`action`](crate::action).
//!
//! # Layout
//! - `operation`: what an operation is
//! - `operations`: the table
//! - `bodies`: requests and replies that the HTTP API alone has
//! - `limits`: how large they may be

mod bodies;
pub(crate) mod limits;
mod operation;
mod operations;

pub use bodies::{
    BackendEvent, ChannelConnections, ChannelList, ConnectionList, ConversationDraft, ConversationEnd,
    ConversationEnded, ConversationReply, Disconnected, GatewayRefusal, ModerationQuery, ModerationReply,
    Publish, PublishReply, PublishResult, Published, Refusal, Ticket, WebhookReceived,
};
pub use limits::{PUBLISH_BYTES_MAX, PUBLISH_EVENTS_MAX, WEBHOOK_BYTES_MAX};
pub use operation::{Auth, Connection, Failure, Fields, Method, Operation, Tag};
pub use operations::OPERATIONS;

use crate::event::EventName;

/// The event that a client may publish by WebSocket only: a status belongs to a connection, and an HTTP request has none.
pub const SOCKET_ONLY: EventName = EventName::PresenceUpdate;
