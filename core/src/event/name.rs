//! The names of events.

use serde::{Deserialize, Serialize};

/// The name of an event on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventName {
    /// A chat message: a `ChatMessage`.
    #[serde(rename = "chat.message")]
    ChatMessage,
    /// A message has a new text: a `ChatEdit`.
    #[serde(rename = "chat.edit")]
    ChatEdit,
    /// A message has been deleted: a `ChatDelete`.
    #[serde(rename = "chat.delete")]
    ChatDelete,
    /// A user has reacted to a message, or has taken that back: a `ChatReaction`.
    #[serde(rename = "chat.reaction")]
    ChatReaction,
    /// A file of a message has been examined and can be read: a `FileUpdate`.
    #[serde(rename = "file.ready")]
    FileReady,
    /// A file of a message has been refused, and is gone: a `FileUpdate`.
    #[serde(rename = "file.refused")]
    FileRefused,
    /// A call has ended: a `CallRecord`.
    #[serde(rename = "chat.call")]
    ChatCall,
    /// A call begins, changes or ends: the `Call`, as it is now.
    #[serde(rename = "call.update")]
    CallUpdate,
    /// A user is typing, or has stopped: a `TypingIndicator`.
    #[serde(rename = "chat.typing")]
    ChatTyping,
    /// A user has received or read messages: a `Receipt`.
    #[serde(rename = "chat.receipt")]
    ChatReceipt,
    /// A message with a meaning of the app's own: a `Signal`.
    #[serde(rename = "signal")]
    Signal,
    /// A user has joined the channel: their `Presence`.
    #[serde(rename = "presence.join")]
    PresenceJoin,
    /// A user has left the channel: their `Presence`.
    #[serde(rename = "presence.leave")]
    PresenceLeave,
    /// A user's status has changed: their `Presence`.
    #[serde(rename = "presence.update")]
    PresenceUpdate,
    /// The number of users has changed, in a channel with too many to announce each: a `PresenceCount`.
    #[serde(rename = "presence.count")]
    PresenceCount,
    /// The user has lost access to the channel: an `AccessRevoked`, which nobody else receives.
    #[serde(rename = "access.revoked")]
    AccessRevoked,
    /// The user may not send in the channel any more, or may again: an `AccessMuted`, which nobody else receives.
    #[serde(rename = "access.muted")]
    AccessMuted,
    /// A funnel is being generated or deployed: a `FunnelUpdate`.
    #[serde(rename = "funnel.update")]
    FunnelUpdate,
    /// A resource has changed or is being synchronised: a `ResourceUpdate`.
    #[serde(rename = "resource.update")]
    ResourceUpdate,
    /// A metric has a new value: an `AnalyticsUpdate`.
    #[serde(rename = "analytics.update")]
    AnalyticsUpdate,
    /// A notification for every user, or for the team of a company: a `Notification`.
    #[serde(rename = "system.notification")]
    SystemNotification,
    /// A notification for one user: a `UserNotification`.
    #[serde(rename = "user.notification")]
    UserNotification,
    /// A conversation has a new last message, or has been read on another device: an `InboxUpdate`.
    #[serde(rename = "inbox.update")]
    InboxUpdate,
    /// An event of the app's own: an `AppEvent`.
    #[serde(rename = "app.event")]
    AppEvent,
    /// A message of the app's own that is never written: an `AppEvent`.
    #[serde(rename = "app.signal")]
    AppSignal,
}
