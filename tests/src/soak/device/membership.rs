//! What a socket is in a channel, by the frames that have passed.

use std::collections::BTreeSet;

/// What the socket is in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Joining,
    In,
    Leaving,
    Out,
}

/// A channel on a socket.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) place: Place,
    /// The number of its last join or leave.
    pub(super) turn: u64,
    /// When that went out, or when the place changed without one.
    pub(super) turned_ms: u64,
    /// The log's last seq when it became a member: what comes later is posted.
    pub(super) head: u64,
    pub(super) posted: BTreeSet<u64>,
    /// What the handler was given since, and was not posted.
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
