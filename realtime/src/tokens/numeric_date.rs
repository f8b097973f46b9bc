//! The times of a token: seconds since 1970, with an optional fraction ([RFC 7519,
//! 2](https://datatracker.ietf.org/doc/html/rfc7519#section-2)).

use std::fmt;

use funnelcast_core::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

/// A `NumericDate`, rounded down to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumericDate(pub(super) Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Seconds)
    }
}

struct Seconds;

impl Visitor<'_> for Seconds {
    type Value = NumericDate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds since 1970")
    }

    fn visit_i64<E: de::Error>(self, secs: i64) -> Result<NumericDate, E> {
        Ok(NumericDate(Timestamp::from_secs(secs)))
    }

    fn visit_u64<E: de::Error>(self, secs: u64) -> Result<NumericDate, E> {
        self.visit_i64(i64::try_from(secs).unwrap_or(i64::MAX))
    }

    #[expect(clippy::cast_possible_truncation, reason = "times out of range are clamped")]
    fn visit_f64<E: de::Error>(self, secs: f64) -> Result<NumericDate, E> {
        Ok(NumericDate(Timestamp::from_millis((secs * 1_000.0).floor() as i64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_may_have_a_fraction() {
        let millis = |json: &str| serde_json::from_str::<NumericDate>(json).map(|date| date.0.as_millis());
        for (json, expected) in [
            ("1795428000", 1_795_428_000_000),
            ("1795428000.5", 1_795_428_000_500),
            ("0.0009", 0),
            ("-1.5", -1_500),
        ] {
            assert_eq!(millis(json).unwrap(), expected, "{json}");
        }
        assert_eq!(millis("1e300").unwrap(), Timestamp::from_millis(i64::MAX).as_millis());
        assert_eq!(millis("18446744073709551615").unwrap(), Timestamp::from_millis(i64::MAX).as_millis());
        for wrong in ["\"1795428000\"", "null", "[]"] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
    }
}
