//! A single membership.

use std::time::Duration;

use funnelcast_core::{
    Channel, CompanyId, ConnectionId, Error, Grant, JoinOrder, Right, Timestamp, UserId, caller::check_grant,
    event::Status, grant::Capability, identity::Name, moderation::Mute,
};
use serde::{Deserialize, Serialize};

use crate::table::connections::ChannelJoin;

/// How long a user may be without a connection before they have left. It covers a reload, a tunnel, a change of
/// networks.
pub const DEPARTURE_GRACE: Duration = Duration::from_secs(10);
/// One connection in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The user.
    pub user: UserId,
    /// The user's display name.
    pub name: Name,
    /// The connection.
    pub connection: ConnectionId,
    /// The `join` that made it. A removal names this `join`, so that it removes no later membership.
    pub join_order: JoinOrder,
    /// When that `join` was made, if that is not [`seen_at`](Self::seen_at).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
    /// The user's status on this connection.
    #[serde(default)]
    pub status: Status,
    /// When it joined, or last changed its status.
    pub seen_at: Timestamp,
    /// When the token expires; nothing more is posted after that.
    pub expires_at: Timestamp,
    /// When the connection ended; [`Timestamp::EPOCH`] if the user's access was revoked. Nothing is posted to it any
    /// more. While it is in the table, its end has not been fully handled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departed_at: Option<Timestamp>,
    /// In a conversation: the company as a member of whose team the user joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_of: Option<CompanyId>,
    /// The grant by which the user is a member, if they are one by a grant. The membership ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// The grant that the `join` presented beside a right of the user's own. It limits nothing as long as they have that
    /// right; once they lose it, they are a member by this grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spare_grant: Option<Grant>,
    /// Why and until when the user may not send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<Mute>,
}

impl Member {
    /// Whether events are posted to it.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.departed_at.is_none() && self.counts(now)
    }

    /// Whether its user is present by it. This includes [`DEPARTURE_GRACE`] after its connection has ended.
    pub fn is_present(&self, now: Timestamp) -> bool {
        self.departed_at.is_none_or(|at| now < at + DEPARTURE_GRACE) && self.counts(now)
    }

    /// Whether neither its token nor its grant has expired.
    fn counts(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.may(Capability::Join, now)
    }

    /// Whether it was made at this time or before.
    pub fn was_made_by(&self, time: Timestamp) -> bool {
        self.joined_at.unwrap_or(self.seen_at) <= time
    }

    /// A reference to this membership.
    pub fn reference(&self) -> MemberRef {
        MemberRef { user: self.user.clone(), connection: self.connection.clone(), join: self.join_order }
    }

    /// The `join` that made it.
    pub fn join(&self, channel: &Channel) -> ChannelJoin {
        ChannelJoin { channel: channel.clone(), join: self.join_order }
    }

    /// The right by which the user is a member.
    pub fn right(&self) -> Right {
        match (&self.grant, &self.team_of) {
            (Some(grant), _) => Right::Grant(grant.clone()),
            (None, Some(company)) => Right::Team(company.clone()),
            (None, None) => Right::Own,
        }
    }

    /// The grant that the `join` presented, whether or not the user is a member by it.
    pub fn presented_grant(&self) -> Option<&Grant> {
        self.grant.as_ref().or(self.spare_grant.as_ref())
    }

    /// The same membership by another right. The grant that the `join` presented stays beside a right of the user's own.
    #[must_use]
    pub fn with_right(self, right: Right) -> Self {
        let presented = self.presented_grant().cloned();
        let (team_of, grant, spare_grant) = match right {
            Right::Own => (None, None, presented),
            Right::Team(company) => (Some(company), None, presented),
            Right::Grant(grant) => (None, Some(grant), None),
        };
        Self { team_of, grant, spare_grant, ..self }
    }

    /// Refuses a user who may not do this by the right by which they are a member, or because they are muted.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the grant does not include the capability; [`Error::Muted`] if it is to send and the user
    /// may not.
    pub fn check(&self, capability: Capability, now: Timestamp) -> Result<(), Error> {
        check_grant(self.grant.as_ref(), capability, now)?;
        match capability {
            Capability::Send => Mute::check(self.mute.as_ref(), now),
            Capability::Join => Ok(()),
        }
    }

    /// Whether the right by which the user is a member includes this capability.
    pub fn may(&self, capability: Capability, now: Timestamp) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.allows(capability, now))
    }
}

/// A reference to a membership of a channel, with the `join` that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRef {
    /// The user.
    pub user: UserId,
    /// The connection.
    pub connection: ConnectionId,
    /// The `join` that made it.
    pub join: JoinOrder,
}
