//! What happened on each of a device's connections, with the time: enough to know when it was a member of which channel, and
//! which events were posted to it meanwhile. What the app heard, some of it by recovery, is in [`Entry`](super::Entry).

use serde::Serialize;

/// Something that happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// When, in milliseconds of this machine's clock.
    pub at_ms: u64,
    /// What happened.
    pub what: Wire,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Wire {
    /// The connection was opened. Everything that follows is about it, until `Over`.
    Opened,
    /// The server knew the connection at this time or later, when it was asked.
    Alive {
        /// When the request was sent.
        asked_ms: u64,
    },
    /// The connection's token is valid until then.
    Token {
        /// When it expires.
        until_ms: u64,
    },
    /// A fresh token was sent. If the reply is lost, it may be valid all the same.
    Renewing {
        /// When the fresh token expires.
        until_ms: u64,
    },
    /// The connection has ended: either side closed it, or the client gave it up because the server does not know it.
    Over,
    /// A `join` was sent.
    Joining {
        /// The channel.
        channel: String,
    },
    /// A `join` was answered, and no later `leave` or `join` of the channel has been sent.
    Joined {
        /// The channel.
        channel: String,
        /// When the `join` was sent.
        asked_ms: u64,
        /// The log's last seq at that time: what comes later is posted.
        head: u64,
        /// When the grant expires, if it was joined by one.
        until_ms: Option<u64>,
    },
    /// A `leave` was sent.
    Leaving {
        /// The channel.
        channel: String,
    },
    /// A `leave` was answered, and no later `join` of the channel has been sent.
    Left {
        /// The channel.
        channel: String,
    },
    /// The device was told that it has been removed.
    Revoked {
        /// The channel.
        channel: String,
    },
    /// The device was told of a removal that is, or may be, about an earlier membership than the one that it last asked for.
    Outdated {
        /// The channel.
        channel: String,
    },
    /// A request was refused with `not_joined`, though the channel was joined.
    Denied {
        /// The channel.
        channel: String,
        /// When the request was sent.
        asked_ms: u64,
    },
    /// A message was sent on this connection, to which it is then not posted.
    Sent {
        /// Its key.
        key: String,
    },
    /// An event was posted to the connection.
    Posted {
        /// The channel.
        channel: String,
        /// The name of the event.
        event: String,
        /// Its seq in the log.
        seq: Option<u64>,
        /// When it was accepted, by the server.
        sent_ms: u64,
    },
}
