//! The dead letters, read for what they say of the backend's events.

use serde_json::Value;

use crate::soak::record::{Published, Record, Way};

/// What a failure destination of a stream has: positions, not items. A function that knows why puts the item there itself, so
/// these are of invocations that ended without a word.
const STREAM_BATCH: &str = "DDBStreamBatchInfo";

/// How many of the backend's events that could be published may not have been, as a dead letter says.
pub fn given_up(record: &Record) -> u64 {
    let letters = Letters::of(&record.letters);
    record.published.iter().filter(|one| !one.is_poison && letters.has_given_up(one)).count() as u64
}

/// What could not be done.
pub(super) struct Letters {
    /// Those with what they are about in them.
    texts: Vec<String>,
    /// Whether there are others.
    has_positions: bool,
}

impl Letters {
    pub(super) fn of(letters: &[Value]) -> Self {
        let (positions, items): (Vec<_>, Vec<_>) =
            letters.iter().partition(|letter| letter.get(STREAM_BATCH).is_some());
        Self {
            texts: items.into_iter().map(Value::to_string).collect(),
            has_positions: !positions.is_empty(),
        }
    }

    /// Whether this event may not have been published, or not to all: its tries are used up, and a letter says so.
    pub(super) fn has_given_up(&self, published: &Published) -> bool {
        let may_be_in_the_stream = published.way == Way::Outbox && self.has_positions;
        may_be_in_the_stream || self.mention(&published.mark)
    }

    /// Whether one names this.
    pub(super) fn mention(&self, text: &str) -> bool {
        self.texts.iter().any(|letter| letter.contains(text))
    }
}
