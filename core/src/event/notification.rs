//! Something to tell a user, or all of them.

use serde::{Deserialize, Serialize};

use super::{MESSAGE_BYTES_MAX, TITLE_BYTES_MAX};
use crate::{Timestamp, UserId, text::Text};

/// How a notice should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// It worked.
    Success,
    /// Mind this.
    Warning,
    /// It did not work.
    Error,
}

/// A notice to everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notification {
    /// Its id; the event's own where the backend leaves it out.
    pub id: Text<128>,
    /// How it should look.
    pub level: Level,
    /// Its first line.
    pub title: Text<TITLE_BYTES_MAX>,
    /// What it says.
    pub message: Text<MESSAGE_BYTES_MAX>,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text<2048>>,
    /// When; the event's own time where the backend leaves it out.
    pub timestamp: Timestamp,
}

/// A notice to one user: a [`Notification`] that says to whom. Not one type with it, so that neither can pass for the
/// other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserNotification {
    /// Its id; the event's own where the backend leaves it out.
    pub id: Text<128>,
    /// To whom.
    pub user_id: UserId,
    /// How it should look.
    pub level: Level,
    /// Its first line.
    pub title: Text<TITLE_BYTES_MAX>,
    /// What it says.
    pub message: Text<MESSAGE_BYTES_MAX>,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text<2048>>,
    /// When; the event's own time where the backend leaves it out.
    pub timestamp: Timestamp,
}
