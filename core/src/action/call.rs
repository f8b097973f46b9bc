//! The action on the call of a conversation: `call`.

use serde::{Deserialize, Serialize};

use crate::{
    Channel, Error,
    call::{CallId, CallMedia, CallReason, PeerId},
};

/// Starts, joins, declines or leaves the call of a conversation.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeCall {
    /// The channel: a conversation that the connection has joined.
    pub channel: Channel,
    /// The call. The device that starts it chooses the id: it matches `[A-Za-z0-9_.:-]{1,64}`.
    pub call_id: CallId,
    /// What to do.
    pub change: CallChange,
    /// The device, which chooses the id for its part in this call: it matches `[A-Za-z0-9_.:-]{1,64}`. It stays the same on another
    /// connection; a device that has left joins again with another one.
    pub peer_id: PeerId,
    /// With `start`: what the call begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<CallMedia>,
    /// With `decline` and `leave`: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CallReason>,
}

/// What to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallChange {
    /// Start it: it rings on the devices of all members.
    Start,
    /// Join it, or come back on another connection.
    Accept,
    /// Stop it from ringing on the devices of this user.
    Decline,
    /// Leave it.
    Leave,
}

impl ChangeCall {
    /// Checks which fields go with which change.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field that is missing, or that does not belong there.
    pub fn validate(&self) -> Result<(), Error> {
        match (self.change, self.media, self.reason) {
            (CallChange::Start, None, _) => Err(Error::invalid("media", "is missing; `start` needs it")),
            (CallChange::Accept | CallChange::Decline | CallChange::Leave, Some(_), _) => {
                Err(Error::invalid("media", "must be absent, except with `start`"))
            }
            (CallChange::Start | CallChange::Accept, _, Some(_))
            | (CallChange::Decline, _, Some(CallReason::Failed))
            | (CallChange::Leave, _, Some(CallReason::Busy)) => Err(Error::invalid(
                "reason",
                "must be `busy` with `decline`, `failed` with `leave`, else absent",
            )),
            _ => Ok(()),
        }
    }
}
