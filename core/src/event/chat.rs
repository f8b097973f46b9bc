//! The events of conversations. A client sends a draft; the server adds the sender, the conversation and the time.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::limits::{LABEL_BYTES_MAX, MESSAGE_ID_BYTES_MAX};
use crate::{ConversationId, Error, Seq, Timestamp, UserId, identity::Name, text::Text};

limits! {
    /// The longest chat message, in bytes of UTF-8.
    pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
    /// The largest `metadata` of a chat message, in bytes of JSON.
    pub const METADATA_BYTES_MAX: usize = 4 * 1024;
    /// The largest `payload` of a signal, in bytes of JSON.
    pub const SIGNAL_BYTES_MAX: usize = 16 * 1024;
}

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
#[serde(deny_unknown_fields)]
pub struct ChatDraft {
    /// The text: 1 to [`CONTENT_BYTES_MAX`] bytes.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = CONTENT_BYTES_MAX)))]
    pub content: String,
    /// The kind of author; default: `user`. Clients may send no other.
    #[serde(default, rename = "type")]
    pub kind: MessageType,
    /// Data of the app, at most [`METADATA_BYTES_MAX`] bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl ChatDraft {
    /// Checks the limits that the types do not have, because they have an error code of their own.
    pub fn validate(&self) -> Result<(), Error> {
        check_message(&self.content, self.metadata.as_ref())
    }
}

/// A chat message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatMessage {
    /// The id of the message, which a retried send keeps. The backend may leave it out; default: the id of the event.
    pub id: Text<MESSAGE_ID_BYTES_MAX>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The kind of author.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// The text.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = CONTENT_BYTES_MAX)))]
    pub content: String,
    /// When the message was sent. The backend may leave it out; default: the time of the event.
    pub timestamp: Timestamp,
    /// Whether anyone but the author has read it; false in a new message.
    #[serde(default)]
    pub is_read: bool,
    /// Data of the app, as the sender gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The author, who is taken from the connection and never from the frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

impl ChatMessage {
    /// Checks the limits that the types do not have, because they have an error code of their own.
    pub fn validate(&self) -> Result<(), Error> {
        check_message(&self.content, self.metadata.as_ref())
    }
}

/// The draft of `chat.typing`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypingDraft {
    /// Whether the user is typing now.
    pub is_typing: bool,
}

/// A user is typing, or has stopped. Clients drop the indicator after 6 seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TypingIndicator {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The user.
    pub user_id: UserId,
    /// The user's display name.
    pub user_name: Name,
    /// Whether the user is typing now.
    pub is_typing: bool,
    /// When that was.
    pub timestamp: Timestamp,
}

/// What a receipt confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// The events have reached a device of the user.
    Delivered,
    /// The user has read them.
    Read,
}

/// A user has received or read everything up to `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The user.
    pub user_id: UserId,
    /// The last event that the receipt covers.
    pub seq: Seq,
    /// Whether the events were delivered or read.
    pub state: ReceiptState,
}

/// The draft of `signal`: a message with a meaning of the app's own, e.g. to set up a call.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignalDraft {
    /// The name of the signal, which the app chooses.
    pub name: Text<LABEL_BYTES_MAX>,
    /// The content, at most [`SIGNAL_BYTES_MAX`] bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

impl SignalDraft {
    /// Checks the limits that the types do not have, because they have an error code of their own.
    pub fn validate(&self) -> Result<(), Error> {
        self.payload.as_ref().map_or(Ok(()), |payload| check_json(payload, "payload", SIGNAL_BYTES_MAX))
    }
}

/// A message between participants with a meaning of the app's own. It is never written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The sender.
    pub user_id: UserId,
    /// The name of the signal, which the app chooses.
    pub name: Text<LABEL_BYTES_MAX>,
    /// The content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

fn check_message(content: &str, metadata: Option<&Map<String, Value>>) -> Result<(), Error> {
    match content.len() {
        0 => Err(Error::invalid("content", "must not be empty")),
        n if n > CONTENT_BYTES_MAX => {
            Err(Error::TooLarge { what: "content".into(), bytes_max: CONTENT_BYTES_MAX })
        }
        _ => metadata.map_or(Ok(()), |metadata| check_json(metadata, "metadata", METADATA_BYTES_MAX)),
    }
}

pub(super) fn check_json(value: &impl Serialize, what: &'static str, bytes_max: usize) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| Error::from_serde(&error))?;
    if bytes.len() <= bytes_max { Ok(()) } else { Err(Error::TooLarge { what: what.into(), bytes_max }) }
}
