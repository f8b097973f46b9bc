//! The action `search`.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Channel, CompanyId, ConversationId, Error, Seq, frame::Event, parse::whole_number, text::Text};

/// The most digits of a number in a cursor.
const CURSOR_DIGITS_MAX: usize = 16;

limits! {
    /// The longest query of a `search`, in bytes.
    pub const QUERY_BYTES_MAX: usize = 256;
    /// The most results of one `search`.
    pub const SEARCH_LIMIT_MAX: u8 = 50;
}

/// Searches messages: those of a conversation with `channel`, those of all conversations of a company with `companyId`, or, with
/// neither, those of the conversations that the caller takes part in.
///
/// A message is found if it has every word of the query and every phrase in quotes: the word itself, with or without accents,
/// another form of it (in English, French, German, Portuguese and Spanish), or a longer word that begins with it. Words that say
/// little, such as articles, need not be there.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Search {
    /// The channel: a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The company, whose team the caller belongs to. On a socket, its channel `inbox:{companyId}` must be joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
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

/// A place where a search goes on: text that means nothing to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, with = "String", extend("pattern" = r"^(([0-9]{1,16}\.){1,2}[A-Za-z0-9_-]{1,64}\.)?[0-9]{1,16}$")))]
#[serde(try_from = "String", into = "String")]
pub enum Cursor {
    /// In one conversation: before this event.
    Before(Seq),
    /// In the conversations of a company: at this place.
    At(MessagePlace),
    /// In the caller's own conversations: at this place.
    Own(OwnPlace),
}

/// The place of a message among those of several conversations, in the order of a time, of the conversations and of the seqs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessagePlace {
    /// The time, in milliseconds since 1970, which is never negative.
    pub at: i64,
    /// The conversation.
    pub conversation: ConversationId,
    /// The message's seq there.
    pub seq: Seq,
}

/// The place of a search of a user's own conversations, which go on becoming active meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPlace {
    /// The time at which one of them was active last when the search began, in milliseconds since 1970. What becomes active after
    /// it is searched at the end.
    pub newest: i64,
    /// The place: by the time at which its conversation was last active, or 0 if it is among those at the end.
    pub place: MessagePlace,
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let number = |digits: &str| {
            let is_number =
                digits.len() <= CURSOR_DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u64>().ok().filter(|_| is_number)
        };
        let time = |digits: &str| number(digits).and_then(|number| i64::try_from(number).ok());
        let seq = |digits: &str| number(digits).and_then(|number| Seq::try_from(number).ok());
        let place = |at: &str, conversation: &str, last: &str| {
            Some(MessagePlace { at: time(at)?, conversation: conversation.parse().ok()?, seq: seq(last)? })
        };
        let cursor = || match text.split('.').collect::<Vec<_>>()[..] {
            [last] => seq(last).map(Self::Before),
            [at, conversation, last] => place(at, conversation, last).map(Self::At),
            [newest, at, conversation, last] => {
                let (newest, place) = (time(newest)?, place(at, conversation, last)?);
                Some(Self::Own(OwnPlace { newest, place }))
            }
            _ => None,
        };
        cursor().ok_or_else(|| Error::BadRequest("must be the `next` of an earlier reply".into()))
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        match cursor {
            Cursor::Before(seq) => seq.to_string(),
            Cursor::At(MessagePlace { at, conversation, seq }) => format!("{at}.{conversation}.{seq}"),
            Cursor::Own(OwnPlace { newest, place }) => {
                format!("{newest}.{}", String::from(Cursor::At(place)))
            }
        }
    }
}

/// The reply to [`Search`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Found {
    /// The newest messages that match, of them the best match first.
    #[cfg_attr(feature = "schema", schemars(length(max = SEARCH_LIMIT_MAX)))]
    pub results: Vec<SearchResult>,
    /// The `cursor` of the next search, if there is more to search: what one reply looks through is limited, so it may have few
    /// results, or none, and still not be the last.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_text() {
        for text in [
            "42",
            "1795428003123.conv-123.42",
            "0.c.9007199254740991",
            "1795428003123.0.conv-123.42",
            "1.1.1.1",
        ] {
            assert_eq!(String::from(Cursor::try_from(text.to_owned()).unwrap()), text);
        }
        for bad in [
            "",
            "+1",
            "x",
            ".",
            "1.",
            "1.c",
            "1.c.",
            "1.c.x",
            "-1.c.1",
            "1.c.1.1",
            "1.1.1.1.1",
            "1.c d.1",
            "12345678901234567",
        ] {
            assert!(Cursor::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
