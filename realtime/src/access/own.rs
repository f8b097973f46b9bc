//! The right of their own by which a user may be in a channel.

use funnelcast_core::{Grant, Right, Timestamp, grant::Capability};

/// Whether a user may join by their own right.
#[derive(Debug)]
pub(crate) enum OwnRight {
    /// They may.
    Yes(Right),
    /// They may not.
    No,
    /// Nobody may, because the conversation has ended.
    Ended,
}

impl OwnRight {
    /// The right by which a member may stay who has presented this grant: their own if they have one, else the grant for as
    /// long as it lasts; `None` if they must go.
    pub(crate) fn or_grant(&self, grant: Option<&Grant>, now: Timestamp) -> Option<Right> {
        match self {
            Self::Yes(right) => Some(right.clone()),
            Self::No => grant.filter(|grant| grant.allows(Capability::Join, now)).cloned().map(Right::Grant),
            Self::Ended => None,
        }
    }
}
