//! The limits of a WebSocket API, each with the value that AWS documents as its default.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>

use std::time::Duration;

/// A message, of all its frames together.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// One frame from a client.
pub(crate) const FRAME_BYTES_MAX: usize = 32 * 1024;
/// Silence, in both directions, after which a connection is closed.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(10);
/// Age at which a connection is closed.
pub(crate) const CONNECTION_MAX: Duration = Duration::from_hours(2);
/// How long a route may take; a route of the template may ask for less.
pub(crate) const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);
/// Path and query of the URL that a client connects to.
pub(super) const URL_BYTES_MAX: usize = 4096;
/// Frames of one socket in work at once; then its next ones wait in the network. (Ours; AWS names none.)
pub(super) const FRAMES_IN_FLIGHT_MAX: usize = 256;
/// What may wait for one slow reader before it is cut off with 1008. (Ours; AWS names none.)
pub(super) const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The limits that options of `up` may tighten, so that a test need not wait two hours.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) message_bytes_max: usize,
    pub(crate) frame_bytes_max: usize,
    pub(crate) idle_max: Duration,
    pub(crate) connection_max: Duration,
    pub(crate) integration_timeout: Duration,
}
