//! The payloads of the events that change a chat message: `chat.edit`, `chat.delete` and `chat.reaction`. Each names the
//! message by its place in the log.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::message::{Emoji, Reaction, check_sizes};
use crate::{Error, Seq};

/// The draft of `chat.edit`. Only the author may edit a message.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EditDraft {
    /// The message.
    pub target: Seq,
    /// The new text: at most [`CONTENT_BYTES_MAX`](super::message::CONTENT_BYTES_MAX) bytes, and at least 1 unless the message has
    /// files.
    #[cfg_attr(feature = "schema", schemars(length(max = super::message::CONTENT_BYTES_MAX)))]
    pub content: String,
    /// New data of the app, at most [`METADATA_BYTES_MAX`](super::message::METADATA_BYTES_MAX) bytes of JSON; default: what the
    /// message has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl EditDraft {
    /// Checks the limits that the types do not have, because they have an error code of their own.
    pub fn validate(&self) -> Result<(), Error> {
        check_sizes(&self.content, self.metadata.as_ref())
    }
}

/// A message has a new text. The event's `at` is the message's `editedAt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatEdit {
    /// The message.
    pub target: Seq,
    /// The new text. Absent in an event of the log that is not the last edit: what a later edit or a deletion has replaced
    /// is no longer stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The data of the app that the message has now; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl ChatEdit {
    /// The edit of a message once a later edit or a deletion has replaced what it says.
    pub const fn superseded(target: Seq) -> Self {
        Self { target, content: None, metadata: None }
    }
}

/// The draft of `chat.delete`. The author and the team of the conversation's company may delete a message.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteDraft {
    /// The message.
    pub target: Seq,
}

/// A message has been deleted. It keeps its place in the log and its author, and has no content any more. The event's `at`
/// is the message's `deletedAt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatDelete {
    /// The message.
    pub target: Seq,
}

/// The draft of `chat.reaction`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReactionDraft {
    /// The message.
    pub target: Seq,
    /// The emoji. A message can have [`REACTION_EMOJIS_MAX`](super::message::REACTION_EMOJIS_MAX) different ones.
    pub emoji: Emoji,
    /// Whether the user reacts with this emoji from now on.
    pub on: bool,
}

/// A user has reacted to a message, or has taken the reaction back. It states how many users react with this emoji now,
/// so the last of these events is all that a client needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatReaction {
    /// The message.
    pub target: Seq,
    /// Whether the user reacts with this emoji now.
    pub on: bool,
    /// The emoji, and who reacts with it now. If that is nobody, the message no longer has this reaction.
    #[serde(flatten)]
    pub reaction: Reaction,
}
