//! How long and how often a post is tried.

use std::time::Duration;

/// The time limits and pauses of a post.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The time limit of one attempt, including the socket.
    pub(super) attempt: Duration,
    /// The time limit of all attempts, including the pauses between them.
    pub(super) post: Duration,
    /// The upper bound of the first pause. Each pause is drawn between zero and its bound, which doubles every time
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>, "full jitter").
    pub(super) first_pause: Duration,
    /// The upper limit of that bound.
    pub(super) longest_pause: Duration,
}

impl Default for Patience {
    /// A throttled account has room for 10,000 more requests every second, so short pauses suffice. The whole post
    /// ends well before the function that makes it does: `send` has 25 seconds.
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
    /// The pause after this many failed attempts, counted from one.
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
    fn the_bound_of_a_pause_doubles_up_to_a_second() {
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
