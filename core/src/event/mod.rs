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
pub use notification::{Level, Notification, UserNotification};
pub use presence::{Presence, PresenceCount, PresenceDraft, Status};
pub use resource::{ResourceUpdate, ResourceUpdateType};

/// The longest display name of a thing (a funnel, a resource, a metric), in bytes.
pub const TITLE_BYTES_MAX: usize = 256;
/// The longest line of explanation in an update or notification, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// The name of an event on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventName {
    /// Somebody says something: a [`ChatMessage`].
    #[serde(rename = "chat.message")]
    ChatMessage,
    /// Somebody types, or has stopped: a [`TypingIndicator`].
    #[serde(rename = "chat.typing")]
    ChatTyping,
    /// Somebody has got or read what was said: a [`Receipt`].
    #[serde(rename = "chat.receipt")]
    ChatReceipt,
    /// A word of the app's own: a [`Signal`].
    #[serde(rename = "signal")]
    Signal,
    /// A user has come: their [`Presence`].
    #[serde(rename = "presence.join")]
    PresenceJoin,
    /// A user has gone: their [`Presence`].
    #[serde(rename = "presence.leave")]
    PresenceLeave,
    /// A user's status has changed: their [`Presence`].
    #[serde(rename = "presence.update")]
    PresenceUpdate,
    /// Somebody has come or gone where they are too many to name: a [`PresenceCount`].
    #[serde(rename = "presence.count")]
    PresenceCount,
    /// To the one who has lost the channel, and to nobody else: an [`AccessRevoked`].
    #[serde(rename = "access.revoked")]
    AccessRevoked,
    /// A funnel is being generated or deployed: a [`FunnelUpdate`].
    #[serde(rename = "funnel.update")]
    FunnelUpdate,
    /// A resource has changed, or is being synced: a [`ResourceUpdate`].
    #[serde(rename = "resource.update")]
    ResourceUpdate,
    /// A metric has a new value: an [`AnalyticsUpdate`].
    #[serde(rename = "analytics.update")]
    AnalyticsUpdate,
    /// A notice to everybody: a [`Notification`].
    #[serde(rename = "system.notification")]
    SystemNotification,
    /// A notice to one user: a [`UserNotification`].
    #[serde(rename = "user.notification")]
    UserNotification,
}
