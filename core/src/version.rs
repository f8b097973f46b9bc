//! Which of two changes to one thing is newer.
//!
//! The producer's `revision` decides, else its `timestamp`, else the time at which the change was sent. The order of arrival
//! does not, because neither EventBridge nor HTTP keeps the order.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Seq, Timestamp};

/// A producer's count of its changes to one thing. The higher one is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "u64", extend("maximum" = Seq::MAX.get(), "examples" = [8]))
)]
#[serde(transparent)]
pub struct Revision(Seq);

impl Revision {
    /// The first revision of something that began at this time, after all that had the revision `before`: the milliseconds since
    /// 1970, so that it rises even where nobody knows the ones before.
    pub fn at(time: Timestamp, before: Option<Self>) -> Self {
        let millis = u64::try_from(time.as_millis()).ok().and_then(|millis| Seq::try_from(millis).ok());
        let first = Self(millis.unwrap_or_default());
        before.map_or(first, |before| first.max(before.next()))
    }

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.next())
    }

    /// It as a number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The clock of a time, which decides how it compares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The producer's `timestamp`, to the millisecond.
    Producer,
    /// EventBridge's `time`, in whole seconds. Within one second, the change that arrives later is newer.
    Bus,
    /// The server's clock, for a request that has no time of its own. Such a request is newer than all before it.
    Receipt,
}

/// How new a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The producer's count, if it keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When the change was made; never in the future.
    pub at: Timestamp,
    /// How far in the future the producer's time was, in milliseconds. It keeps the order of changes that a producer whose clock
    /// is ahead makes within one moment of the server's clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ahead_ms: i64,
    /// The clock of `at`.
    pub clock: Clock,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Version {
    /// The version of a change. `sent` counts if the change has no `timestamp`. A time later than `taken`, when the change
    /// reached the server, counts as `taken`.
    pub fn new(
        revision: Option<Revision>,
        timestamp: Option<Timestamp>,
        sent: (Timestamp, Clock),
        taken: Timestamp,
    ) -> Self {
        let (at, clock) = timestamp.map_or(sent, |timestamp| (timestamp, Clock::Producer));
        let kept = at.min(taken);
        Self { revision, at: kept, ahead_ms: at.as_millis() - kept.as_millis(), clock }
    }

    /// Whether a change of this version must not replace one of version `standing`: the higher revision is newer; if they are the
    /// same, or only one has a revision, the later time. Of two equally new changes, the one that arrives later stands.
    pub fn is_older_than(&self, standing: &Self) -> bool {
        if let (Some(revision), Some(standing)) = (self.revision, standing.revision)
            && revision != standing
        {
            return revision < standing;
        }
        match (self.clock, standing.clock) {
            (Clock::Receipt, _) => false,
            (Clock::Bus, _) | (_, Clock::Bus) => self.at.as_secs() < standing.at.as_secs(),
            (Clock::Producer, _) => (self.at, self.ahead_ms) < (standing.at, standing.ahead_ms),
        }
    }

    /// The version that stands when a change of version `self` has replaced one of version `before`: the higher revision and the
    /// later time of the two.
    #[must_use]
    pub fn after(self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self };
        let revision = self.revision.max(before.revision);
        if (before.at, before.ahead_ms) > (self.at, self.ahead_ms) {
            Self { revision, ..*before }
        } else {
            Self { revision, ..self }
        }
    }

    /// An [`Error::Conflict`] for a change that is older than this version.
    pub fn stands(&self) -> Error {
        let at = self.at;
        let text = match self.revision {
            Some(revision) => {
                format!("a newer change has already been applied: revision {revision}, timestamp {at}")
            }
            None => format!("a newer change has already been applied: timestamp {at}"),
        };
        Error::Conflict(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn revision(n: u64) -> Revision {
        Revision(Seq::try_from(n).unwrap())
    }

    fn version(revision: impl Into<Option<Revision>>, at: i64, clock: Clock) -> Version {
        Version { revision: revision.into(), at: millis(at), ahead_ms: 0, clock }
    }

    #[test]
    fn a_revision_decides_whatever_the_times_are() {
        let standing = version(revision(7), 500, Clock::Producer);
        assert!(!version(revision(8), 0, Clock::Producer).is_older_than(&standing));
        assert!(version(revision(6), 900, Clock::Producer).is_older_than(&standing));
        assert!(
            version(revision(7), 499, Clock::Producer).is_older_than(&standing),
            "equal: the time decides"
        );
        assert!(!version(revision(7), 500, Clock::Producer).is_older_than(&standing), "the same once more");
        assert!(version(None, 499, Clock::Producer).is_older_than(&standing), "only one has a revision");
    }

    #[test]
    fn times_are_compared_at_the_precision_of_the_coarser_clock() {
        for (clock, at, standing, standing_at, older) in [
            (Clock::Producer, 1, Clock::Producer, 2, true),
            (Clock::Producer, 2, Clock::Producer, 2, false),
            (Clock::Bus, 0, Clock::Producer, 900, false),
            (Clock::Producer, 900, Clock::Bus, 1_000, true),
            (Clock::Producer, 1_001, Clock::Bus, 1_000, false),
            (Clock::Bus, 1_000, Clock::Bus, 2_000, true),
            (Clock::Bus, 1_000, Clock::Receipt, 1_900, false),
            (Clock::Receipt, 0, Clock::Producer, 20, false),
        ] {
            let (new, standing) = (version(None, at, clock), version(None, standing_at, standing));
            assert_eq!(new.is_older_than(&standing), older, "{new:?} after {standing:?}");
        }
    }

    #[test]
    fn a_time_in_the_future_counts_as_now() {
        let hour = 3_600_000;
        let bus = Version::new(None, None, (millis(hour), Clock::Bus), millis(5));
        assert_eq!((bus.at, bus.clock), (millis(5), Clock::Bus));
        let own = Version::new(None, Some(millis(hour)), (millis(0), Clock::Bus), millis(5));
        assert_eq!((own.at, own.clock), (millis(5), Clock::Producer));
    }

    #[test]
    fn a_clock_that_is_ahead_keeps_its_own_order() {
        let said = |at| Version::new(None, Some(millis(at)), (millis(0), Clock::Bus), millis(5));
        assert_eq!(said(3_600_002).at, said(3_600_001).at, "both arrived at the same moment");
        assert!(said(3_600_001).is_older_than(&said(3_600_002)));
        assert!(!said(3_600_002).is_older_than(&said(3_600_001)));
        assert!(
            !version(None, 6, Clock::Producer).is_older_than(&said(3_600_002)),
            "a later change is newer"
        );
    }

    #[test]
    fn the_higher_revision_and_the_later_time_stay() {
        let before = version(revision(7), 500, Clock::Producer);
        assert_eq!(
            version(None, 900, Clock::Bus).after(Some(&before)),
            version(revision(7), 900, Clock::Bus)
        );
        assert_eq!(
            version(revision(8), 100, Clock::Bus).after(Some(&before)),
            version(revision(8), 500, Clock::Producer)
        );
    }
}
