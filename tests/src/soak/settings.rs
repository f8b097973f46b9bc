//! What identifies a device, and what it gets from outside: the clock, tokens, and grants.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::issuer::{Issuer, Signed};
use super::world::Person;

/// The lifetimes of tokens and grants that outlive the run. No grant may last longer than 10 minutes.
const TOKEN_SECONDS: u64 = 7_200;
const GRANT_SECONDS: u64 = 590;
/// The lifetime of a grant that expires during the run.
const SHORT_GRANT_SECONDS: u64 = 25;

/// The settings of a device, which do not change during a run.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) device: String,
    pub(super) person: Person,
    pub(super) issuer: Arc<Issuer>,
    /// The lifetime of the tokens, if they expire during the run.
    pub(super) short_tokens: Option<u64>,
    /// Whether the client replaces its socket before the token expires. Otherwise it keeps the socket until then.
    pub(super) rotates: bool,
    /// Whether its client connects with tickets, which it gets by HTTP with its token.
    pub(super) by_ticket: bool,
    /// Whether its user calls others and is called.
    pub(super) has_calls: bool,
    /// The channels that the device subscribes to.
    pub(super) channels: Vec<String>,
    /// The channels that it joins by a grant.
    pub(super) by_grant: Vec<String>,
    /// The channels in which its user is a participant only for a time.
    pub(super) for_a_time: Vec<String>,
    /// The seed of the client's own random numbers.
    pub(super) seed: u32,
    /// The factor by which the client's schedules run faster than usual.
    pub(super) pace: f64,
    pub(super) clock: Clock,
}

/// A clock that converts the instants of tokio's clock to the time of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    at: Instant,
    ms: u64,
}

impl Clock {
    /// A clock that is right at this instant.
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
    /// A fresh token. With `lasting`, it outlives the run.
    pub(super) fn token(&self, lasting: bool) -> Option<Signed> {
        let seconds = self.short_tokens.filter(|_| !lasting).unwrap_or(TOKEN_SECONDS);
        self.issuer.token(&self.person, seconds).ok()
    }

    /// A fresh grant. With `lasting`, it outlives the run.
    pub(super) fn grant(&self, channel: &str, lasting: bool) -> Option<Signed> {
        let seconds = if lasting { GRANT_SECONDS } else { SHORT_GRANT_SECONDS };
        self.issuer.grant(&self.person.id, channel, seconds).ok()
    }
}
