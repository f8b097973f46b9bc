//! Who may use a channel: the policy's questions, asked with what the table and Whop know. The answers are the policy's
//! ([`funnelcast_core::policy`]).
//!
//! # Layout
//! - here: the checks
//! - `passes`: who has passed one in this process, so that the next check costs them no time
//! - [`roles`]: what a user is to a company, where that is for Whop to say

mod passes;
pub mod roles;

use std::borrow::Cow;

use funnelcast_aws::{
    Config, Resource, Table,
    table::{Member, conversations::ConversationAccess},
};
use funnelcast_core::{
    Caller, Channel, CompanyId, Error, Grant, HttpCaller, Identity, Right, SocketCaller, Timestamp, UserId,
    caller::check_grant,
    grant::Capability,
    policy::{self, JoinDecision},
};

pub use self::passes::Passed;
use self::{
    passes::Passes,
    roles::{Asker, Roles},
};
use crate::rates::Rates;

/// The table, and who may do what with it.
#[derive(Debug)]
pub struct Access {
    /// The table.
    pub table: Table,
    /// How much each user may do.
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

    /// Reads what those may see who may do this on a channel. For a stranger nothing is read beside what
    /// [`check_use`](Self::check_use) reads.
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
        let read = Box::pin(read); // the SDK's futures are deep
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

    /// Refuses a caller who may not do this on a channel, as [`check_use`](Self::check_use) does; no read for one who has passed
    /// before.
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

    /// Makes the next check of a caller come first again: they may no longer do what they might before.
    pub fn forget_pass(&self, caller: Caller<'_>, channel: &Channel) {
        self.passes.forget(caller, channel);
    }

    /// Refuses a caller who may not do this on a channel: 1 read for a connection; by HTTP, what
    /// [`right_to_join`](Self::right_to_join) costs.
    ///
    /// # Errors
    /// [`Error::NotJoined`] where a connection is no member; [`Error::Forbidden`] where an HTTP caller may not join, or where
    /// the grant of either does not include it.
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

    /// Refuses a caller whose connection may not do this on a channel: 1 read.
    ///
    /// # Errors
    /// [`Error::NotJoined`] where it is no member, or a departed one, or its grant has ended; [`Error::Forbidden`] where its
    /// grant does not include it.
    async fn check_member(
        &self,
        caller: &SocketCaller,
        channel: &Channel,
        capability: Capability,
    ) -> Result<(), Error> {
        let SocketCaller { identity, connection, now, .. } = caller;
        let member = self.table.membership(&identity.user, connection, channel).await?;
        // The token is not looked at, as it has been.
        let is_live = |member: &Member| member.departed_at.is_none() && member.may(Capability::Join, *now);
        let member = member.filter(is_live).ok_or(Error::NotJoined)?;
        check_grant(member.grant.as_ref(), capability, *now)
    }

    /// By what right a user may join: their own where they have one, else the grant that they have brought. A grant lets nobody
    /// into a conversation that has ended. Costs as [`check_join`](Self::check_join).
    ///
    /// # Errors
    /// Those of [`check_join`](Self::check_join).
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

    /// Refuses, on the stack's own behalf, a user who may not join a channel by their own right: 1 call of 2 reads for a
    /// conversation, none for other channels; and for a company of a Whop user, what it costs to know their role in it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the policy says no; an unknown conversation is forbidden too, so that nobody learns which
    /// ones exist. [`Error::RateLimited`] and [`Error::Internal`] where Whop would have to answer and does not.
    pub async fn check_join(
        &self,
        identity: &Identity,
        channel: &Channel,
        now: Timestamp,
    ) -> Result<Right, Error> {
        match self.own_right(identity, channel, Asker::Stack, now).await? {
            OwnRight::Yes(right) => Ok(right),
            OwnRight::No | OwnRight::Ended => Err(refusal()),
        }
    }

    /// Forgets what Whop has said of a user's role in a company, and is saying now, so that it is asked again: 1 write.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails.
    pub async fn forget_role(&self, user: &UserId, company: &CompanyId) -> Result<(), Error> {
        self.table.forget_role(user, company).await
    }

    async fn own_right(
        &self,
        identity: &Identity,
        channel: &Channel,
        asker: Asker,
        now: Timestamp,
    ) -> Result<OwnRight, Error> {
        let identity = match channel.company() {
            Some(company) => self.with_role(identity, company, asker, now).await?,
            None => Cow::Borrowed(identity),
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

    /// The identity, and with it the role in a company that Whop says the user has.
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

/// Whether a user may join by their own right.
enum OwnRight {
    Yes(Right),
    No,
    /// Nobody may: the conversation has ended.
    Ended,
}

/// The same for a channel that is unknown, over, or somebody else's.
const fn refusal() -> Error {
    Error::Forbidden("you may not join this channel")
}
