//! Events of channels: their names, and the types of their payloads (`data`).

mod access;
mod analytics;
pub(crate) mod chat;
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

limits! {
    /// The longest title: the title of a notification, or the display name of a funnel or resource; in bytes.
    pub const TITLE_BYTES_MAX: usize = 256;
    /// The longest text of an update or notification, and the longest reason of a kick, in bytes.
    pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
    /// The longest label that an app chooses, in bytes: a metric, a period, the type of a resource, the name of a signal.
    pub const LABEL_BYTES_MAX: usize = 64;
    /// The longest id of a message or notification, in bytes.
    pub const MESSAGE_ID_BYTES_MAX: usize = 128;
    /// The longest URL of a notification, in bytes.
    pub const URL_BYTES_MAX: usize = 2 * 1024;
}

/// The name of an event on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventName {
    /// A chat message: a [`ChatMessage`].
    #[serde(rename = "chat.message")]
    ChatMessage,
    /// A user is typing, or has stopped: a [`TypingIndicator`].
    #[serde(rename = "chat.typing")]
    ChatTyping,
    /// A user has received or read messages: a [`Receipt`].
    #[serde(rename = "chat.receipt")]
    ChatReceipt,
    /// A message with a meaning of the app's own: a [`Signal`].
    #[serde(rename = "signal")]
    Signal,
    /// A user has joined the channel: their [`Presence`].
    #[serde(rename = "presence.join")]
    PresenceJoin,
    /// A user has left the channel: their [`Presence`].
    #[serde(rename = "presence.leave")]
    PresenceLeave,
    /// A user's status has changed: their [`Presence`].
    #[serde(rename = "presence.update")]
    PresenceUpdate,
    /// The number of users has changed, in a channel with too many to announce each: a [`PresenceCount`].
    #[serde(rename = "presence.count")]
    PresenceCount,
    /// The user has lost access to the channel: an [`AccessRevoked`], which nobody else receives.
    #[serde(rename = "access.revoked")]
    AccessRevoked,
    /// A funnel is being generated or deployed: a [`FunnelUpdate`].
    #[serde(rename = "funnel.update")]
    FunnelUpdate,
    /// A resource has changed or is being synchronised: a [`ResourceUpdate`].
    #[serde(rename = "resource.update")]
    ResourceUpdate,
    /// A metric has a new value: an [`AnalyticsUpdate`].
    #[serde(rename = "analytics.update")]
    AnalyticsUpdate,
    /// A notification for every user, or for the team of a company: a [`Notification`].
    #[serde(rename = "system.notification")]
    SystemNotification,
    /// A notification for one user: a [`UserNotification`].
    #[serde(rename = "user.notification")]
    UserNotification,
}
