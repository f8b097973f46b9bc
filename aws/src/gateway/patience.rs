//! How long a post is tried, and how often.

use std::time::Duration;

/// How long to try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For one attempt, the socket included.
    pub(super) attempt: Duration,
    /// For all attempts, and the pauses between them.
    pub(super) post: Duration,
    /// The longest first pause; each is drawn from nothing up to its longest, which doubles every time
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>, "full jitter") ...
    pub(super) first_pause: Duration,
    /// ... up to this.
    pub(super) longest_pause: Duration,
}

impl Default for Patience {
    /// A throttled account has room for 10,000 more requests every second, so short pauses do. All together ends well
    /// before the function that posts does: `send` has 25 seconds.
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(3),
            post: Duration::from_secs(6),
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(1),
        }
    }
}

impl Patience {
    /// The pause after so many failed attempts, from one on.
    pub(super) fn pause(&self, attempts: u32) -> Duration {
        self.bound(attempts).mul_f64(rand::random())
    }

    fn bound(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first_pause.saturating_mul(doubled).min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_are_bounded_by_twice_as_much_each_time_up_to_a_second() {
        let patience = Patience::default();
        let bounds: Vec<u128> = (1..=7).map(|attempts| patience.bound(attempts).as_millis()).collect();
        assert_eq!(bounds, [50, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(patience.bound(u32::MAX), patience.longest_pause);
    }

    proptest! {
        #[test]
        fn a_pause_is_within_its_bound(attempts in 1_u32..100) {
            let patience = Patience::default();
            prop_assert!(patience.pause(attempts) <= patience.bound(attempts));
        }
    }
}
