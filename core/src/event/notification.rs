//! Something to tell a user, or all of them.

use serde::{Deserialize, Serialize};

use super::{MESSAGE_BYTES_MAX, TITLE_BYTES_MAX};
use crate::{Timestamp, UserId, text::Text};

/// How it should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// A notice: to everybody (`system.notification`), or to one user (`user.notification`, which has a `userId`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notification {
    /// Its id; the event's own where the backend leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<128>>,
    /// To whom, where it is to one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}
