//! Who may use a channel: the policy's questions, asked with what the table knows. The answers are the policy's.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use funnelcast_core::{
    Channel, CompanyId, ConnectionId, Error, Grant, Identity, Timestamp, UserId,
    grant::Capability,
    policy::{self, JoinDecision},
};

use super::{Store, conversations::ConversationAccess, teams::Asker};
use crate::Caller;

/// Somebody who reads a channel or publishes on it.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    /// On a connection, which must have joined.
    Member(&'a Caller),
    /// By a request of the HTTP API, which comes on no connection and has joined nothing: they may do what they may join for, or
    /// what their grant lets them.
    Visitor {
        /// Who.
        identity: &'a Identity,
        /// What the app's backend lets them do on this channel, where they have brought a grant.
        grant: Option<&'a Grant>,
        /// When the request came.
        now: Timestamp,
    },
}

impl<'a> Actor<'a> {
    /// The user.
    pub const fn identity(self) -> &'a Identity {
        match self {
            Self::Member(caller) => &caller.identity,
            Self::Visitor { identity, .. } => identity,
        }
    }

    /// When the request came.
    pub const fn now(self) -> Timestamp {
        match self {
            Self::Member(caller) => caller.now,
            Self::Visitor { now, .. } => now,
        }
    }

    /// The connection that gets a reply, and so no copy of what is sent on it.
    pub const fn connection(self) -> Option<&'a ConnectionId> {
        match self {
            Self::Member(caller) => Some(&caller.connection),
            Self::Visitor { .. } => None,
        }
    }
}

/// Why somebody may be a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// By what the user's token says, or because they take part.
    Own,
    /// As one of the team of the conversation's company.
    Team(CompanyId),
    /// Because the app's backend lets them, for a while.
    Grant(Grant),
}

/// Those who have passed the check of a channel in this process: whoever is among them is checked while what they want is
/// being read, all others before. So a stranger has nothing read, and nobody who may read waits for it twice.
///
/// It never decides who may do what.
#[derive(Debug, Default)]
pub(super) struct Passes(Mutex<HashSet<Pass>>);

type Pass = (UserId, Option<ConnectionId>, Channel);

/// The passes that a process remembers: of more it forgets all, and the next check comes first again.
const PASSES_MAX: usize = 10_000;

impl Passes {
    fn with<T>(&self, look: impl FnOnce(&mut HashSet<Pass>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When somebody passed the check of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Just now.
    Now,
    /// By an earlier request to this process: they have to be checked again before they are told anything.
    Before,
}

impl Store {
    /// Reads what those may see who may do this on a channel: for strangers nothing, beside what
    /// [`check_use`](Self::check_use) costs.
    ///
    /// # Errors
    /// Those of [`check_use`](Self::check_use), and of the read.
    pub async fn read_as<T>(
        &self,
        actor: Actor<'_>,
        channel: &Channel,
        capability: Capability,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let read = Box::pin(read); // the SDK's futures are deep
        if self.pass(actor, channel, capability).await? == Passed::Now {
            return read.await;
        }
        let check = async {
            let checked = self.check_use(actor, channel, capability).await;
            checked.inspect_err(|_| self.forget_pass(actor, channel))
        };
        let ((), read) = tokio::try_join!(check, read)?;
        Ok(read)
    }

    /// Refuses who may not do this on a channel, as [`check_use`](Self::check_use) does; no read for who passed before.
    ///
    /// # Errors
    /// Those of [`check_use`](Self::check_use).
    pub async fn pass(
        &self,
        actor: Actor<'_>,
        channel: &Channel,
        capability: Capability,
    ) -> Result<Passed, Error> {
        let pass = (actor.identity().user.clone(), actor.connection().cloned(), channel.clone());
        if self.passes.with(|passes| passes.contains(&pass)) {
            return Ok(Passed::Before);
        }
        self.check_use(actor, channel, capability).await?;
        self.passes.with(|passes| {
            if passes.len() >= PASSES_MAX {
                passes.clear();
            }
            passes.insert(pass);
        });
        Ok(Passed::Now)
    }

    /// Has somebody checked first again, who may no longer do what they might before.
    pub fn forget_pass(&self, actor: Actor<'_>, channel: &Channel) {
        let pass = (actor.identity().user.clone(), actor.connection().cloned(), channel.clone());
        self.passes.with(|passes| passes.remove(&pass));
    }

    /// Refuses who may not do this on a channel: 1 read for a connection; for a visitor, what
    /// [`check_join`](Self::check_join) costs.
    ///
    /// # Errors
    /// [`Error::NotJoined`] where a connection is no member; [`Error::Forbidden`] where a visitor may not join, or where the
    /// grant of either does not go so far.
    pub async fn check_use(
        &self,
        actor: Actor<'_>,
        channel: &Channel,
        capability: Capability,
    ) -> Result<(), Error> {
        match actor {
            Actor::Member(caller) => self.check_member(caller, channel, capability).await,
            Actor::Visitor { identity, grant, now } => {
                match self.right_to_join(identity, channel, grant.cloned(), now).await? {
                    Right::Grant(grant) => check_capability(Some(&grant), capability, now),
                    Right::Own | Right::Team(_) => Ok(()),
                }
            }
        }
    }

    /// By what right a user may join: by their own where they have one, else by the grant that they have brought; at what
    /// [`check_join`](Self::check_join) costs. Into a conversation that has ended a grant lets nobody.
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
        match (self.answer(identity, channel, Asker::User, now).await?, grant) {
            (Answer::Yes(right), _) => Ok(right),
            (Answer::No, Some(grant)) => Ok(Right::Grant(grant)),
            (Answer::Ended, Some(_)) => Err(Error::Forbidden("this conversation has ended")),
            (Answer::No | Answer::Ended, None) => Err(refused()),
        }
    }

    /// Refuses, on the stack's own behalf, a user who may not join a channel of their own right: 2 reads in one call for a
    /// conversation, none for other channels; and for a company of a user of Whop's, what it costs to know what they are to it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the policy says no; an unknown conversation is forbidden too, so that nobody learns which
    /// ones exist. Those of `with_company`, where Whop would have to say.
    pub async fn check_join(
        &self,
        identity: &Identity,
        channel: &Channel,
        now: Timestamp,
    ) -> Result<Right, Error> {
        match self.answer(identity, channel, Asker::Stack, now).await? {
            Answer::Yes(right) => Ok(right),
            Answer::No | Answer::Ended => Err(refused()),
        }
    }

    /// Whether a user may join a channel of their own right.
    async fn answer(
        &self,
        identity: &Identity,
        channel: &Channel,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        let identity = match channel.company() {
            Some(company) => self.with_company(identity, company, asker, now).await?,
            None => Cow::Borrowed(identity),
        };
        match (policy::may_join(&identity, channel), channel) {
            (JoinDecision::Allowed, _) => Ok(Answer::Yes(Right::Own)),
            (JoinDecision::DependsOnConversation, Channel::Conversation(conversation)) => {
                let ConversationAccess { company, is_participant, has_ended } =
                    self.conversation_access(conversation, &identity.user).await?;
                if has_ended {
                    return Ok(Answer::Ended);
                }
                let identity = match &company {
                    Some(company) if !is_participant => {
                        self.with_company(&identity, company, asker, now).await?
                    }
                    _ => Cow::Borrowed(&*identity), // a participant may, whatever they are to it
                };
                if policy::may_join_conversation(&identity, company.as_ref(), is_participant) {
                    let team_of = company.filter(|company| identity.is_team_of(company));
                    Ok(Answer::Yes(team_of.map_or(Right::Own, Right::Team)))
                } else {
                    Ok(Answer::No)
                }
            }
            _ => Ok(Answer::No),
        }
    }
}

/// Whether somebody may join of their own right.
enum Answer {
    Yes(Right),
    No,
    /// Nobody may: it is a conversation that is over.
    Ended,
}

/// The same for what is unknown, over, or somebody else's.
const fn refused() -> Error {
    Error::Forbidden("you may not join this channel")
}

/// Refuses what a grant does not go so far as to allow; who needs none is not held to one.
///
/// # Errors
/// [`Error::Forbidden`].
pub fn check_capability(grant: Option<&Grant>, capability: Capability, now: Timestamp) -> Result<(), Error> {
    if grant.is_none_or(|grant| grant.allows(capability, now)) {
        Ok(())
    } else {
        Err(Error::Forbidden("the grant does not allow this"))
    }
}
