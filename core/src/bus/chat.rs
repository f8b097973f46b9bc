//! The details that become events of a conversation.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ConversationId, FileId, Seq, Timestamp, UserId,
    event::{Emoji, MESSAGE_ID_BYTES_MAX, MessageType},
    identity::Name,
    text::Text,
};

/// The detail of a `ChatMessage` event: a message from the app or its bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageDetail {
    /// The id of the message; default: the id of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<MESSAGE_ID_BYTES_MAX>>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The kind of author.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// The text: at most [`CONTENT_BYTES_MAX`](crate::event::CONTENT_BYTES_MAX) bytes, and at least 1 unless the message has files.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = crate::event::CONTENT_BYTES_MAX)))]
    pub content: String,
    /// When the message was sent; default: the time of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Ignored: nobody has read a message that is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_read: Option<bool>,
    /// Data of the app, at most [`METADATA_BYTES_MAX`](crate::event::METADATA_BYTES_MAX) bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The author; default, for a bot: the app's own user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The message of this conversation that it replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    /// The users whom it mentions, at most [`MENTIONS_MAX`](crate::event::MENTIONS_MAX). Each must be a participant or have been in the conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = crate::event::MENTIONS_MAX)))]
    pub mentions: Vec<UserId>,
    /// The files that it brings, at most [`ATTACHMENTS_MAX`](crate::file::ATTACHMENTS_MAX): the backend's own, uploaded for this
    /// conversation, and not yet named by a message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = crate::file::ATTACHMENTS_MAX)))]
    pub attachments: Vec<FileId>,
}

/// The detail of a `ChatEdit` event: the app edits a message that it has published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditDetail {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message: its `seq`, which `POST /api/publish` answers with.
    pub target: Seq,
    /// The new text: 1 to [`CONTENT_BYTES_MAX`](crate::event::CONTENT_BYTES_MAX) bytes.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::event::CONTENT_BYTES_MAX)))]
    pub content: String,
    /// New data of the app, at most [`METADATA_BYTES_MAX`](crate::event::METADATA_BYTES_MAX) bytes of JSON; default: what
    /// the message has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// The detail of a `ChatDelete` event: the app deletes a message, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteDetail {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message: its `seq`.
    pub target: Seq,
}

/// The detail of a `ChatReaction` event: the app's bot, or a user for whom the app speaks, reacts to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReactionDetail {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message: its `seq`.
    pub target: Seq,
    /// The emoji.
    pub emoji: Emoji,
    /// Whether the user reacts with this emoji from now on.
    pub on: bool,
    /// The user; default: the app's own user, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// The detail of a `ChatTyping` event: the app's bot, or a user for whom the app speaks, is typing. It is not kept, and lasts for
/// some seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypingDetail {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whether the user is typing now.
    pub is_typing: bool,
    /// The user; default: the app's own user, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The user's display name; default: their id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Name>,
}
