//! The dead letters, and what they say about the backend's events.

use serde_json::Value;

use crate::soak::record::{Published, Record};

/// How many valid events of the backend may not have been published, as dead letters say.
pub fn given_up(record: &Record) -> u64 {
    let letters = Letters::of(&record.letters);
    record.published.iter().filter(|one| one.poison.is_none() && letters.has_given_up(one)).count() as u64
}

/// The dead letters of a run.
pub(super) struct Letters<'a> {
    letters: &'a [Value],
    texts: Vec<String>,
}

impl<'a> Letters<'a> {
    pub(super) fn of(letters: &'a [Value]) -> Self {
        Self { letters, texts: letters.iter().map(Value::to_string).collect() }
    }

    /// Whether an event may not have been published, or not to all members: a letter about it says that its tries are used up.
    pub(super) fn has_given_up(&self, published: &Published) -> bool {
        self.mention(&published.mark)
    }

    /// Whether a letter contains this text.
    pub(super) fn mention(&self, text: &str) -> bool {
        self.texts.iter().any(|letter| letter.contains(text))
    }

    /// Whether a letter that contains this text says what it is about, why it was refused, and that this field was wrong.
    pub(super) fn explain(&self, text: &str, field: &str) -> bool {
        let says = |letter: &Value, name: &str| letter[name].as_str().is_some_and(|text| !text.is_empty());
        let about_it = self.letters.iter().zip(&self.texts).filter(|(_, letter)| letter.contains(text));
        about_it.into_iter().any(|(letter, _)| {
            let names_field = letter["field"].as_str().is_some_and(|named| named.ends_with(field));
            names_field && says(letter, "id") && says(letter, "reason")
        })
    }

    /// The letters that name positions in a stream instead of the items.
    pub(super) fn only_positions(&self) -> impl Iterator<Item = &Value> {
        self.letters.iter().filter(|letter| letter.get("DDBStreamBatchInfo").is_some())
    }
}
