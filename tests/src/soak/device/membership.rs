//! A socket's membership of a channel, as its frames show it.

use std::collections::BTreeSet;

/// The state of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Joining,
    In,
    Leaving,
    Out,
}

/// A socket's membership of a channel.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) place: Place,
    /// The `order` of its last join or leave.
    pub(super) turn: u64,
    /// When that was sent, or when the state changed without one.
    pub(super) turned_ms: u64,
    /// The log's last seq when the socket joined: what comes later is posted.
    pub(super) head: u64,
    pub(super) posted: BTreeSet<u64>,
    /// Durable events that the handler received since, but that were not posted.
    pub(super) unposted: BTreeSet<u64>,
    pub(super) disagrees_since_ms: Option<u64>,
}

impl Membership {
    pub(super) const fn out(since_ms: u64) -> Self {
        Self {
            place: Place::Out,
            turn: 0,
            turned_ms: since_ms,
            head: 0,
            posted: BTreeSet::new(),
            unposted: BTreeSet::new(),
            disagrees_since_ms: None,
        }
    }

    pub(super) const fn is_at_rest(&self) -> bool {
        matches!(self.place, Place::In | Place::Out)
    }
}
