//! Moderation: the team and the backend restrict a user in a conversation or a company, or lift that.

use funnelcast_aws::table::restrictions::{Restricted, RestrictionChange};
use funnelcast_core::{
    Error, Identity, Key, Timestamp, UserId, Version,
    http_api::ModerationReply,
    moderation::{Moderation, Restriction, RestrictionKind, Scope},
};

use crate::{context::Realtime, rights};

/// Who restricts a user.
#[derive(Debug, Clone, Copy)]
pub enum Moderator<'a> {
    /// The app's backend, on the event bus or with a token to publish. It speaks for every company.
    App,
    /// A user of the team, or a backend with the token of a user.
    Caller(&'a Identity),
}

impl Moderator<'_> {
    /// The user who is kept with the restriction: one of the team.
    fn user(self) -> Option<UserId> {
        match self {
            Self::Caller(identity) if !identity.is_backend() => Some(identity.user.clone()),
            Self::App | Self::Caller(_) => None,
        }
    }
}

/// Restricts a user as asked, and applies that to their live connections: 1 read and 1 write, for a caller what it costs
/// to [`check`](crate::access::Access::check_moderator) them, and what [`rights::restriction_changed`] costs.
///
/// # Errors
/// [`Error::Forbidden`] if the caller may not moderate there; [`Error::Conflict`] if a newer change has already been
/// applied, or if the user is restricted in too many companies.
pub async fn moderate(
    realtime: &Realtime,
    moderator: Moderator<'_>,
    moderation: &Moderation,
    scope: &Scope,
    version: Version,
    key: Option<Key>,
    now: Timestamp,
) -> Result<ModerationReply, Error> {
    if let Moderator::Caller(identity) = moderator {
        realtime.access.check_moderator(identity, scope, now).await?;
    }
    let (user, to) = (&moderation.user_id, moderation.restriction());
    let change = RestrictionChange { to, by: moderator.user(), version, key };
    let outcome = realtime.table().restrict(scope, user, &change, now).await?;
    tracing::info!(%user, ?scope, restriction = ?moderation.restriction, by = ?change.by, ?outcome, "moderated");
    match outcome {
        // Also for a repeat: the first try may have ended before the memberships were checked.
        Restricted::Done | Restricted::Repeated => {
            rights::restriction_changed(realtime, user, scope).await?;
            Ok(reply(user.clone(), scope.clone(), Some((change.to, change.by)), now))
        }
        Restricted::Stale(standing) => Err(standing.stands()),
        Restricted::TooMany => {
            Err(Error::Conflict("this user is restricted in as many companies as can be".into()))
        }
    }
}

/// How a user is restricted there: 1 read, and what it costs to check the caller.
///
/// # Errors
/// [`Error::Forbidden`] if the caller may not moderate there.
pub async fn standing(
    realtime: &Realtime,
    caller: &Identity,
    user: UserId,
    scope: Scope,
    now: Timestamp,
) -> Result<ModerationReply, Error> {
    realtime.access.check_moderator(caller, &scope, now).await?;
    let standing = realtime.table().restriction(&scope, &user).await?;
    Ok(reply(user, scope, standing.map(|standing| (standing.restriction, standing.by)), now))
}

/// A restriction that stands, and who has set it, as it is told: one that is not in force is none.
fn reply(
    user_id: UserId,
    scope: Scope,
    standing: Option<(Restriction, Option<UserId>)>,
    now: Timestamp,
) -> ModerationReply {
    let in_force = standing.filter(|(restriction, _)| restriction.is_in_force(now));
    let (restriction, by) = in_force.unzip();
    let (conversation_id, company_id) = match scope {
        Scope::Conversation(conversation) => (Some(conversation), None),
        Scope::Company(company) => (None, Some(company)),
    };
    ModerationReply {
        user_id,
        conversation_id,
        company_id,
        restriction: restriction.as_ref().map_or(RestrictionKind::None, |one| one.restriction),
        until: restriction.as_ref().and_then(|one| one.until),
        reason: restriction.and_then(|one| one.reason),
        by: by.flatten(),
    }
}
