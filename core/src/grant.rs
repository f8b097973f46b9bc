//! Grants: what the app's backend lets one user do on one channel, for a while, whatever the policy says.
//!
//! A grant opens what only the backend can judge. It never lets anybody publish what no client may publish there.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The longest that a grant may last: what only the backend knows changes, and it is asked again.
pub const GRANT_MAX: Duration = Duration::from_mins(10);

/// What a grant may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// To be a member: to hear the channel, to read its log, to ack.
    Join,
    /// To publish there what the policy lets a client publish.
    Send,
}

/// The part of a grant that stays with the membership that it has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What it allows; [`Capability::Join`] is among it.
    pub caps: BTreeSet<Capability>,
    /// When it ends, and the membership with it.
    pub until: Timestamp,
}

impl Grant {
    /// Whether it allows this at `now`.
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
