//! The time, and new ids. `core` has neither, so that it can be tested at any time.

use std::time::{SystemTime, UNIX_EPOCH};

use funnelcast_core::Timestamp;

/// The time of this machine's clock.
pub fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A new unique id: a UUID of version 7 (RFC 9562) in hexadecimal digits, so that ids sort by their age.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
