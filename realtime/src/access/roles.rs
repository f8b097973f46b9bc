//! The roles of users in companies and experiences, as Whop reports them. Whop's tokens name only the user, so Whop is
//! asked about a company or an experience when its answer is needed, and the table caches the answer for all processes.
//!
//! A role is valid for [`YES_LIFE`] from when it was asked for, the absence of a role for [`NO_LIFE`]. Only one
//! request per user and company is under way at a time, whichever processes need the answer: the process that writes
//! down that it is asking asks, and the others wait for the answer that it writes next. A failed request is not
//! repeated at once either. Without a valid answer nobody is admitted: an expired answer never counts as a role.
//!
//! An answer is only valid for the request that is written down. When access changes, that row is deleted along with
//! the cached answer, so an answer that is still on its way is not kept, and the processes that wait for it ask
//! again.

use std::{borrow::Cow, time::Duration};

use funnelcast_aws::{
    Config, Resource, Setting, Table,
    clock::{self, now},
    table::roles::RoleState,
};
use funnelcast_core::{
    CompanyId, Error, ExperienceId, Identity, Timestamp, UserId,
    identity::{CompaniesBy, CompanyClaim, Role},
};
use tokio::time::{Instant, sleep};

use crate::{
    rates::{QUESTIONS, Rates, rate_limited},
    web::ANSWER_SECS_MAX,
    whop::{Whop, WhopFailure},
};

/// How long a role is cached.
pub const YES_LIFE: Duration = Duration::from_mins(5);
/// How long the absence of a role is cached. It is short, because a user who has just paid should not be kept
/// waiting.
pub const NO_LIFE: Duration = Duration::from_secs(30);
/// How long no request is sent to Whop after one that failed.
pub const FAILURE_LIFE: Duration = Duration::from_secs(1);
/// How long a process may take to ask. After that it counts as dead, and another process asks.
pub(crate) const ASKING_LIFE: Duration = Duration::from_secs(ANSWER_SECS_MAX + 1);
/// The pause between two reads while waiting for the answer that another process asks for.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// On whose behalf Whop is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// On behalf of the user, who is rate limited.
    User,
    /// On behalf of the stack, because access may have changed. The request is counted too, but never refused:
    /// otherwise users could keep access that they have lost, by causing many requests.
    Stack,
}

/// The source of the roles of Whop's users.
#[derive(Debug)]
pub enum Roles {
    /// Whop's API.
    Whop(Box<Whop>),
    /// None: the stack has no key for Whop's API, so Whop's users have no role in any company.
    NoKey,
    /// None is configured for this function, so it can neither grant nor deny a role.
    Unknown,
}

impl Resource for Roles {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(match Whop::new(config, now()).await? {
            Some(whop) => Self::Whop(Box::new(whop)),
            None if config.whop_api.is_some() => Self::NoKey,
            None => Self::Unknown,
        })
    }
}

impl Roles {
    /// The identity, extended by the role that the user has in this company according to Whop, if their roles come
    /// from Whop: 1 read if the answer is cached, else 1 request to Whop and 3 writes.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if Whop's rate limit or the user's is reached; [`Error::Internal`] if Whop does not
    /// answer.
    pub(super) async fn with_role<'a>(
        &self,
        table: &Table,
        rates: &Rates,
        identity: &'a Identity,
        company: &CompanyId,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Cow<'a, Identity>, Error> {
        let whop = self.whop_for(identity)?.filter(|_| Whop::knows(&identity.user, company));
        let Some(whop) = whop else { return Ok(Cow::Borrowed(identity)) };
        let question = Question { table, rates, whop, user: &identity.user, place: company.as_str(), asker };
        let Some(role) = question.role(now).await? else { return Ok(Cow::Borrowed(identity)) };
        let mut identity = identity.clone();
        identity.companies.push(CompanyClaim { id: company.clone(), role });
        Ok(Cow::Owned(identity))
    }

    /// The identity, extended by this experience if the user has access to it according to Whop. It costs as much as
    /// [`with_role`](Self::with_role).
    ///
    /// # Errors
    /// Those of [`with_role`](Self::with_role).
    pub(super) async fn with_experience<'a>(
        &self,
        table: &Table,
        rates: &Rates,
        identity: &'a Identity,
        experience: &ExperienceId,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Cow<'a, Identity>, Error> {
        let whop = self.whop_for(identity)?.filter(|_| Whop::knows_experience(&identity.user, experience));
        let Some(whop) = whop else { return Ok(Cow::Borrowed(identity)) };
        let question =
            Question { table, rates, whop, user: &identity.user, place: experience.as_str(), asker };
        if question.role(now).await?.is_none() {
            return Ok(Cow::Borrowed(identity));
        }
        let mut identity = identity.clone();
        identity.experiences.push(experience.clone());
        Ok(Cow::Owned(identity))
    }

    /// Whop, if this user's roles come from there and the stack has a key for it.
    fn whop_for(&self, identity: &Identity) -> Result<Option<&Whop>, Error> {
        match self {
            _ if identity.companies_by != CompaniesBy::Whop => Ok(None),
            Self::Whop(whop) => Ok(Some(whop)),
            Self::NoKey => Ok(None),
            Self::Unknown => Err(Setting::WHOP_API.missing()),
        }
    }
}

/// A query for the role of a user in a place: a company or an experience, by its id.
struct Question<'a> {
    table: &'a Table,
    rates: &'a Rates,
    whop: &'a Whop,
    user: &'a UserId,
    place: &'a str,
    asker: Asker,
}

impl Question<'_> {
    /// The role, from the table or from Whop.
    async fn role(&self, start: Timestamp) -> Result<Option<Role>, Error> {
        let started = Instant::now();
        loop {
            let now = start + started.elapsed();
            match self.table.role_state(self.user, self.place, now).await? {
                Some((RoleState::Is(role), _)) => return Ok(Some(role)),
                Some((RoleState::NoRole, _)) => return Ok(None),
                Some((RoleState::Asking, _)) if started.elapsed() < ASKING_LIFE => sleep(LOOK_PAUSE).await,
                Some((RoleState::Asking | RoleState::Unknown, until)) => {
                    return Err(rate_limited(until.since(now)));
                }
                None => {
                    let until = now + ASKING_LIFE;
                    if self.table.begin_asking(self.user, self.place, now, until).await?
                        && let Some(outcome) = self.ask(now, until).await?
                    {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Asks Whop and stores the answer. Returns `None` if the answer is out of date, because the request has been
    /// discarded in the meantime or another process has taken it over.
    async fn ask(
        &self,
        now: Timestamp,
        asking_until: Timestamp,
    ) -> Result<Option<Result<Option<Role>, Error>>, Error> {
        let answer = loop {
            if let Some(answer) = self.ask_once(now).await {
                break answer;
            }
        };
        let Self { user, place, .. } = *self;
        let (state, life, outcome) = match answer {
            Ok(Some(role)) => (RoleState::Is(role), YES_LIFE, Ok(Some(role))),
            Ok(None) => (RoleState::NoRole, NO_LIFE, Ok(None)),
            Err(WhopFailure::Throttled(pause)) => {
                tracing::warn!(%user, place, ?pause, "Whop is rate limited");
                (RoleState::Unknown, pause, Err(rate_limited(pause)))
            }
            Err(WhopFailure::Failed(error)) => (RoleState::Unknown, FAILURE_LIFE, Err(error)),
        };
        let until = if outcome.is_ok() { now } else { clock::now().max(now) } + life;
        let is_written = self.table.put_answer(user, place, (state, until), asking_until).await?;
        Ok(is_written.then_some(outcome))
    }

    /// Sends one request to Whop, which is counted. Returns `None` if it must be repeated.
    async fn ask_once(&self, now: Timestamp) -> Option<Result<Option<Role>, WhopFailure>> {
        let Self { user, place, .. } = *self;
        match (self.rates.admit(&QUESTIONS, user, now).await, self.asker) {
            (Ok(()), _) | (Err(Error::RateLimited { .. }), Asker::Stack) => {
                self.whop.role(user, place, now).await
            }
            (Err(Error::RateLimited { retry_after_ms }), Asker::User) => {
                Some(Err(WhopFailure::Throttled(Duration::from_millis(retry_after_ms))))
            }
            (Err(error), _) => Some(Err(WhopFailure::Failed(error))),
        }
    }
}
