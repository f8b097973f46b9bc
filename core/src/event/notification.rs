//! Notifications, for one user or for all.

use serde::{Deserialize, Serialize};

use super::limits::{MESSAGE_BYTES_MAX, MESSAGE_ID_BYTES_MAX, TITLE_BYTES_MAX, URL_BYTES_MAX};
use crate::{Timestamp, UserId, text::Text};

/// The level of a notification, which decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For information.
    Info,
    /// Something has succeeded.
    Success,
    /// Something needs attention.
    Warning,
    /// Something has failed.
    Error,
}

/// A notification for every user, or for the team of a company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notification {
    /// The id of the notification. The backend may leave it out; default: the id of the event.
    pub id: Text<MESSAGE_ID_BYTES_MAX>,
    /// How it should look.
    pub level: Level,
    /// The title.
    pub title: Text<TITLE_BYTES_MAX>,
    /// The text.
    pub message: Text<MESSAGE_BYTES_MAX>,
    /// The URL that it links to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text<URL_BYTES_MAX>>,
    /// When it happened. The backend may leave it out; default: the time of the event.
    pub timestamp: Timestamp,
}

/// A notification for one user. It is a type apart from [`Notification`], so that a notification for one user cannot be sent to
/// all by mistake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserNotification {
    /// The id of the notification. The backend may leave it out; default: the id of the event.
    pub id: Text<MESSAGE_ID_BYTES_MAX>,
    /// The user.
    pub user_id: UserId,
    /// How it should look.
    pub level: Level,
    /// The title.
    pub title: Text<TITLE_BYTES_MAX>,
    /// The text.
    pub message: Text<MESSAGE_BYTES_MAX>,
    /// The URL that it links to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text<URL_BYTES_MAX>>,
    /// When it happened. The backend may leave it out; default: the time of the event.
    pub timestamp: Timestamp,
}
