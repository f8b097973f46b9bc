//! Who a device is, and what it needs to be told from outside: the clock, tokens, and grants.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::issuer::{Issuer, Signed};
use super::world::Person;

/// How long tokens and grants last that do not end within a run; a grant may not last longer.
const TOKEN_SECONDS: u64 = 7_200;
const GRANT_SECONDS: u64 = 590;
/// How long a grant lasts that does.
const SHORT_GRANT_SECONDS: u64 = 25;

/// What does not change while a device runs.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) device: String,
    pub(super) person: Person,
    pub(super) issuer: Arc<Issuer>,
    /// How long the tokens last, where they end within a run.
    pub(super) short_tokens: Option<u64>,
    /// Whether the client replaces its socket before the token ends, or keeps it to that end.
    pub(super) rotates: bool,
    /// Whether its client connects by tickets, which it gets with its token by HTTP.
    pub(super) by_ticket: bool,
    /// Whether its user is called, and calls others.
    pub(super) has_calls: bool,
    /// The channels that the device wants.
    pub(super) channels: Vec<String>,
    /// Those that it joins by a grant.
    pub(super) by_grant: Vec<String>,
    /// Those that the user may be put out of for longer.
    pub(super) for_a_time: Vec<String>,
    /// What the client's own random numbers start from.
    pub(super) seed: u32,
    /// How many times as fast as usual the client's schedules run.
    pub(super) pace: f64,
    pub(super) clock: Clock,
}

/// This machine's time, by the clock that all waiting goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    at: Instant,
    ms: u64,
}

impl Clock {
    /// One that shows the time that it is now.
    pub(super) fn new(now: Instant) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: now, ms: u64::try_from(since_epoch.as_millis()).unwrap_or_default() }
    }

    /// Milliseconds since 1970.
    pub(super) fn ms(&self, now: Instant) -> u64 {
        self.ms + u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or_default()
    }
}

impl Settings {
    /// A fresh token. One that is `lasting` outlives the run.
    pub(super) fn token(&self, lasting: bool) -> Option<Signed> {
        let seconds = self.short_tokens.filter(|_| !lasting).unwrap_or(TOKEN_SECONDS);
        self.issuer.token(&self.person, seconds).ok()
    }

    /// A fresh grant. One that is `lasting` outlives the run.
    pub(super) fn grant(&self, channel: &str, lasting: bool) -> Option<Signed> {
        let seconds = if lasting { GRANT_SECONDS } else { SHORT_GRANT_SECONDS };
        self.issuer.grant(&self.person.id, channel, seconds).ok()
    }
}
