//! The action `search`.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Channel, Error, Seq, frame::Event, parse::whole_number, text::Text};

limits! {
    /// The longest query of a `search`, in bytes.
    pub const QUERY_BYTES_MAX: usize = 256;
    /// The most results of one `search`.
    pub const SEARCH_LIMIT_MAX: u8 = 50;
}

/// Searches the messages of a conversation.
///
/// A message is found if it has every word of the query and every phrase in quotes: the word itself, with or without accents,
/// another form of it (in English, French, German, Portuguese and Spanish), or a longer word that begins with it. Words that say
/// little, such as articles, need not be there.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The channel: a conversation.
    pub channel: Channel,
    /// The words to look for, and phrases in quotes.
    pub query: Text<QUERY_BYTES_MAX>,
    /// The most results.
    pub limit: SearchLimit,
    /// The `next` of an earlier reply, to search on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// The limit of a search: 1 to [`SEARCH_LIMIT_MAX`] results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, extend("minimum" = 1, "maximum" = SEARCH_LIMIT_MAX)))]
pub struct SearchLimit(u8);

impl SearchLimit {
    /// The limit as a number.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl<'de> Deserialize<'de> for SearchLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole_number(deserializer, 1, SEARCH_LIMIT_MAX.into())?;
        Ok(Self(u8::try_from(number).unwrap_or(SEARCH_LIMIT_MAX))) // it is not above it
    }
}

/// A place where a search goes on: digits that mean nothing to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, with = "String", extend("pattern" = "^[0-9]{1,16}$")))]
#[serde(try_from = "String", into = "String")]
pub struct Cursor(Seq);

impl Cursor {
    /// The search goes on before this event.
    pub const fn before(seq: Seq) -> Self {
        Self(seq)
    }

    /// The event before which the search goes on.
    pub const fn seq(self) -> Seq {
        self.0
    }
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let seq = text.parse::<u64>().ok().and_then(|number| Seq::try_from(number).ok());
        seq.map(Self).ok_or_else(|| Error::BadRequest("must be the `next` of an earlier reply".into()))
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0.to_string()
    }
}

/// The reply to [`Search`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Found {
    /// The newest messages that match, of them the best match first.
    #[cfg_attr(feature = "schema", schemars(length(max = SEARCH_LIMIT_MAX)))]
    pub results: Vec<SearchResult>,
    /// The `cursor` of the next search, if there is more to search: one reply looks through some thousand messages at most, so
    /// it may have few results, or none, and still not be the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// A message that was found.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchResult {
    /// The message, as it is now.
    pub event: Event,
    /// The parts of its text that match, in their order.
    pub marks: Vec<Mark>,
}

/// A part of a text, in UTF-16 code units, as JavaScript counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mark {
    /// Where it begins.
    pub start: usize,
    /// Where it ends: the place after its last code unit.
    pub end: usize,
}
