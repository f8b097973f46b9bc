//! A call as clients see it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ConversationId, Timestamp, UserId, id::string_type, identity::Name, version::Revision};

limits! {
    /// The most users who are in a call at the same time.
    pub const CALL_USERS_MAX: usize = 4;
    /// The most users whom a call lists, with those who have left or declined. Of more, the first of these are left out.
    pub const CALL_USERS_LISTED_MAX: usize = 16;
}

/// How long a call rings, and how often the stack looks whether those who are in it are still connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimes {
    /// How long it rings.
    pub ring: Duration,
    /// The time between two looks.
    pub look: Duration,
}

impl Default for CallTimes {
    /// 45 seconds, as telephones do, and a look each minute.
    fn default() -> Self {
        Self { ring: Duration::from_secs(45), look: Duration::from_mins(1) }
    }
}

string_type!(
    /// The id of a call, which its first device chooses, such as a UUID.
    CallId, crate::id::ID_BYTES_MAX, crate::id::is_key_byte, "must match [A-Za-z0-9_.:-]{1,64}",
    "^[A-Za-z0-9_.:-]+$"
);
string_type!(
    /// A device's part in a call, which the device chooses anew for each call that it joins. It stays the same when the device
    /// connects again.
    PeerId, crate::id::ID_BYTES_MAX, crate::id::is_key_byte, "must match [A-Za-z0-9_.:-]{1,64}",
    "^[A-Za-z0-9_.:-]+$"
);

/// What a call begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallMedia {
    /// Voice.
    Audio,
    /// Voice and video.
    Video,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallStage {
    /// Nobody has accepted it yet.
    Ringing,
    /// Two users or more are in it.
    Active,
    /// It is over, and never begins again.
    Ended,
}

/// How a call has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Users who were in it have left it.
    Ended,
    /// Nobody accepted it in time.
    Missed,
    /// All other participants of the conversation declined it.
    Declined,
    /// The user who started it left before anyone accepted it.
    Canceled,
    /// The last who left said that they could not be connected.
    Failed,
}

/// Why a device declines or leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallReason {
    /// With `decline`: the user is in another call.
    Busy,
    /// With `leave`: no connection to the others came about, or it was lost.
    Failed,
}

/// A user's part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallPart {
    /// They are in it.
    Joined,
    /// They have left it.
    Left,
    /// They do not want to be in it.
    Declined,
}

/// A user of a call. Each has one device in it at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallUser {
    /// The user.
    pub user_id: UserId,
    /// The user's display name.
    pub name: Name,
    /// The device, which signals are addressed to.
    pub peer_id: PeerId,
    /// Whether they are in it.
    pub state: CallPart,
    /// Why they declined or left, if they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CallReason>,
}

/// A call, as it is now. It is the payload of `call.update`, which `join` returns too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The call.
    pub call_id: CallId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// It rises with every change, over all calls of the conversation: whatever has a lower one than was received before is out of
    /// date.
    pub revision: Revision,
    /// Where it stands.
    pub state: CallStage,
    /// What it began with.
    pub media: CallMedia,
    /// The user who started it.
    pub started_by: UserId,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it was first accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// While it rings: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings_until: Option<Timestamp>,
    /// The users who are or were in it, or declined it.
    #[cfg_attr(feature = "schema", schemars(length(max = CALL_USERS_LISTED_MAX)))]
    pub participants: Vec<CallUser>,
}

/// A call that is over: the payload of `chat.call`, which is in the log of the conversation once for each call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// The call.
    pub call_id: CallId,
    /// How it ended.
    pub state: CallOutcome,
    /// What it began with.
    pub media: CallMedia,
    /// The user who started it.
    pub started_by: UserId,
    /// How long it was active, in milliseconds; 0 if it never was.
    pub duration_ms: u64,
}

impl Call {
    /// Whether it rings or is active.
    pub fn is_live(&self) -> bool {
        self.state != CallStage::Ended
    }

    /// The users who are in it.
    pub fn joined(&self) -> impl Iterator<Item = &CallUser> {
        self.participants.iter().filter(|user| user.state == CallPart::Joined)
    }

    /// What the log says of it; `None` while it is live.
    pub fn record(&self) -> Option<CallRecord> {
        let active = |accepted| self.ended_at.map(|ended: Timestamp| ended.since(accepted));
        let duration = self.accepted_at.and_then(active).unwrap_or_default();
        Some(CallRecord {
            call_id: self.call_id.clone(),
            state: self.outcome?,
            media: self.media,
            started_by: self.started_by.clone(),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
