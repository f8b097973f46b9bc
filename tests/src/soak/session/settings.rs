//! Who a client is, and what it needs to be told from outside: the clock, and tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::soak::issuer::{Issuer, Signed};
use crate::soak::world::Person;

/// How long a grant counts.
const GRANT_SECONDS: u64 = 25;

/// What does not change while a client runs.
#[derive(Debug)]
pub(in crate::soak) struct Settings {
    pub(in crate::soak) device: String,
    pub(in crate::soak) person: Person,
    pub(in crate::soak) issuer: Arc<Issuer>,
    pub(in crate::soak) token_seconds: u64,
    /// Whether joins and leaves are numbered.
    pub(in crate::soak) gives_order: bool,
    /// The channels that it joins by a grant.
    pub(in crate::soak) by_grant: Vec<String>,
    /// The channels that the user may be put out of for longer.
    pub(in crate::soak) for_a_time: Vec<String>,
    /// Between two pings.
    pub(in crate::soak) beat: Duration,
    pub(in crate::soak) clock: Clock,
}

/// This machine's time, by the clock that all waiting goes by.
#[derive(Debug, Clone, Copy)]
pub(in crate::soak) struct Clock {
    at: Instant,
    ms: u64,
}

impl Clock {
    /// One that shows the time that it is now.
    pub(in crate::soak) fn new(now: Instant) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: now, ms: u64::try_from(since_epoch.as_millis()).unwrap_or_default() }
    }

    /// Milliseconds since 1970.
    pub(in crate::soak) fn ms(&self, now: Instant) -> u64 {
        self.ms + u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or_default()
    }
}

impl Settings {
    /// A fresh token.
    pub(in crate::soak) fn token(&self) -> Option<Signed> {
        self.issuer.token(&self.person, self.token_seconds).ok()
    }

    /// A fresh grant, where a channel is joined by one.
    pub(super) fn grant(&self, channel: &String) -> Option<Signed> {
        let is_needed = self.by_grant.contains(channel);
        is_needed.then(|| self.issuer.grant(&self.person.id, channel, GRANT_SECONDS).ok()).flatten()
    }
}
