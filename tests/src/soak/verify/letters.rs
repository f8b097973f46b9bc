//! The dead letters, read for what they say of the backend's events.

use serde_json::Value;

use crate::soak::record::{Published, Record};

/// How many of the backend's events that could be published may not have been, as a dead letter says.
pub fn given_up(record: &Record) -> u64 {
    let letters = Letters::of(&record.letters);
    record.published.iter().filter(|one| one.poison.is_none() && letters.has_given_up(one)).count() as u64
}

/// What could not be done.
pub(super) struct Letters<'a> {
    letters: &'a [Value],
    texts: Vec<String>,
}

impl<'a> Letters<'a> {
    pub(super) fn of(letters: &'a [Value]) -> Self {
        Self { letters, texts: letters.iter().map(Value::to_string).collect() }
    }

    /// Whether this event may not have been published, or not to all: its tries are used up, and a letter says so.
    pub(super) fn has_given_up(&self, published: &Published) -> bool {
        self.mention(&published.mark)
    }

    /// Whether one names this.
    pub(super) fn mention(&self, text: &str) -> bool {
        self.texts.iter().any(|letter| letter.contains(text))
    }

    /// Whether one that has this in it says, beside it, something of that.
    pub(super) fn explain(&self, text: &str, reason: &str) -> bool {
        let letters = self.letters.iter().zip(&self.texts).filter(|(_, letter)| letter.contains(text));
        letters.into_iter().any(|(letter, _)| says(letter, reason, text))
    }

    /// Those that name positions in a stream, and not what stood there.
    pub(super) fn only_positions(&self) -> impl Iterator<Item = &Value> {
        self.letters.iter().filter(|letter| letter.get("DDBStreamBatchInfo").is_some())
    }
}

/// Whether a text of a letter has `reason` in it, other than one that also has the thing itself.
fn says(letter: &Value, reason: &str, thing: &str) -> bool {
    match letter {
        Value::String(text) => text.contains(reason) && !text.contains(thing),
        Value::Array(values) => values.iter().any(|value| says(value, reason, thing)),
        Value::Object(fields) => fields.values().any(|value| says(value, reason, thing)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
