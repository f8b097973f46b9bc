//! The HTTP API: the bodies of its requests and replies, and the one table of its operations.
//!
//! The router of the `http-api` function is held against [`OPERATIONS`] by a test, and docs/openapi.yaml is generated from it by
//! `make types`. Requests and replies that an action of the WebSocket has too are in [`action`](crate::action).
//!
//! # Layout
//! - `operation`: what an operation is
//! - `operations`: the table
//! - `bodies`: requests and replies that the HTTP API alone has

mod bodies;
mod operation;
mod operations;

pub use bodies::{
    BackendEvent, ChannelConnections, ChannelList, ConnectionList, ConversationDraft, ConversationEnd,
    ConversationEnded, ConversationReply, Disconnected, GatewayRefusal, Publish, PublishReply, PublishResult,
    Published, Refusal, Ticket, WebhookReceived,
};
pub use operation::{Auth, Connection, Failure, Fields, Method, Operation, Tag};
pub use operations::OPERATIONS;

use crate::event::EventName;

limits! {
    /// The largest body of a webhook, in bytes. As text in JSON it stays below the limits of an SQS message and of an event on the
    /// bus (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>).
    pub const WEBHOOK_BYTES_MAX: usize = 128 * 1024;
    /// The most events of one request to publish.
    pub const PUBLISH_EVENTS_MAX: usize = 100;
    /// The largest body of a request to publish, in bytes.
    pub const PUBLISH_BYTES_MAX: usize = 1024 * 1024;
}

/// The event that a client may publish by WebSocket only: a status belongs to a connection, and an HTTP request has none.
pub const SOCKET_ONLY: EventName = EventName::PresenceUpdate;
