//! Whether what happened may have happened. Pure: a record in, the breaches out, each with its evidence.

mod backend;
mod callbacks;
mod calls;
mod convergence;
mod inboxes;
mod latest;
mod leaks;
mod letters;
mod logs;
mod messages;
mod overheard;
mod posted;
mod reports;
mod restraint;
mod rights;
mod rosters;
mod searches;
mod shown;
mod spans;
mod status;
#[cfg(test)]
mod tests;
mod texts;

use std::fmt;

use serde::Serialize;

pub use self::backend::all_published;
pub use self::calls::all_over;
pub use self::convergence::all_heard;
pub use self::inboxes::all_listed;
pub use self::letters::given_up;
pub use self::reports::all_reported;
pub use self::rosters::all_see_each_other;
pub use self::searches::all_found;
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
    /// A message is not what the changes in its log make of it, or a change does not say what it makes of its message.
    Unmerged,
    /// A message was changed by a user who may not.
    Usurped,
    /// Somebody who heard everything shows another conversation than `history`.
    Divergent,
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
    /// A member without a break was not posted to.
    Unposted,
    /// Somebody heard what was sent after the membership was over.
    Overheard,
    /// A user who is muted or banned has sent something.
    Unrestrained,
    /// The server does not know a membership that it has confirmed, or knows one that is over.
    Deaf,
    /// Somebody could not connect, join, or find out what became of their messages.
    Unsettled,
    /// The backend's event is neither in its log nor in the dead letters.
    Dropped,
    /// What cannot be published is not in the dead letters.
    PoisonLost,
    /// A dead letter does not say what it is about, or why.
    Unexplained,
    /// What cannot be published has been.
    PoisonKept,
    /// The inbox of a company does not say of a conversation what its log says.
    Mislisted,
    /// A search over a company does not find a message that its logs have.
    Unfound,
    /// It finds one that they do not have, or not so.
    Misfound,
    /// The backend did not hear of a message or of a change.
    Unreported,
    /// It heard of what is in no log, or otherwise than it is there.
    Misreported,
    /// A last value that is not the newest.
    Stale,
    /// What the backend did was accepted, and never in force.
    Unheeded,
    /// A call is not over, or is not in the log; or it rings for somebody for ever.
    Unended,
    /// Present, and not here.
    Ghost,
    /// Here, and not present.
    Absent,
    /// Present with another status than the most present one of the devices.
    Misstated,
    /// The members were told otherwise than the roster says.
    Untold,
    /// Heard by one who may not.
    Leak,
    /// Refused to one who may.
    TurnedAway,
    /// A message that is larger than API Gateway's limit.
    Oversized,
    /// An answer that the contract does not have.
    Unexpected,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 39] = [
        Self::Lost,
        Self::Altered,
        Self::Doubled,
        Self::Invented,
        Self::Unmerged,
        Self::Usurped,
        Self::Divergent,
        Self::Hole,
        Self::OutOfOrder,
        Self::HeardTwice,
        Self::Skipped,
        Self::Behind,
        Self::Partial,
        Self::Unrecovered,
        Self::Unposted,
        Self::Overheard,
        Self::Unrestrained,
        Self::Deaf,
        Self::Unsettled,
        Self::Dropped,
        Self::PoisonLost,
        Self::Unexplained,
        Self::PoisonKept,
        Self::Mislisted,
        Self::Unfound,
        Self::Misfound,
        Self::Unreported,
        Self::Misreported,
        Self::Stale,
        Self::Unheeded,
        Self::Unended,
        Self::Ghost,
        Self::Absent,
        Self::Misstated,
        Self::Untold,
        Self::Leak,
        Self::TurnedAway,
        Self::Oversized,
        Self::Unexpected,
    ];

    /// The guarantee that it breaks.
    pub const fn guarantee(self) -> &'static str {
        match self {
            Self::Lost | Self::Altered | Self::Invented | Self::Unposted => "an ack means kept and sent",
            Self::Doubled | Self::Hole | Self::OutOfOrder | Self::HeardTwice | Self::Skipped => {
                "exactly once, in order, at the callback"
            }
            Self::Unmerged => "a change is in the log if and only if the message has it",
            Self::Usurped => "only its author edits a message, and the team may delete it",
            Self::Divergent => "all who heard everything show the same conversation",
            Self::Mislisted => "an inbox counts what its logs have",
            Self::Unfound | Self::Misfound => "a search finds what the logs have, as it is",
            Self::Unreported | Self::Misreported => {
                "the backend hears of all that happens, and of nothing else"
            }
            Self::Unrestrained => "a mute or a ban holds from its answer on",
            Self::Stale => "the newest wins, by its own time",
            Self::Partial | Self::Unrecovered => "recovery is whole or says so",
            Self::Behind | Self::Unsettled | Self::Dropped | Self::Unheeded => {
                "a fault loses nothing, and is mended"
            }
            Self::Unended => "a call ends for all, and is in the log once",
            Self::Ghost | Self::Absent => "`$disconnect` may never come",
            Self::Misstated | Self::Untold => "the members know what the roster says",
            Self::PoisonKept => "a poison record blocks nobody",
            Self::PoisonLost | Self::Unexplained => "what is refused lies there in full",
            Self::Deaf => "what removes a membership names the join that made it",
            Self::Oversized => "no frame is above a limit of the platform's",
            Self::Leak | Self::TurnedAway | Self::Overheard => {
                "nothing crosses companies, or outlives its right"
            }
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
    breaches.extend(messages::check(record));
    breaches.extend(callbacks::check(record));
    breaches.extend(calls::check(record));
    breaches.extend(convergence::check(record));
    breaches.extend(backend::check(record));
    breaches.extend(inboxes::check(record));
    breaches.extend(searches::check(record));
    breaches.extend(reports::check(record));
    breaches.extend(latest::check(record));
    breaches.extend(posted::check(record));
    breaches.extend(overheard::check(record));
    breaches.extend(restraint::check(record));
    breaches.extend(status::check(record));
    breaches.extend(rights::check(record));
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
            Entry::Oversized { what, bytes } => {
                Kind::Oversized.because(format!("{name}: {bytes} bytes: {what}"))
            }
            Entry::Unexpected(what) => Kind::Unexpected.because(format!("{name}: {what}")),
            _ => return None,
        })
    });
    wrong.collect()
}
