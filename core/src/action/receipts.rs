//! How far everybody has come: `ack`, `receipts`.

use serde::{Deserialize, Serialize};

use crate::{Channel, Seq, UserId, event::ReceiptState};

/// Tells how far the user has come.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Where.
    pub channel: Channel,
    /// Up to which seq.
    pub seq: Seq,
    /// How far the user came with them.
    pub state: ReceiptState,
}

/// The reply to [`Ack`].
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Acked {
    /// The watermark now, which never goes back.
    pub seq: Seq,
}

/// Asks how far everybody has come.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReceiptsQuery {
    /// Where.
    pub channel: Channel,
}

/// The reply to [`ReceiptsQuery`]: who has not had an event yet is who has a lower `delivered` than its seq.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptBook {
    /// Who takes part in the conversation, and who else has ever acked.
    pub users: Vec<UserReceipts>,
    /// Whether there are more than a reply holds: those who have only acked are left out then, from the last id backwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// How far one user has come; 0 where they never acknowledged anything.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserReceipts {
    /// Who.
    pub user_id: UserId,
    /// Up to here everything has been delivered to a device of the user's.
    pub delivered: Seq,
    /// Up to here the user has read everything.
    pub read: Seq,
}
