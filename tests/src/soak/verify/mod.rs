//! Judges whether what happened in a run was allowed. Pure: it takes a record and returns the breaches, each with its evidence.

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

/// A guarantee that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Its kind.
    pub kind: Kind,
    /// What shows it.
    pub evidence: String,
}

/// The kinds of breaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message was acknowledged, but is not in the log.
    Lost,
    /// An event is in the log otherwise than it was sent, or was heard otherwise than it is in the log.
    Altered,
    /// An event is in the log twice, or a repeat was acknowledged as new.
    Doubled,
    /// An event is in a log, but nobody sent it.
    Invented,
    /// A message is not what the changes in its log make of it, or a change does not say what it changed.
    Unmerged,
    /// A message was changed by a user who may not change it.
    Usurped,
    /// A device heard everything, but shows a conversation that differs from `history`.
    Divergent,
    /// A log's seqs do not rise by one.
    Hole,
    /// A callback heard a later event before an earlier one.
    OutOfOrder,
    /// A callback heard an event twice.
    HeardTwice,
    /// A callback received a later event without the one before it.
    Skipped,
    /// A joined device has not heard everything, and never will.
    Behind,
    /// A part of the missed events was returned as if it were all of them.
    Partial,
    /// `recovered: false`, though nothing had expired.
    Unrecovered,
    /// A member whose membership had no break was not posted an event.
    Unposted,
    /// A device heard what was sent after its membership had ended.
    Overheard,
    /// A muted or banned user has sent something.
    Unrestrained,
    /// The server does not know a membership that it has confirmed, or knows one that has ended.
    Deaf,
    /// A device could not connect or join, or never learned what became of its messages.
    Unsettled,
    /// An event of the backend is neither in its log nor a dead letter.
    Dropped,
    /// An event that cannot be published is not a dead letter.
    PoisonLost,
    /// A dead letter does not say what it is about, why it was refused, or which field was wrong.
    Unexplained,
    /// An event that cannot be published was published.
    PoisonKept,
    /// The inbox of a company differs from the log of a conversation.
    Mislisted,
    /// A search over a company does not find a message that is in its logs.
    Unfound,
    /// A search over a company finds a message that is not in its logs, or is different there.
    Misfound,
    /// The backend did not hear of a message or of a change.
    Unreported,
    /// The backend heard of something that is in no log, or is different there.
    Misreported,
    /// A latest value is not the newest one.
    Stale,
    /// A change by the backend was accepted, but never in force.
    Unheeded,
    /// A call is not over, is not in the log, or never stops ringing for somebody.
    Unended,
    /// A user who is not here is present.
    Ghost,
    /// A user who is here is not present.
    Absent,
    /// A user is present with another status than the most present one of their devices.
    Misstated,
    /// What members were told differs from the roster.
    Untold,
    /// A device heard, or could join, what its user may not hear.
    Leak,
    /// A request was refused to a user who may make it.
    TurnedAway,
    /// A message is larger than API Gateway's limit.
    Oversized,
    /// An answer that the protocol does not allow.
    Unexpected,
}

impl Kind {
    /// All kinds, in the order of the table.
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

    /// The guarantee that does not hold.
    pub const fn guarantee(self) -> &'static str {
        match self {
            Self::Lost | Self::Altered | Self::Invented | Self::Unposted => "an ack means kept and sent",
            Self::Doubled | Self::Hole | Self::OutOfOrder | Self::HeardTwice | Self::Skipped => {
                "exactly once, in order, at the callback"
            }
            Self::Unmerged => "a change is in the log if and only if the message has it",
            Self::Usurped => "only its author edits a message, and the team may delete it",
            Self::Divergent => "devices that heard everything show the same conversation",
            Self::Mislisted => "an inbox says what its logs say",
            Self::Unfound | Self::Misfound => "a search finds exactly what the logs have",
            Self::Unreported | Self::Misreported => {
                "the backend hears of all that happens, and of nothing else"
            }
            Self::Unrestrained => "a mute or a ban holds once it is answered",
            Self::Stale => "the latest value is the newest by its own timestamp",
            Self::Partial | Self::Unrecovered => "recovery is complete, or says that it is not",
            Self::Behind | Self::Unsettled | Self::Dropped | Self::Unheeded => {
                "faults lose nothing, and their effects end"
            }
            Self::Unended => "a call ends for everybody, and is in the log once",
            Self::Ghost | Self::Absent => "presence is right even without `$disconnect`",
            Self::Misstated | Self::Untold => "members are told what the roster says",
            Self::PoisonKept => "an event that cannot be published is not published",
            Self::PoisonLost | Self::Unexplained => "a refused event is a dead letter, in full and explained",
            Self::Deaf => "the server knows exactly the memberships that it confirmed",
            Self::Oversized => "no frame exceeds a limit of API Gateway",
            Self::Leak | Self::TurnedAway | Self::Overheard => {
                "nothing crosses companies, or outlives its right"
            }
            Self::Unexpected => "answers follow the protocol",
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

/// All breaches in a record; empty if every guarantee held.
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

/// Wrong answers that the devices themselves found.
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
