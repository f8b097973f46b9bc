//! Who may use a channel. These functions gather what the table and Whop know, and the policy decides
//! ([`funnelcast_core::policy`]).
//!
//! # Layout
//! - here: the checks
//! - `own`: the right of a user's own, and what is left where there is none
//! - `passes`: which callers have passed a check in this process, so that the next check costs them no time
//! - [`roles`]: the roles of users in companies and experiences, where those come from Whop

mod own;
mod passes;
pub mod roles;

use std::borrow::Cow;

use funnelcast_aws::{
    Config, Resource, Table,
    table::{Member, conversations::ConversationAccess},
};
use funnelcast_core::{
    Caller, Channel, CompanyId, Error, Grant, HttpCaller, Identity, Right, SocketCaller, Timestamp,
    caller::check_grant,
    grant::Capability,
    policy::{self, JoinDecision},
};

pub(crate) use self::own::OwnRight;
pub use self::passes::Passed;
use self::{
    passes::Passes,
    roles::{Asker, Roles},
};
use crate::rates::Rates;

/// The table, with the checks of who may do what.
#[derive(Debug)]
pub struct Access {
    /// The table.
    pub table: Table,
    /// The rate limits.
    pub rates: Rates,
    roles: Roles,
    passes: Passes,
}

impl Resource for Access {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (table, roles) = tokio::try_join!(Table::build(config), Roles::build(config))?;
        Ok(Self::new(table, roles, config.user_dollars_per_hour))
    }
}

impl AsRef<Self> for Access {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Access {
    pub(crate) fn new(table: Table, roles: Roles, user_dollars_per_hour: f64) -> Self {
        let rates = Rates::new(table.clone(), user_dollars_per_hour);
        Self { table, rates, roles, passes: Passes::default() }
    }

    /// Reads on behalf of a caller who may use the channel in this way. For an unauthorised caller nothing is read
    /// beyond what [`check_use`](Self::check_use) reads.
    ///
    /// # Errors
    /// Those of [`check_use`](Self::check_use), and of the read.
    pub async fn read_as<T>(
        &self,
        caller: Caller<'_>,
        channel: &Channel,
        capability: Capability,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let read = Box::pin(read); // the SDK's futures are large
        if self.pass(caller, channel, capability).await? == Passed::Now {
            return read.await;
        }
        let check = async {
            let checked = self.check_use(caller, channel, capability).await;
            checked.inspect_err(|_| self.forget_pass(caller, channel))
        };
        let ((), read) = tokio::try_join!(check, read)?;
        Ok(read)
    }

    /// Refuses a caller who may not use a channel in this way, as [`check_use`](Self::check_use) does. It reads
    /// nothing for a caller who has passed before.
    ///
    /// # Errors
    /// Those of [`check_use`](Self::check_use).
    pub async fn pass(
        &self,
        caller: Caller<'_>,
        channel: &Channel,
        capability: Capability,
    ) -> Result<Passed, Error> {
        if self.passes.has(caller, channel) {
            return Ok(Passed::Before);
        }
        self.check_use(caller, channel, capability).await?;
        self.passes.remember(caller, channel);
        Ok(Passed::Now)
    }

    /// Forgets that a caller has passed, because they have lost access, so that their next check comes first again.
    pub fn forget_pass(&self, caller: Caller<'_>, channel: &Channel) {
        self.passes.forget(caller, channel);
    }

    /// Refuses a caller who may not use a channel in this way: 1 read for a connection; by HTTP, what
    /// [`right_to_join`](Self::right_to_join) costs.
    ///
    /// # Errors
    /// [`Error::NotJoined`] if the caller's connection is no member; [`Error::Forbidden`] if an HTTP caller may not
    /// join, or if the grant of either does not include the capability.
    pub async fn check_use(
        &self,
        caller: Caller<'_>,
        channel: &Channel,
        capability: Capability,
    ) -> Result<(), Error> {
        match caller {
            Caller::Socket(caller) => self.check_member(caller, channel, capability).await,
            Caller::Http(HttpCaller { identity, grant, now }) => {
                let right = self.right_to_join(identity, channel, grant.cloned(), now).await?;
                right.check(capability, now)
            }
        }
    }

    /// Refuses a caller whose connection may not use a channel in this way: 1 read.
    ///
    /// # Errors
    /// [`Error::NotJoined`] if the connection is no member or has departed, or if its grant has ended;
    /// [`Error::Forbidden`] if its grant does not include the capability.
    async fn check_member(
        &self,
        caller: &SocketCaller,
        channel: &Channel,
        capability: Capability,
    ) -> Result<(), Error> {
        let SocketCaller { identity, connection, now, .. } = caller;
        let member = self.table.membership(&identity.user, connection, channel).await?;
        // The token has already been checked.
        let is_live = |member: &Member| member.departed_at.is_none() && member.may(Capability::Join, *now);
        let member = member.filter(is_live).ok_or(Error::NotJoined)?;
        check_grant(member.grant.as_ref(), capability, *now)
    }

    /// Whether a caller who may use the channel does so as one of the team of its company: 1 read for a connection; by
    /// HTTP, what [`right_to_join`](Self::right_to_join) costs.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails; by HTTP, those of [`right_to_join`](Self::right_to_join).
    pub async fn is_team(&self, caller: Caller<'_>, channel: &Channel) -> Result<bool, Error> {
        match caller {
            Caller::Socket(SocketCaller { identity, connection, .. }) => {
                let member = self.table.membership(&identity.user, connection, channel).await?;
                Ok(member.is_some_and(|member| member.team_of.is_some()))
            }
            Caller::Http(HttpCaller { identity, grant, now }) => {
                let right = self.right_to_join(identity, channel, grant.cloned(), now).await?;
                Ok(matches!(right, Right::Team(_)))
            }
        }
    }

    /// The right by which a user may join: their own if they have one, else the grant that they present. No grant
    /// admits anyone to a conversation that has ended. It costs as much as `right_to_stay`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the policy refuses; an unknown conversation is forbidden too, so that nobody learns
    /// which conversations exist. Otherwise those of `right_to_stay`.
    pub async fn right_to_join(
        &self,
        identity: &Identity,
        channel: &Channel,
        grant: Option<Grant>,
        now: Timestamp,
    ) -> Result<Right, Error> {
        match (self.own_right(identity, channel, Asker::User, now).await?, grant) {
            (OwnRight::Yes(right), _) => Ok(right),
            (OwnRight::No, Some(grant)) => Ok(Right::Grant(grant)),
            (OwnRight::Ended, Some(_)) => Err(Error::Forbidden("this conversation has ended")),
            (OwnRight::No | OwnRight::Ended, None) => Err(refusal()),
        }
    }

    /// The right of their own by which a user may be in a channel, asked on the stack's own behalf: 1 call of 2 reads for a
    /// conversation, none for other channels; and for a company or an experience of a Whop user, what it costs to know
    /// their role in it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] and [`Error::Internal`] if the answer depends on Whop and Whop gives none.
    pub(crate) async fn right_to_stay(
        &self,
        identity: &Identity,
        channel: &Channel,
        now: Timestamp,
    ) -> Result<OwnRight, Error> {
        self.own_right(identity, channel, Asker::Stack, now).await
    }

    async fn own_right(
        &self,
        identity: &Identity,
        channel: &Channel,
        asker: Asker,
        now: Timestamp,
    ) -> Result<OwnRight, Error> {
        let identity = match (channel, channel.company()) {
            (Channel::Experience(experience), _) if !identity.experiences.contains(experience) => {
                let Self { roles, table, rates, .. } = self;
                roles.with_experience(table, rates, identity, experience, asker, now).await?
            }
            (_, Some(company)) => self.with_role(identity, company, asker, now).await?,
            _ => Cow::Borrowed(identity),
        };
        match (policy::may_join(&identity, channel), channel) {
            (JoinDecision::Allowed, _) => Ok(OwnRight::Yes(Right::Own)),
            (JoinDecision::DependsOnConversation, Channel::Conversation(conversation)) => {
                let ConversationAccess { company, is_participant, has_ended } =
                    self.table.conversation_access(conversation, &identity.user).await?;
                if has_ended {
                    return Ok(OwnRight::Ended);
                }
                let identity = match &company {
                    Some(company) if !is_participant => {
                        self.with_role(&identity, company, asker, now).await?
                    }
                    _ => Cow::Borrowed(&*identity), // a participant may join, whatever their role
                };
                if policy::may_join_conversation(&identity, company.as_ref(), is_participant) {
                    let team_of = company.filter(|company| identity.is_team_of(company));
                    Ok(OwnRight::Yes(team_of.map_or(Right::Own, Right::Team)))
                } else {
                    Ok(OwnRight::No)
                }
            }
            _ => Ok(OwnRight::No),
        }
    }

    /// The identity, extended by the role that the user has in the company according to Whop.
    async fn with_role<'a>(
        &self,
        identity: &'a Identity,
        company: &CompanyId,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Cow<'a, Identity>, Error> {
        self.roles.with_role(&self.table, &self.rates, identity, company, asker, now).await
    }
}

/// The same refusal for a channel that is unknown, has ended, or belongs to another company.
const fn refusal() -> Error {
    Error::Forbidden("you may not join this channel")
}
