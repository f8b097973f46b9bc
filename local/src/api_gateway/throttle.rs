//! The throttles of an API's stage: for each route its `ThrottlingRateLimit` per second, and `ThrottlingBurstLimit` at once.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html>
//!
//! The default route settings apply to each route by itself, unless the `RouteSettings` say otherwise of it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::template::{Throttle, Throttles};

/// A token bucket for each route of a stage, shared by all clients.
#[derive(Debug)]
pub(crate) struct Buckets {
    throttles: Throttles,
    /// By route key.
    buckets: Mutex<HashMap<String, Bucket>>,
}

/// The bucket of a route: how many tokens it had, and when.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// Whether a request or frame is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    Throttled,
}

impl Buckets {
    /// Full buckets.
    pub(crate) fn new(throttles: Throttles) -> Self {
        Self { throttles, buckets: Mutex::default() }
    }

    /// Takes a token for a route, if there is one at `now`.
    pub(crate) fn take(&self, route: &str, now: Instant) -> Admission {
        let Some(throttle) = self.throttles.of(route) else { return Admission::Admitted };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { tokens: f64::from(throttle.burst), at: now };
        buckets.entry(route.to_owned()).or_insert(full).take(throttle, now)
    }
}

impl Bucket {
    fn take(&mut self, throttle: Throttle, now: Instant) -> Admission {
        let grown = self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * throttle.rate;
        let tokens = grown.min(f64::from(throttle.burst));
        self.at = now.max(self.at);
        if tokens >= 1.0 {
            self.tokens = tokens - 1.0;
            Admission::Admitted
        } else {
            self.tokens = tokens;
            Admission::Throttled
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SLOW: Throttle = Throttle { rate: 10.0, burst: 2 };

    #[test]
    fn a_burst_passes_then_the_rate_counts() {
        let buckets = Buckets::new(Throttles { default: Some(SLOW), ..Throttles::default() });
        let now = Instant::now();
        let taken = |at| buckets.take("send", at);
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

    #[test]
    fn each_route_has_a_bucket_of_its_own_and_may_have_its_own_settings() {
        let routes = [("history".to_owned(), Throttle { rate: 1.0, burst: 1 })].into();
        let buckets = Buckets::new(Throttles { default: Some(SLOW), routes });
        let now = Instant::now();
        let admitted = |route| (0..10).filter(|_| buckets.take(route, now) == Admission::Admitted).count();
        assert_eq!([admitted("send"), admitted("join"), admitted("history")], [2, 2, 1]);
        let free = Buckets::new(Throttles::default());
        assert_eq!(free.take("send", now), Admission::Admitted);
    }
}
