//! Whether what happened may have happened. Pure: a record in, the breaches out, each with its evidence.

mod backend;
mod callbacks;
mod convergence;
mod latest;
mod leaks;
mod letters;
mod logs;
mod rosters;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub use self::backend::all_published;
pub use self::convergence::all_heard;
pub use self::letters::given_up;
pub use self::rosters::all_see_each_other;
use super::record::{Entry, Record};

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Which sort.
    pub kind: Kind,
    /// What shows it.
    pub evidence: String,
}

/// Sorts of breaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Acked, and not in the log.
    Lost,
    /// In the log otherwise than it was sent, or heard otherwise than it is in the log.
    Altered,
    /// In the log twice, or a repeat was taken for new.
    Doubled,
    /// In a log, and nobody sent it.
    Invented,
    /// A log's seqs do not rise by one.
    Hole,
    /// A callback heard a later event before an earlier one.
    OutOfOrder,
    /// A callback heard an event twice.
    HeardTwice,
    /// A callback went on behind an event that it has not heard.
    Skipped,
    /// Somebody who is joined has not heard all, and will not.
    Behind,
    /// A part of what was missed passed for the whole.
    Partial,
    /// `recovered: false`, though nothing had expired.
    Unrecovered,
    /// Somebody could not connect, join, or find out what became of his messages.
    Unsettled,
    /// The backend's event is neither in its log nor in the dead letters.
    Dropped,
    /// What cannot be published is not in the dead letters.
    PoisonLost,
    /// What cannot be published has been.
    PoisonKept,
    /// A last value that is not the last.
    Stale,
    /// Present, and not here.
    Ghost,
    /// Here, and not present.
    Absent,
    /// Heard by one who may not.
    Leak,
    /// Refused to one who may.
    TurnedAway,
    /// An answer that the contract does not have.
    Unexpected,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 21] = [
        Self::Lost,
        Self::Altered,
        Self::Doubled,
        Self::Invented,
        Self::Hole,
        Self::OutOfOrder,
        Self::HeardTwice,
        Self::Skipped,
        Self::Behind,
        Self::Partial,
        Self::Unrecovered,
        Self::Unsettled,
        Self::Dropped,
        Self::PoisonLost,
        Self::PoisonKept,
        Self::Stale,
        Self::Ghost,
        Self::Absent,
        Self::Leak,
        Self::TurnedAway,
        Self::Unexpected,
    ];

    /// The guarantee that it breaks.
    pub const fn guarantee(self) -> &'static str {
        match self {
            Self::Lost | Self::Altered | Self::Invented => "an ack means kept and sent",
            Self::Doubled | Self::Hole | Self::OutOfOrder | Self::HeardTwice | Self::Skipped => {
                "exactly once, in order, at the callback"
            }
            Self::Stale => "join loses nothing",
            Self::Partial | Self::Unrecovered => "recovery is whole or says so",
            Self::Behind | Self::Unsettled | Self::Dropped => "a fault loses nothing, and is mended",
            Self::Ghost | Self::Absent => "`$disconnect` may never come",
            Self::PoisonLost | Self::PoisonKept => "a poison record blocks nobody",
            Self::Leak | Self::TurnedAway => "nothing crosses companies",
            Self::Unexpected => "the wire is as the contract has it",
        }
    }

    fn because(self, evidence: impl Into<String>) -> Breach {
        Breach { kind: self, evidence: evidence.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({}): {}", self.kind, self.kind.guarantee(), self.evidence)
    }
}

/// All breaches of a record; none where everything held.
pub fn verify(record: &Record) -> Vec<Breach> {
    let mut breaches = Vec::new();
    breaches.extend(logs::check(record));
    breaches.extend(callbacks::check(record));
    breaches.extend(convergence::check(record));
    breaches.extend(backend::check(record));
    breaches.extend(latest::check(record));
    breaches.extend(rosters::check(record));
    breaches.extend(leaks::check(record));
    breaches.extend(answers(record));
    breaches
}

/// What the devices themselves found wrong with an answer.
fn answers(record: &Record) -> Vec<Breach> {
    let wrong = record.entries().filter_map(|(device, entry)| {
        let name = &device.device;
        Some(match entry {
            Entry::Partial { channel, what } => Kind::Partial.because(format!("{name} on {channel}: {what}")),
            Entry::Reset { channel, since, at } => {
                Kind::Unrecovered.because(format!("{name} on {channel}: since {since}, head {at}"))
            }
            Entry::TurnedAway { what, code } => Kind::TurnedAway.because(format!("{name}: {what}: {code}")),
            Entry::Unexpected(what) => Kind::Unexpected.because(format!("{name}: {what}")),
            _ => return None,
        })
    });
    wrong.collect()
}
