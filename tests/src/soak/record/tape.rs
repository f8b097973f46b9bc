//! What happened on a device's connections, each by itself, with the time: enough to tell from when to when it was a member
//! of what, and which events were posted to it meanwhile. What the app heard, which recovery may have brought, is in
//! [`Entry`](super::Entry).

use serde::Serialize;

/// Something that happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// When, in milliseconds of this machine's clock.
    pub at_ms: u64,
    /// What.
    pub what: Wire,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Wire {
    /// A new connection. All that follows is about it, until it is over.
    Opened,
    /// The server knew the connection when it was asked, at this time or later.
    Alive {
        /// When the question went out.
        asked_ms: u64,
    },
    /// The connection's token counts until then.
    Token {
        /// The end.
        until_ms: u64,
    },
    /// A fresh token went out. Where its answer is lost, it may count all the same.
    Renewing {
        /// The end of the fresh one.
        until_ms: u64,
    },
    /// The connection is over: closed by either side, or given up because the server does not know it.
    Over,
    /// A `join` went out.
    Joining {
        /// Of which channel.
        channel: String,
    },
    /// A `join` was answered, and no later `leave` or `join` of the channel is under way.
    Joined {
        /// Which channel.
        channel: String,
        /// When the `join` went out.
        asked_ms: u64,
        /// The log's last seq then: what comes later is posted.
        head: u64,
        /// Until when the grant counts, where it was joined by one.
        until_ms: Option<u64>,
    },
    /// A `leave` went out.
    Leaving {
        /// Of which channel.
        channel: String,
    },
    /// A `leave` was answered, and no later `join` of the channel is under way.
    Left {
        /// Which channel.
        channel: String,
    },
    /// The device was told that it has been removed.
    Revoked {
        /// From which channel.
        channel: String,
    },
    /// It was told that it has been removed, which is, or may be, about an earlier membership than it has asked for last.
    Outdated {
        /// From where.
        channel: String,
    },
    /// A request was refused with `not_joined`, though the channel was joined.
    Denied {
        /// Which channel.
        channel: String,
        /// When the request went out.
        asked_ms: u64,
    },
    /// An own message went out on this connection, which is then not posted to it.
    Sent {
        /// The client message id.
        key: String,
    },
    /// An event came by a post.
    Posted {
        /// On which channel.
        channel: String,
        /// What.
        event: String,
        /// Its place in the log.
        seq: Option<u64>,
        /// When it was sent, as the server says.
        sent_ms: u64,
    },
}
