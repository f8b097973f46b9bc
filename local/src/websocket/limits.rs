//! The limits of a WebSocket API, each with the value that AWS documents as its default.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::template::Throttle;

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

/// The stage's throttle: a token bucket over the frames of all its clients.
#[derive(Debug)]
pub(super) struct Bucket {
    throttle: Throttle,
    state: Mutex<(f64, Instant)>,
}

/// Whether the throttle lets a frame in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    Throttled,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(throttle: Throttle) -> Self {
        Self { throttle, state: Mutex::new((f64::from(throttle.burst), Instant::now())) }
    }

    /// Takes a token, if there is one at `now`.
    pub(super) fn take(&self, now: Instant) -> Admission {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, then) = *state;
        let grown = tokens + now.saturating_duration_since(then).as_secs_f64() * self.throttle.rate;
        let tokens = grown.min(f64::from(self.throttle.burst));
        let (left, admission) =
            if tokens >= 1.0 { (tokens - 1.0, Admission::Admitted) } else { (tokens, Admission::Throttled) };
        *state = (left, now.max(then));
        admission
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_counts() {
        let bucket = Bucket::new(Throttle { rate: 10.0, burst: 2 });
        let now = Instant::now();
        let taken = |at| bucket.take(at);
        assert_eq!(
            [taken(now), taken(now), taken(now)],
            [Admission::Admitted, Admission::Admitted, Admission::Throttled]
        );
        assert_eq!(taken(now + Duration::from_millis(50)), Admission::Throttled);
        assert_eq!(taken(now + Duration::from_millis(150)), Admission::Admitted);
        // However long it was quiet, no more than a burst.
        let later = now + Duration::from_hours(1);
        assert_eq!(
            [taken(later), taken(later), taken(later)],
            [Admission::Admitted, Admission::Admitted, Admission::Throttled]
        );
    }
}
