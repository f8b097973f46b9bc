//! The dead letters, read for what they say of the backend's events.

use serde_json::Value;

use crate::soak::record::{Published, Record, Way};

/// How many of the backend's events that could be published may not have been, as a dead letter says.
pub fn given_up(record: &Record) -> u64 {
    let letters = Letters::of(&record.letters, &record.published);
    record.published.iter().filter(|one| !one.is_poison && letters.has_given_up(one)).count() as u64
}

/// What could not be done.
pub(super) struct Letters {
    /// Of the bus and of the queues, each with what it is about in it.
    texts: Vec<String>,
    /// Of the table's stream, how many records they are about. They name positions, not items.
    stream_records: u64,
    /// How many of those are poison.
    stream_poison: u64,
}

impl Letters {
    pub(super) fn of(letters: &[Value], published: &[Published]) -> Self {
        let batch_size = |letter: &Value| letter["DDBStreamBatchInfo"]["batchSize"].as_u64();
        let others = letters.iter().filter(|letter| batch_size(letter).is_none());
        let is_poison = |one: &&Published| one.is_poison && one.way == Way::Outbox;
        Self {
            texts: others.map(Value::to_string).collect(),
            stream_records: letters.iter().filter_map(batch_size).sum(),
            stream_poison: published.iter().filter(is_poison).count() as u64,
        }
    }

    /// Whether this event may not have been published, or not to all: its tries are used up, and a letter says so. Of
    /// an outbox item that is known as far as there are more letters than poison.
    pub(super) fn has_given_up(&self, published: &Published) -> bool {
        let is_in_the_stream = published.way == Way::Outbox && self.stream_records > self.stream_poison;
        is_in_the_stream || self.mention(&published.mark)
    }

    /// Whether one names this.
    pub(super) fn mention(&self, text: &str) -> bool {
        self.texts.iter().any(|letter| letter.contains(text))
    }

    /// Poison of the outbox that is in no letter.
    pub(super) const fn stream_poison_lost(&self) -> u64 {
        self.stream_poison.saturating_sub(self.stream_records)
    }
}
