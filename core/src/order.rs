//! The order of the `join`s and `leave`s of a connection.
//!
//! The frames of one socket run concurrently, so a `leave` may run before the `join` that was sent ahead of it. Each of them
//! therefore names its place, which is compared with the place of the last one that was applied.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Seq, Timestamp};

/// The place of a `join` or `leave` among those of its connection: a whole number from 1 to 2^53 - 1 that rises with each
/// of them.
///
/// A client counts from 1 on each new socket. The default is the time in milliseconds at which API Gateway received the frame,
/// so a client numbers either all of a connection's frames or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "u64", extend("minimum" = 1, "maximum" = Seq::MAX.get()))
)]
#[serde(try_from = "Seq")]
pub struct JoinOrder(Seq);

impl JoinOrder {
    /// The first place.
    pub const FIRST: Self = Self(Seq::ZERO.next());

    /// The place of a frame that names none: the time at which it was received.
    pub fn received_at(time: Timestamp) -> Self {
        let millis = u64::try_from(time.as_millis()).ok().and_then(|millis| Seq::try_from(millis).ok());
        Self(millis.unwrap_or_default().max(Self::FIRST.0))
    }

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.next())
    }
}

impl TryFrom<Seq> for JoinOrder {
    type Error = Error;

    fn try_from(number: Seq) -> Result<Self, Error> {
        if number >= Self::FIRST.0 {
            Ok(Self(number))
        } else {
            Err(Error::BadRequest("must be a whole number from 1 to 9007199254740991".into()))
        }
    }
}

impl fmt::Display for JoinOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_from_1() {
        for (good, number) in [("1", 1), ("2.0", 2), ("9007199254740991", Seq::MAX.get())] {
            assert_eq!(serde_json::from_str::<JoinOrder>(good).unwrap().0.get(), number, "{good}");
        }
        for bad in ["0", "-1", "1.5", "9007199254740992", "\"1\"", "null"] {
            assert!(serde_json::from_str::<JoinOrder>(bad).is_err(), "{bad}");
        }
        assert_eq!(JoinOrder::received_at(Timestamp::from_millis(-5)), JoinOrder::FIRST);
    }
}
