//! Events of channels: their names, and the types of their payloads (`data`).

mod access;
mod analytics;
pub(crate) mod app;
mod change;
pub(crate) mod chat;
mod funnel;
pub(crate) mod limits;
pub(crate) mod message;
mod name;
mod notification;
mod presence;
mod resource;

pub use access::{AccessMuted, AccessRevoked};
pub use analytics::AnalyticsUpdate;
pub use app::{APP_PAYLOAD_BYTES_MAX, AppEvent, AppEventDraft};
pub use change::{ChatDelete, ChatEdit, ChatReaction, DeleteDraft, EditDraft, ReactionDraft};
pub use chat::{
    Receipt, ReceiptState, SIGNAL_BYTES_MAX, Signal, SignalDraft, SignalTarget, TypingDraft, TypingIndicator,
};
pub use funnel::{FunnelUpdate, FunnelUpdateType};
pub use limits::{LABEL_BYTES_MAX, MESSAGE_BYTES_MAX, MESSAGE_ID_BYTES_MAX, TITLE_BYTES_MAX, URL_BYTES_MAX};
pub use message::{
    CONTENT_BYTES_MAX, ChatDraft, ChatMessage, EMOJI_BYTES_MAX, EXCERPT_CHARS_MAX, Emoji, MENTIONS_MAX,
    METADATA_BYTES_MAX, MessageBody, MessageType, Quote, REACTION_EMOJIS_MAX, REACTION_USERS_SHOWN_MAX,
    REACTIONS_BYTES_MAX, REACTIONS_OF_USER_MAX, Reaction,
};
pub(crate) use message::{check_content, check_mentions, check_sizes, no_content};
pub use name::EventName;
pub use notification::{Level, Notification, UserNotification};
pub use presence::{Absent, Presence, PresenceCount, PresenceDraft, Status};
pub use resource::{ResourceUpdate, ResourceUpdateType};
