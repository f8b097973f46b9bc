//! What happens on channels: the names of the events, and their payloads as they travel (`data`).

mod access;
mod analytics;
mod chat;
mod funnel;
mod notification;
mod presence;
mod resource;

use serde::{Deserialize, Serialize};

pub use access::AccessRevoked;
pub use analytics::AnalyticsUpdate;
pub use chat::{
    CONTENT_BYTES_MAX, ChatDraft, ChatMessage, METADATA_BYTES_MAX, MessageType, Receipt, ReceiptState,
    SIGNAL_BYTES_MAX, Signal, SignalDraft, TypingDraft, TypingIndicator,
};
pub use funnel::{FunnelUpdate, FunnelUpdateType};
pub use notification::{Level, Notification};
pub use presence::{Presence, PresenceDraft, Status};
pub use resource::{ResourceUpdate, ResourceUpdateType};

/// The longest display name of a thing (a funnel, a resource, a metric), in bytes.
pub const TITLE_BYTES_MAX: usize = 256;
/// The longest line of explanation in an update or notification, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// The name of an event on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventName {
    /// [`ChatMessage`]
    #[serde(rename = "chat.message")]
    ChatMessage,
    /// [`TypingIndicator`]
    #[serde(rename = "chat.typing")]
    ChatTyping,
    /// [`Receipt`]
    #[serde(rename = "chat.receipt")]
    ChatReceipt,
    /// [`Signal`]
    #[serde(rename = "signal")]
    Signal,
    /// [`Presence`]: a user came.
    #[serde(rename = "presence.join")]
    PresenceJoin,
    /// [`Presence`]: a user went.
    #[serde(rename = "presence.leave")]
    PresenceLeave,
    /// [`Presence`]: a user's status changed.
    #[serde(rename = "presence.update")]
    PresenceUpdate,
    /// [`AccessRevoked`]: to the one who lost it, and to nobody else.
    #[serde(rename = "access.revoked")]
    AccessRevoked,
    /// [`FunnelUpdate`]
    #[serde(rename = "funnel.update")]
    FunnelUpdate,
    /// [`ResourceUpdate`]
    #[serde(rename = "resource.update")]
    ResourceUpdate,
    /// [`AnalyticsUpdate`]
    #[serde(rename = "analytics.update")]
    AnalyticsUpdate,
    /// [`Notification`] to everybody.
    #[serde(rename = "system.notification")]
    SystemNotification,
    /// [`Notification`] to one user.
    #[serde(rename = "user.notification")]
    UserNotification,
}
