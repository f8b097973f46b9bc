//! Events of channels: their names, and the types of their payloads (`data`).

mod access;
mod analytics;
pub(crate) mod app;
pub(crate) mod chat;
mod funnel;
pub(crate) mod limits;
mod name;
mod notification;
mod presence;
mod resource;

pub use access::AccessRevoked;
pub use analytics::AnalyticsUpdate;
pub use app::{APP_PAYLOAD_BYTES_MAX, AppEvent, AppEventDraft};
pub use chat::{
    CONTENT_BYTES_MAX, ChatDraft, ChatMessage, METADATA_BYTES_MAX, MessageType, Receipt, ReceiptState,
    SIGNAL_BYTES_MAX, Signal, SignalDraft, TypingDraft, TypingIndicator,
};
pub use funnel::{FunnelUpdate, FunnelUpdateType};
pub use limits::{LABEL_BYTES_MAX, MESSAGE_BYTES_MAX, MESSAGE_ID_BYTES_MAX, TITLE_BYTES_MAX, URL_BYTES_MAX};
pub use name::EventName;
pub use notification::{Level, Notification, UserNotification};
pub use presence::{Presence, PresenceCount, PresenceDraft, Status};
pub use resource::{ResourceUpdate, ResourceUpdateType};
