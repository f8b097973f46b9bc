//! The WebSocket API: its connections, their frames, and what is posted to them.
//!
//! A handshake passes the check of the path, the stage's throttle, the authorizer and `$connect`, in this order, before it
//! is answered with 101. What a slow client does not read is queued up to a limit, and delays no other client.
//!
//! # Layout
//! - [`server`]: the API with its open connections, and what `@connections` does with them.
//! - [`entry`]: handshakes; [`handshake`], [`authorizer`], [`policy`]: what they consist of.
//! - [`session`]: a socket from its 101 to its end; [`connection`]: the connection as others see it.
//! - [`route`]: takes frames to functions, and calls `$disconnect`; [`event`]: the events that functions get.
//! - [`limits`]: AWS's limits; [`cutting`]: the fault that cuts sockets; [`journal`]: connections that a killed stack left.

mod authorizer;
mod connection;
mod cutting;
mod entry;
mod event;
mod handshake;
mod journal;
mod limits;
mod policy;
mod route;
mod server;
mod session;

use http::{HeaderMap, header};

pub(crate) use self::{
    connection::Posted,
    limits::{CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, Limits, MESSAGE_BYTES_MAX},
    server::WebSockets,
};

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

#[cfg(test)]
mod tests;
