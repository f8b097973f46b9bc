//! The payload of `chat.message`. A client sends a draft; the server adds the sender, the conversation and the time.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::limits::MESSAGE_ID_BYTES_MAX;
use crate::{
    ConversationId, Error, FileId, Seq, Timestamp, UserId,
    file::{ATTACHMENTS_MAX, Attachment},
    text::Text,
};

limits! {
    /// The longest chat message, in bytes of UTF-8.
    pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
    /// The largest `metadata` of a chat message, in bytes of JSON.
    pub const METADATA_BYTES_MAX: usize = 4 * 1024;
    /// The most users that a chat message mentions.
    pub const MENTIONS_MAX: usize = 20;
    /// The longest excerpt of a quoted message, in Unicode code points.
    pub const EXCERPT_CHARS_MAX: usize = 80;
    /// The most different emojis that users may react to one message with.
    pub const REACTION_EMOJIS_MAX: usize = 20;
    /// The most different emojis with which one user may react to one message, so that one alone cannot use them all up.
    pub const REACTIONS_OF_USER_MAX: usize = 10;
    /// The most users that a reaction lists. More are only counted.
    pub const REACTION_USERS_SHOWN_MAX: usize = 50;
}

/// The largest list of all reactions to one message, with every user, in bytes of JSON. Together with the longest text and
/// the largest metadata it stays below the largest message of API Gateway.
pub const REACTIONS_BYTES_MAX: usize = 16 * 1024;

/// The kind of author of a chat message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// A user. Clients may send no other type.
    #[default]
    User,
    /// The app's bot.
    Bot,
    /// The app itself.
    System,
}

/// The draft of `chat.message`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatDraft {
    /// The text: at most [`CONTENT_BYTES_MAX`] bytes, and at least 1 unless the message has files.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = CONTENT_BYTES_MAX)))]
    pub content: String,
    /// The kind of author; default: `user`. Clients may send no other.
    #[serde(default, rename = "type")]
    pub kind: MessageType,
    /// Data of the app, at most [`METADATA_BYTES_MAX`] bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The message of this conversation that it replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    /// The users whom it mentions, at most [`MENTIONS_MAX`]. Each must be a participant or have been in the conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = MENTIONS_MAX)))]
    pub mentions: Vec<UserId>,
    /// The files that it brings, at most [`ATTACHMENTS_MAX`](crate::file::ATTACHMENTS_MAX): the sender's own, uploaded for this conversation, and not yet
    /// named by a message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = ATTACHMENTS_MAX)))]
    pub attachments: Vec<FileId>,
}

impl ChatDraft {
    /// Checks the limits that the types do not have.
    pub fn validate(&self) -> Result<(), Error> {
        check_content(&self.content, self.metadata.as_ref(), &self.attachments)?;
        check_mentions(&self.mentions)
    }
}

/// A chat message, as it is now: with the last edit and all reactions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// The message itself.
    #[serde(flatten)]
    pub body: MessageBody,
    /// How many messages the log has up to and including this one.
    pub n: u64,
    /// The message that it replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Quote>,
    /// The reactions, in the order in which each emoji was first used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
}

/// The part of a chat message that is written when it is sent, edited or deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessageBody {
    /// The id of the message, which a retried send keeps.
    pub id: Text<MESSAGE_ID_BYTES_MAX>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The kind of author.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// The text; empty if the message has been deleted.
    #[cfg_attr(feature = "schema", schemars(length(max = CONTENT_BYTES_MAX)))]
    pub content: String,
    /// When the message was sent.
    pub timestamp: Timestamp,
    /// Whether anyone but the author has read it; false in a new message.
    #[serde(default)]
    pub is_read: bool,
    /// Data of the app, as the author gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The author, who is taken from the connection and never from the frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The users whom it mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = MENTIONS_MAX)))]
    pub mentions: Vec<UserId>,
    /// The files that it brings, as they are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = ATTACHMENTS_MAX)))]
    pub attachments: Vec<Attachment>,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl MessageBody {
    /// The first [`EXCERPT_CHARS_MAX`] code points of its text, or of the name of its first file if it has no text.
    pub fn excerpt(&self) -> String {
        let text = match self.attachments.first() {
            Some(file) if self.content.is_empty() => file.name.as_str(),
            _ => &self.content,
        };
        text.chars().take(EXCERPT_CHARS_MAX).collect()
    }
}

/// A message that another one replies to, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Its place in the log.
    pub seq: Seq,
    /// Its author, if that is a user or a bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The first [`EXCERPT_CHARS_MAX`] code points of its text, or of the name of its first file if it has no text; absent if it has
    /// been deleted, or has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Quote {
    /// The quote of a message.
    pub fn of(seq: Seq, body: &MessageBody) -> Self {
        let excerpt = body.deleted_at.is_none().then(|| body.excerpt());
        Self { seq, user_id: body.user_id.clone(), excerpt }
    }

    /// The quote of a message that has expired.
    pub const fn expired(seq: Seq) -> Self {
        Self { seq, user_id: None, excerpt: None }
    }
}

/// The users who have reacted to a message with the same emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reaction {
    /// The emoji.
    pub emoji: Emoji,
    /// How many users have reacted with it.
    pub count: usize,
    /// The first [`REACTION_USERS_SHOWN_MAX`] of them, in the order in which they did.
    pub users: Vec<UserId>,
}

/// The longest emoji, in bytes: 64 are enough for any sequence of the Unicode standard, and for a name such as `:tada:`.
pub const EMOJI_BYTES_MAX: usize = 64;

/// An emoji, or any other short text that the app shows as one.
pub type Emoji = Text<EMOJI_BYTES_MAX>;

/// The error for a message without a text and without files.
pub(crate) fn no_content() -> Error {
    Error::invalid("content", "must not be empty, unless the message has files")
}

/// Checks the text, the metadata and the files of a new message against their limits.
pub(crate) fn check_content(
    content: &str,
    metadata: Option<&Map<String, Value>>,
    files: &[FileId],
) -> Result<(), Error> {
    if content.is_empty() && files.is_empty() {
        return Err(no_content());
    }
    check_sizes(content, metadata)?;
    check_attachments(files)
}

/// Checks the text and the metadata of a message that may have files against their limits.
pub(crate) fn check_sizes(content: &str, metadata: Option<&Map<String, Value>>) -> Result<(), Error> {
    if content.len() > CONTENT_BYTES_MAX {
        return Err(Error::TooLarge { what: "content".into(), bytes_max: CONTENT_BYTES_MAX });
    }
    metadata.map_or(Ok(()), |metadata| check_json(metadata, "metadata", METADATA_BYTES_MAX))
}

/// Checks that a message does not mention too many users.
pub(crate) fn check_mentions(mentions: &[UserId]) -> Result<(), Error> {
    if mentions.len() <= MENTIONS_MAX {
        return Ok(());
    }
    Err(Error::invalid("mentions", format!("must be at most {MENTIONS_MAX} users")))
}

/// Checks that a message does not bring too many files, nor one of them twice.
fn check_attachments(files: &[FileId]) -> Result<(), Error> {
    if files.len() > ATTACHMENTS_MAX {
        return Err(Error::invalid("attachments", format!("must be at most {ATTACHMENTS_MAX} files")));
    }
    match files.iter().enumerate().find(|(place, file)| files[..*place].contains(file)) {
        None => Ok(()),
        Some((place, _)) => Err(Error::invalid(&format!("attachments[{place}]"), "must not be named twice")),
    }
}

pub(super) fn check_json(value: &impl Serialize, what: &'static str, bytes_max: usize) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| Error::from_serde(&error))?;
    if bytes.len() <= bytes_max { Ok(()) } else { Err(Error::TooLarge { what: what.into(), bytes_max }) }
}
