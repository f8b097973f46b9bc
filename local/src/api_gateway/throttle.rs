//! The throttle of an API's stage: `ThrottlingRateLimit` per second, and `ThrottlingBurstLimit` at once.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html>
//!
//! On AWS the default route settings apply to each route by itself, and `RouteSettings` can override them for a route.
//! Here all routes of a stage share one bucket with the default settings, and `RouteSettings` have no effect.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::template::Throttle;

/// A token bucket for everything that the clients of a stage send, on all routes.
#[derive(Debug)]
pub(crate) struct Bucket {
    throttle: Throttle,
    state: Mutex<(f64, Instant)>,
}

/// Whether a request or frame is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    Throttled,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(throttle: Throttle) -> Self {
        Self { throttle, state: Mutex::new((f64::from(throttle.burst), Instant::now())) }
    }

    /// Takes a token, if there is one at `now`.
    pub(crate) fn take(&self, now: Instant) -> Admission {
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
    use std::time::Duration;

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
        // After a long pause there is still no more than a burst.
        let later = now + Duration::from_hours(1);
        assert_eq!(
            [taken(later), taken(later), taken(later)],
            [Admission::Admitted, Admission::Admitted, Admission::Throttled]
        );
    }
}
