//! The events of conversations beside messages: typing, receipts and signals. A client sends a draft; the server adds the
//! sender, the conversation and the time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{limits::LABEL_BYTES_MAX, message::check_json};
use crate::{ConnectionId, ConversationId, Error, Seq, Timestamp, UserId, identity::Name, text::Text};

limits! {
    /// The largest `payload` of a signal, in bytes of JSON.
    pub const SIGNAL_BYTES_MAX: usize = 16 * 1024;
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
    /// Who receives it; default: all other members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<SignalTarget>,
}

/// Who receives a signal, by the user, the connection, or both: only connections that have joined the conversation, and never the one that sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignalTarget {
    /// The connections of this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// This connection alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
}

impl SignalTarget {
    /// Whether a connection of a user is meant.
    pub fn includes(&self, user: &UserId, connection: &ConnectionId) -> bool {
        self.user_id.as_ref().is_none_or(|only| only == user)
            && self.connection_id.as_ref().is_none_or(|only| only == connection)
    }
}

impl SignalDraft {
    /// Checks what the types do not say: a limit that has an error code of its own, and that a target names somebody.
    pub fn validate(&self) -> Result<(), Error> {
        if matches!(self.to, Some(SignalTarget { user_id: None, connection_id: None })) {
            return Err(Error::invalid("to", "must have a `userId` or a `connectionId`"));
        }
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
