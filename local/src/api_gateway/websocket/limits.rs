//! The limits of a WebSocket API, each with the value that AWS documents as its default.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>

use std::time::Duration;

/// The largest message, with all its frames.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// The largest frame from a client.
pub(crate) const FRAME_BYTES_MAX: usize = 32 * 1024;
/// How long a connection may be without messages in either direction before it is closed.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(10);
/// The age at which a connection is closed.
pub(crate) const CONNECTION_MAX: Duration = Duration::from_hours(2);
/// How long a route's function may take; the template may set less for a route.
pub(crate) const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);
/// The longest path and query of the URL that a client connects to.
pub(super) const URL_BYTES_MAX: usize = 4096;
/// The most frames of one socket that are handled at once; further ones wait in the network. AWS documents no such limit.
pub(super) const FRAMES_IN_FLIGHT_MAX: usize = 256;
/// The most bytes that wait for a slow reader before it is closed with 1008. AWS documents no such limit.
pub(super) const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The limits that options of `up` can lower, so that a test need not wait for two hours.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) message_bytes_max: usize,
    pub(crate) frame_bytes_max: usize,
    pub(crate) idle_max: Duration,
    pub(crate) connection_max: Duration,
    pub(crate) integration_timeout: Duration,
}
