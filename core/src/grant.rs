//! Grants: access to one channel for one user and a limited time, given by the app's backend.
//!
//! A grant is for access that only the backend can decide. It does not allow events that no client may publish on the channel.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

limits! {
    /// The longest that a grant may last, in seconds, so that the backend is asked again when its answer may have changed.
    pub const GRANT_SECONDS_MAX: u64 = 600;
}

/// The longest that a grant may last: [`GRANT_SECONDS_MAX`].
pub const GRANT_MAX: Duration = Duration::from_secs(GRANT_SECONDS_MAX);

/// A right that a grant may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// To be a member of the channel: to receive its events, read its log and ack.
    Join,
    /// To publish the events that the policy allows clients to publish there.
    Send,
}

/// The part of a grant that is kept with the membership that it has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The rights that it gives, always with [`Capability::Join`].
    pub caps: BTreeSet<Capability>,
    /// When it ends, and with it the membership.
    pub until: Timestamp,
}

impl Grant {
    /// Whether it gives this right at `now`.
    pub fn allows(&self, capability: Capability, now: Timestamp) -> bool {
        now < self.until && self.caps.contains(&capability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_allows_what_it_names_until_it_ends() {
        let grant = Grant { caps: [Capability::Join].into(), until: Timestamp::from_secs(10) };
        assert!(grant.allows(Capability::Join, Timestamp::from_millis(9_999)));
        assert!(!grant.allows(Capability::Join, Timestamp::from_secs(10)));
        assert!(!grant.allows(Capability::Send, Timestamp::from_secs(1)));
    }
}
