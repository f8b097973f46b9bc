//! The action `inbox`.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    CompanyId, ConversationId, Error, UserId, event::TITLE_BYTES_MAX, inbox::LastMessage,
    parse::whole_number, text::Text,
};

limits! {
    /// The most conversations of one page of an inbox.
    pub const INBOX_LIMIT_MAX: u8 = 50;
    /// The most conversations of a user that their own inbox has: those that they were added to last.
    pub const INBOX_OWN_MAX: usize = 1_000;
}

/// Returns the conversations that the caller takes part in or, with `companyId`, those of a company whose team they belong to:
/// the last active first, and those without a message last.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inbox {
    /// The company. On a socket, its channel `inbox:{companyId}` must be joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
    /// The most conversations.
    pub limit: InboxLimit,
    /// The `next` of an earlier reply, to go on from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<InboxCursor>,
}

/// The limit of a page: 1 to [`INBOX_LIMIT_MAX`] conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, extend("minimum" = 1, "maximum" = INBOX_LIMIT_MAX)))]
pub struct InboxLimit(u8);

impl InboxLimit {
    /// The limit as a number.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl<'de> Deserialize<'de> for InboxLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole_number(deserializer, 1, INBOX_LIMIT_MAX.into())?;
        Ok(Self(u8::try_from(number).unwrap_or(INBOX_LIMIT_MAX))) // it is not above it
    }
}

/// A place in an inbox: text that means nothing to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, with = "String", extend("pattern" = "^-?[0-9]{1,16}\\.[A-Za-z0-9_-]{1,64}$")))]
#[serde(try_from = "String", into = "String")]
pub struct InboxCursor {
    /// When the last conversation of the page before was active, in milliseconds.
    pub active_at: i64,
    /// That conversation.
    pub conversation: ConversationId,
}

impl TryFrom<String> for InboxCursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        const DIGITS_MAX: usize = 16;
        let cursor = || {
            let (active_at, conversation) = text.split_once('.')?;
            let digits = active_at.strip_prefix('-').unwrap_or(active_at);
            let is_number = digits.len() <= DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
            let active_at = active_at.parse().ok().filter(|_| is_number)?;
            Some(Self { active_at, conversation: conversation.parse().ok()? })
        };
        cursor().ok_or_else(|| Error::BadRequest("must be the `next` of an earlier reply".into()))
    }
}

impl From<InboxCursor> for String {
    fn from(InboxCursor { active_at, conversation }: InboxCursor) -> Self {
        format!("{active_at}.{conversation}")
    }
}

/// The reply to [`Inbox`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InboxPage {
    /// The conversations, the last active first.
    #[cfg_attr(feature = "schema", schemars(length(max = INBOX_LIMIT_MAX)))]
    pub conversations: Vec<InboxEntry>,
    /// The `cursor` of the next page, if there is one. A page may have fewer conversations than asked for, or none, and still
    /// not be the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<InboxCursor>,
    /// Whether the user takes part in more than [`INBOX_OWN_MAX`] conversations, of which those are missing that they were added
    /// to first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A conversation in an inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InboxEntry {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its company.
    pub company_id: CompanyId,
    /// Its participants.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<UserId>", length(max = crate::bus::PARTICIPANTS_MAX)))]
    pub participants: BTreeSet<UserId>,
    /// What the backend calls it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text<TITLE_BYTES_MAX>>,
    /// The last message, as it is now; absent if there was none, or if it has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastMessage>,
    /// The number of messages that the conversation has had.
    pub n: u64,
    /// The `n` up to which the caller has nothing left to read.
    pub read_n: u64,
    /// How many messages the caller has not read, which is `n` less `readN`; 100 if it is more than 99.
    pub unread: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_text() {
        for text in ["1795428003123.conv-123", "-98204571996877.c", "0.1"] {
            assert_eq!(String::from(InboxCursor::try_from(text.to_owned()).unwrap()), text);
        }
        for bad in ["", ".", "1", "1.", ".c", "x.c", "+1.c", "1.5.c", "1.c d", "12345678901234567.c", "--1.c"]
        {
            assert!(InboxCursor::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
