//! The actions on receipts: `ack`, `receipts`.

use serde::{Deserialize, Serialize};

use crate::{Channel, Seq, UserId, event::ReceiptState};

/// Confirms that the user has received or read everything up to `seq`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The channel.
    pub channel: Channel,
    /// The last event that is confirmed.
    pub seq: Seq,
    /// Whether the events were delivered or read.
    pub state: ReceiptState,
}

/// The reply to [`Ack`]: the watermark of the user.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Acked {
    /// The watermark, which never goes back.
    pub seq: Seq,
    /// Of what is read: the number of messages that the log has up to there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_n: Option<u64>,
}

/// Returns the receipts of all participants of a conversation.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReceiptsQuery {
    /// The channel.
    pub channel: Channel,
}

/// The reply to [`ReceiptsQuery`]: the watermarks of each user. An event has reached the users whose `delivered` is at least its
/// `seq`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptBook {
    /// The participants, and the other users who have acknowledged something.
    pub users: Vec<UserReceipts>,
    /// Whether there are more users than fit the reply. Users who are no participants are left out then, those with the last ids
    /// first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// The watermarks of one user: 0 if they have not acknowledged anything.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserReceipts {
    /// The user.
    pub user_id: UserId,
    /// Everything up to this `seq` has reached a device of the user.
    pub delivered: Seq,
    /// The user has read everything up to this `seq`.
    pub read: Seq,
}
