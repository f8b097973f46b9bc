//! A conversation's events. A client sends a draft; the server adds who, where and when.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ConversationId, Error, Seq, Timestamp, UserId, identity::Name, text::Text};

/// The longest chat message, in bytes of UTF-8.
pub const CONTENT_BYTES_MAX: usize = 16 * 1024;
/// The largest `metadata` of a chat message, in bytes of JSON.
pub const METADATA_BYTES_MAX: usize = 4 * 1024;
/// The largest `payload` of a signal, in bytes of JSON.
pub const SIGNAL_BYTES_MAX: usize = 16 * 1024;

/// Who speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// A person. The only one that a client may claim to be.
    #[default]
    User,
    /// The app's assistant.
    Bot,
    /// The app itself.
    System,
}

/// What a client sends to say something.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChatDraft {
    /// The text: 1 to [`CONTENT_BYTES_MAX`] bytes.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = CONTENT_BYTES_MAX)))]
    pub content: String,
    /// Who speaks; `user` where absent.
    #[serde(default, rename = "type")]
    pub kind: MessageType,
    /// Whatever the app wants beside it: at most [`METADATA_BYTES_MAX`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl ChatDraft {
    /// Checks what the types do not say.
    pub fn validate(&self) -> Result<(), Error> {
        check_message(&self.content, self.metadata.as_ref())
    }
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatMessage {
    /// The server's id for it; a retried send keeps the first one's.
    pub id: Text<128>,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Who speaks.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// The text.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = CONTENT_BYTES_MAX)))]
    pub content: String,
    /// When it was said.
    pub timestamp: Timestamp,
    /// Whether somebody but its author has read it; always false when it is new.
    #[serde(default)]
    pub is_read: bool,
    /// What the sender put beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Who said it; from the connection, never from the frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

impl ChatMessage {
    /// Checks what the types do not say.
    pub fn validate(&self) -> Result<(), Error> {
        check_message(&self.content, self.metadata.as_ref())
    }
}

/// What a client sends when typing starts or stops.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypingDraft {
    /// Whether the user is typing now.
    pub is_typing: bool,
}

/// Somebody types, or has stopped; a client forgets it after 6 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TypingIndicator {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// The user's display name.
    pub user_name: Name,
    /// Whether the user is typing now.
    pub is_typing: bool,
    /// When that was.
    pub timestamp: Timestamp,
}

/// How far a user has come in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// Delivered to a device of the user's.
    Delivered,
    /// Seen.
    Read,
}

/// A user has got, or read, all up to `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Who.
    pub user_id: UserId,
    /// Up to where.
    pub seq: Seq,
    /// How far the user came with them.
    pub state: ReceiptState,
}

/// What a client sends as a signal: a word of the app's own, e.g. to set up a call.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignalDraft {
    /// What it is called.
    pub name: Text<64>,
    /// What it says: at most [`SIGNAL_BYTES_MAX`] bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

impl SignalDraft {
    /// Checks what the types do not say.
    pub fn validate(&self) -> Result<(), Error> {
        self.payload.as_ref().map_or(Ok(()), |payload| check_json(payload, "payload", SIGNAL_BYTES_MAX))
    }
}

/// A word of the app's own between the participants; never kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// Where.
    pub conversation_id: ConversationId,
    /// From whom.
    pub user_id: UserId,
    /// What it is called.
    pub name: Text<64>,
    /// What it says.
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

fn check_json(value: &impl Serialize, what: &'static str, bytes_max: usize) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| Error::from_serde(&error))?;
    if bytes.len() <= bytes_max { Ok(()) } else { Err(Error::TooLarge { what: what.into(), bytes_max }) }
}
