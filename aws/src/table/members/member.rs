//! A membership.

use std::time::Duration;

use funnelcast_core::{
    Channel, CompanyId, ConnectionId, Grant, JoinOrder, Timestamp, UserId, event::Status, grant::Capability,
    identity::Name,
};
use serde::{Deserialize, Serialize};

use crate::table::connections::ChannelJoin;

/// How long a user may be without a connection before they have left: a reload, a tunnel, a change of networks.
pub const DEPARTURE_GRACE: Duration = Duration::from_secs(10);
/// One connection in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Whose it is.
    pub user: UserId,
    /// The user's display name.
    pub name: Name,
    /// The connection.
    pub connection: ConnectionId,
    /// The `join` that made it: whatever removes a membership names this, so that it removes no later one.
    pub join_order: JoinOrder,
    /// What its user says of themselves on it.
    #[serde(default)]
    pub status: Status,
    /// When it joined, or last changed its status.
    pub seen_at: Timestamp,
    /// When its token stops counting, and nothing more is posted to it.
    pub expires_at: Timestamp,
    /// When its connection ended; [`Timestamp::EPOCH`] where its user has lost the channel. Nothing is posted to it any more;
    /// that it is still in the table means that its end has not been dealt with yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departed_at: Option<Timestamp>,
    /// In a conversation: the company as one of whose team the user joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_of: Option<CompanyId>,
    /// What lets the user be here, where that is a grant; with its end this ends too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

impl Member {
    /// Whether events are posted to it.
    pub fn hears(&self, now: Timestamp) -> bool {
        self.departed_at.is_none() && self.counts(now)
    }

    /// Whether its user is here by it: also for [`DEPARTURE_GRACE`] after its connection has ended.
    pub fn is_present(&self, now: Timestamp) -> bool {
        self.departed_at.is_none_or(|at| now < at + DEPARTURE_GRACE) && self.counts(now)
    }

    /// Whether its token and its grant have not expired.
    fn counts(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.may(Capability::Join, now)
    }

    /// Which membership it is.
    pub fn reference(&self) -> MemberRef {
        MemberRef { user: self.user.clone(), connection: self.connection.clone(), join: self.join_order }
    }

    /// The `join` that made it.
    pub fn join(&self, channel: &Channel) -> ChannelJoin {
        ChannelJoin { channel: channel.clone(), join: self.join_order }
    }

    /// Whether what lets the user be here lets them do this too.
    pub fn may(&self, capability: Capability, now: Timestamp) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.allows(capability, now))
    }
}

/// Names a membership of a channel, and the `join` that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRef {
    /// Whose it is.
    pub user: UserId,
    /// The connection.
    pub connection: ConnectionId,
    /// The `join` that made it.
    pub join: JoinOrder,
}
