//! Who may use a channel. These functions gather what the table and Whop know, and the policy decides
//! ([`funnelcast_core::policy`]).
//!
//! # Layout
//! - here: the checks
//! - `own`: the right of a user's own, what restricts them, and what is left where there is none
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
    Admission, Caller, Channel, CompanyId, Error, Grant, HttpCaller, Identity, Right, SocketCaller,
    Timestamp,
    grant::Capability,
    moderation::{Restriction, Scope},
    policy::{self, JoinDecision},
};

pub(crate) use self::own::Entitlement;
pub use self::passes::Passed;
use self::{
    own::OwnRight,
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
    /// Whether the messages of companies are indexed, so that their teams can search them.
    pub is_indexed: bool,
    roles: Roles,
    passes: Passes,
}

impl Resource for Access {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (table, roles) = tokio::try_join!(Table::build(config), Roles::build(config))?;
        Ok(Self { is_indexed: config.search, ..Self::new(table, roles, config.user_dollars_per_hour) })
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
        Self { table, rates, is_indexed: false, roles, passes: Passes::default() }
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
    /// [`admission`](Self::admission) costs.
    ///
    /// # Errors
    /// [`Error::NotJoined`] if the caller's connection is no member; [`Error::Forbidden`] or [`Error::Banned`] if an HTTP
    /// caller may not join; [`Error::Forbidden`] if the grant of either does not include the capability;
    /// [`Error::Muted`] if the capability is to send, and the user may not.
    pub async fn check_use(
        &self,
        caller: Caller<'_>,
        channel: &Channel,
        capability: Capability,
    ) -> Result<(), Error> {
        match caller {
            Caller::Socket(caller) => self.check_member(caller, channel, capability).await,
            Caller::Http(HttpCaller { identity, grant, now }) => {
                let admission = self.admission(identity, channel, grant.cloned(), now).await?;
                admission.check(capability, now)
            }
        }
    }

    /// Refuses a caller whose connection may not use a channel in this way: 1 read.
    ///
    /// # Errors
    /// [`Error::NotJoined`] if the connection is no member or has departed, or if its grant has ended;
    /// [`Error::Forbidden`] if its grant does not include the capability; [`Error::Muted`] as in
    /// [`check_use`](Self::check_use).
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
        member.filter(is_live).ok_or(Error::NotJoined)?.check(capability, *now)
    }

    /// Whether a caller who may use the channel is of the team of its company: 1 read for a connection, by HTTP what
    /// [`admission`](Self::admission) costs; and in a conversation, for a caller who is there by another right, 1 more and what
    /// [`is_of_team`](Self::is_of_team) costs.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails; those of [`is_of_team`](Self::is_of_team); by HTTP, those of
    /// [`admission`](Self::admission).
    pub async fn is_team(&self, caller: Caller<'_>, channel: &Channel) -> Result<bool, Error> {
        let is_by_right = match caller {
            Caller::Socket(SocketCaller { identity, connection, .. }) => {
                let member = self.table.membership(&identity.user, connection, channel).await?;
                member.is_some_and(|member| member.team_of.is_some())
            }
            Caller::Http(HttpCaller { identity, grant, now }) => {
                let admission = self.admission(identity, channel, grant.cloned(), now).await?;
                matches!(admission.right, Right::Team(_))
            }
        };
        match channel {
            // A participant is admitted without their role being asked for.
            Channel::Conversation(conversation) if !is_by_right => {
                let company = self.table.company_of(conversation).await?;
                let Some(company) = company else { return Ok(false) };
                self.is_of_team(caller.identity(), &company, caller.now()).await
            }
            _ => Ok(is_by_right),
        }
    }

    /// Whether a user is of the team of a company: nothing, or what it costs to know the role of a Whop user.
    ///
    /// # Errors
    /// [`Error::RateLimited`] and [`Error::Internal`] if the answer depends on Whop and Whop gives none.
    pub async fn is_of_team(
        &self,
        identity: &Identity,
        company: &CompanyId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        Ok(self.with_role(identity, company, Asker::User, now).await?.is_team_of(company))
    }

    /// How a user may join: by their own right if they have one, else by the grant that they present. No grant admits
    /// anyone to a conversation that has ended, or from which they are banned. It costs as much as `entitlement`.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the policy refuses; an unknown conversation is forbidden too, so that nobody learns
    /// which conversations exist. [`Error::Banned`] if only a ban keeps the user out. Otherwise those of `entitlement`.
    pub async fn admission(
        &self,
        identity: &Identity,
        channel: &Channel,
        grant: Option<Grant>,
        now: Timestamp,
    ) -> Result<Admission, Error> {
        self.ask(identity, channel, Asker::User, now).await?.admission(grant)
    }

    /// What a user may do in a channel beside any grant, asked on the stack's own behalf: 1 call of 4 reads for a
    /// conversation, none for other channels; and for a company or an experience of a Whop user, what it costs to know
    /// their role in it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] and [`Error::Internal`] if the answer depends on Whop and Whop gives none.
    pub(crate) async fn entitlement(
        &self,
        identity: &Identity,
        channel: &Channel,
        now: Timestamp,
    ) -> Result<Entitlement, Error> {
        self.ask(identity, channel, Asker::Stack, now).await
    }

    async fn ask(
        &self,
        identity: &Identity,
        channel: &Channel,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Entitlement, Error> {
        let identity = match (channel, channel.company()) {
            (Channel::Experience(experience), _) if !identity.experiences.contains(experience) => {
                let Self { roles, table, rates, .. } = self;
                roles.with_experience(table, rates, identity, experience, asker, now).await?
            }
            (_, Some(company)) => self.with_role(identity, company, asker, now).await?,
            _ => Cow::Borrowed(identity),
        };
        match (policy::may_join(&identity, channel), channel) {
            (JoinDecision::Allowed, _) => {
                Ok(Entitlement { own: OwnRight::Yes(Right::Own), restriction: None })
            }
            (JoinDecision::DependsOnConversation, Channel::Conversation(conversation)) => {
                let access = self.table.conversation_access(conversation, &identity.user).await?;
                self.ask_of_conversation(&identity, access, asker, now).await
            }
            _ => Ok(Entitlement::NONE),
        }
    }

    async fn ask_of_conversation(
        &self,
        identity: &Identity,
        ConversationAccess { company, is_participant, has_ended, restrictions, barred_until }: ConversationAccess,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Entitlement, Error> {
        if barred_until.is_some_and(|until| now < until) {
            return Ok(Entitlement { own: OwnRight::Barred, restriction: None });
        }
        if has_ended {
            return Ok(Entitlement { own: OwnRight::Ended, restriction: None });
        }
        let restriction = Restriction::strongest(restrictions, now);
        let identity = match &company {
            // A participant may join, whatever their role; but nothing restricts them if they are of the team.
            Some(company) if !is_participant || restriction.is_some() => {
                self.with_role(identity, company, asker, now).await?
            }
            _ => Cow::Borrowed(identity),
        };
        let may_join = policy::may_join_conversation(&identity, company.as_ref(), is_participant);
        let team_of = company.filter(|company| identity.is_team_of(company));
        let restriction = restriction.filter(|_| team_of.is_none());
        let own =
            if may_join { OwnRight::Yes(team_of.map_or(Right::Own, Right::Team)) } else { OwnRight::No };
        Ok(Entitlement { own, restriction })
    }

    /// Refuses a caller who may not restrict users there: 1 read for a conversation; and what it costs to know the role of
    /// a Whop user in the company.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the caller is neither of the company's team nor its backend; also for a conversation that is
    /// unknown or has ended, so that nobody learns which there are.
    pub async fn check_moderator(
        &self,
        identity: &Identity,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<(), Error> {
        let company = match scope {
            Scope::Conversation(conversation) => self.table.company_of(conversation).await?,
            Scope::Company(company) => Some(company.clone()),
        };
        if let Some(company) = company
            && policy::may_moderate(&*self.with_role(identity, &company, Asker::User, now).await?, &company)
        {
            return Ok(());
        }
        Err(Error::Forbidden("you may not moderate this"))
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
