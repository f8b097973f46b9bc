//! The right of their own by which a user may be in a channel, and what restricts them there.

use funnelcast_core::{
    Admission, Error, Grant, Right, Timestamp, grant::Capability, moderation::Restriction,
};

/// Whether a user may join by their own right.
#[derive(Debug)]
pub(crate) enum OwnRight {
    /// They may.
    Yes(Right),
    /// They may not.
    No,
    /// Nobody may, because the conversation has ended.
    Ended,
    /// They may not, whatever admits them, because they are erased.
    Barred,
}

/// What a user may do in a channel, beside any grant.
#[derive(Debug)]
pub(crate) struct Entitlement {
    /// Whether they may join by their own right.
    pub(super) own: OwnRight,
    /// What restricts them now, whatever right they have. Nothing restricts the company's team.
    pub(super) restriction: Option<Restriction>,
}

impl Entitlement {
    /// No right of their own.
    pub(crate) const NONE: Self = Self { own: OwnRight::No, restriction: None };

    /// What a `join` with this grant would get.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if neither the user's own right nor the grant admits them; [`Error::Banned`] if one does.
    pub(super) fn admission(self, grant: Option<Grant>) -> Result<Admission, Error> {
        let right = match (self.own, grant) {
            (OwnRight::Yes(right), _) => right,
            (OwnRight::No, Some(grant)) => Right::Grant(grant),
            (OwnRight::Ended, Some(_)) => return Err(Error::Forbidden("this conversation has ended")),
            (OwnRight::Barred, _) | (OwnRight::No | OwnRight::Ended, None) => {
                // The same for a channel that is unknown, has ended, or belongs to another company.
                return Err(Error::Forbidden("you may not join this channel"));
            }
        };
        if let Some(restriction) = &self.restriction {
            restriction.check_ban()?;
        }
        Ok(Admission { right, mute: self.restriction.as_ref().and_then(Restriction::as_mute) })
    }

    /// How a member may stay who has presented this grant: by their own right if they have one, else by the grant for as
    /// long as it lasts; `None` if they must go.
    pub(crate) fn or_grant(&self, grant: Option<&Grant>, now: Timestamp) -> Option<Admission> {
        let right = match &self.own {
            OwnRight::Yes(right) => right.clone(),
            OwnRight::No => {
                grant.filter(|grant| grant.allows(Capability::Join, now)).cloned().map(Right::Grant)?
            }
            OwnRight::Ended | OwnRight::Barred => return None,
        };
        let restriction = self.restriction.as_ref();
        restriction
            .is_none_or(|restriction| restriction.check_ban().is_ok())
            .then(|| Admission { right, mute: restriction.and_then(Restriction::as_mute) })
    }
}
