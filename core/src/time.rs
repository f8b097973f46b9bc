//! Points in time: milliseconds since 1970 in memory, RFC 3339 in UTC with milliseconds on the wire.

use std::{fmt, str::FromStr, time::Duration};

use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A point in time to the millisecond, in the format of RFC 3339, e.g. `2026-11-23T10:00:00.123Z`.
///
/// The server writes it in UTC with three decimals, and accepts any offset and precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("format" = "date-time", "examples" = ["2026-11-23T10:00:00.123Z"])))]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);

    /// The time this many milliseconds after 1970, clamped to the range that can be written.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(jiff::Timestamp::MIN.as_second() * 1000, jiff::Timestamp::MAX.as_second() * 1000))
    }

    /// The time this many seconds after 1970, which is the unit of a token's `exp` and of the table's TTL.
    pub fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// The milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// The whole seconds since 1970, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let timestamp = text.parse::<jiff::Timestamp>().ok().or_else(|| latest_for_later(text));
        timestamp.map(|timestamp| Self::from_millis(timestamp.as_millisecond())).ok_or_else(|| {
            Error::BadRequest("must be an RFC 3339 time with an offset, e.g. 2026-11-23T10:00:00.123Z".into())
        })
    }
}

/// The latest time of `jiff`, for a text that names a later one. `jiff` leaves out the last 26 hours of 9999, and
/// `9999-12-31T23:59:59Z` is a common way to write "never".
fn latest_for_later(text: &str) -> Option<jiff::Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    let local = pieces.date().to_datetime(pieces.time()?);
    let is_later = pieces.to_numeric_offset()?.to_timestamp(local).is_err() && local.year() > 0;
    is_later.then_some(jiff::Timestamp::MAX)
}

impl TryFrom<String> for Timestamp {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{timestamp:.3}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_after_the_latest_is_the_latest() {
        for never in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999+00:00", "9999-12-31T00:00:00-12:00"] {
            assert_eq!(never.parse(), Ok(Timestamp::from_millis(i64::MAX)), "{never}");
        }
        assert!("9999-12-32T00:00:00Z".parse::<Timestamp>().is_err());
        assert!("9999-12-31".parse::<Timestamp>().is_err());
        assert!("-009999-01-01T00:00:00+23:59".parse::<Timestamp>().is_err(), "before the earliest");
        assert!("9999-12-31T23:59:59".parse::<Timestamp>().is_err());
    }

    #[test]
    fn always_three_decimals_and_utc() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            "2026-11-23T11:00:00.1239+01:00".parse::<Timestamp>().unwrap().to_string(),
            "2026-11-23T10:00:00.123Z"
        );
        assert!("2026-11-23T10:00:00".parse::<Timestamp>().is_err(), "no offset, no point in time");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millis in any::<i64>()) {
            let timestamp = Timestamp::from_millis(millis);
            prop_assert_eq!(timestamp.to_string().parse::<Timestamp>(), Ok(timestamp));
        }
    }
}
