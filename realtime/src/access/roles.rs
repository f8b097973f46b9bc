//! What users are to companies, as Whop has said: its tokens name the user alone, so it is asked for a company when that
//! matters, and the table remembers the answer for all processes.
//!
//! A yes counts for [`YES_LIFE`] from when it was asked for, a no for [`NO_LIFE`]. One question is under way for a user and
//! a company, whoever needs the answer: whoever writes that they are asking asks, and the others wait for what is written
//! next. One that fails is not asked again at once either. Until there is an answer that counts, nobody is let in: what is no
//! more is never a yes.
//!
//! An answer counts only for the question that is written down. When access changes, that is forgotten with all else, so an
//! answer that is still on its way is not kept, and whoever waits for it asks again.

use std::{borrow::Cow, time::Duration};

use funnelcast_aws::{
    Config, Resource, Table,
    clock::{self, now},
    table::roles::RoleState,
};
use funnelcast_core::{
    CompanyId, Error, Identity, Timestamp, UserId,
    identity::{CompaniesBy, CompanyClaim, Role},
};
use tokio::time::{Instant, sleep};

use crate::{
    rates::{QUESTIONS, Rates},
    web::ANSWER_SECS_MAX,
    whop::{Whop, WhopFailure},
};

/// How long a yes counts.
pub const YES_LIFE: Duration = Duration::from_mins(5);
/// How long a no counts: who has just paid is not kept waiting.
pub const NO_LIFE: Duration = Duration::from_secs(30);
/// How long Whop is left alone after a question that failed.
pub const FAILURE_LIFE: Duration = Duration::from_secs(1);
/// How long somebody may be asking; then they have died of it, and another asks.
pub(crate) const ASKING_LIFE: Duration = Duration::from_secs(ANSWER_SECS_MAX + 1);
/// Between two looks of one who waits for another's answer.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// On whose behalf Whop is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The user's, who may ask only so often.
    User,
    /// The stack's, which has heard that access may have changed. It is counted too, and never refused: else users could
    /// keep what they have lost, by asking a lot.
    Stack,
}

/// Where the roles of Whop's users come from.
#[derive(Debug)]
pub enum Roles {
    /// Whop.
    Whop(Box<Whop>),
    /// Nowhere: the stack has no key for Whop's API, so Whop's users have no role in any company.
    NoKey,
    /// The function was not told, and so can say neither yes nor no.
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
    /// The identity, and with it the role in this company that Whop says the user has, where that is for Whop to say: 1 read
    /// where the answer is known, else 1 request to Whop and 3 writes beside it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] where Whop is asked too much, or by this user; [`Error::Internal`] where it does not answer.
    pub(super) async fn with_role<'a>(
        &self,
        table: &Table,
        rates: &Rates,
        identity: &'a Identity,
        company: &CompanyId,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Cow<'a, Identity>, Error> {
        if identity.companies_by != CompaniesBy::Whop {
            return Ok(Cow::Borrowed(identity));
        }
        let whop = match self {
            Self::Whop(whop) => whop,
            Self::NoKey => return Ok(Cow::Borrowed(identity)),
            Self::Unknown => {
                let reason = "this function has no WHOP_API, so it cannot know the roles of Whop's users";
                return Err(Error::Internal(reason.into()));
            }
        };
        if !Whop::knows(&identity.user, company) {
            return Ok(Cow::Borrowed(identity));
        }
        let question = Question { table, rates, whop, user: &identity.user, company, asker };
        let Some(role) = question.role(now).await? else { return Ok(Cow::Borrowed(identity)) };
        let mut identity = identity.clone();
        identity.companies.push(CompanyClaim { id: company.clone(), role });
        Ok(Cow::Owned(identity))
    }
}

/// What a user's role in a company is.
struct Question<'a> {
    table: &'a Table,
    rates: &'a Rates,
    whop: &'a Whop,
    user: &'a UserId,
    company: &'a CompanyId,
    asker: Asker,
}

impl Question<'_> {
    /// The role, from the table or from Whop.
    async fn role(&self, start: Timestamp) -> Result<Option<Role>, Error> {
        let started = Instant::now();
        loop {
            let now = start + started.elapsed();
            match self.table.role_state(self.user, self.company, now).await? {
                Some((RoleState::Is(role), _)) => return Ok(Some(role)),
                Some((RoleState::Stranger, _)) => return Ok(None),
                Some((RoleState::Asking, _)) if started.elapsed() < ASKING_LIFE => sleep(LOOK_PAUSE).await,
                Some((RoleState::Asking | RoleState::Unknown, until)) => {
                    return Err(rate_limited(until.since(now)));
                }
                None => {
                    let until = now + ASKING_LIFE;
                    if self.table.begin_asking(self.user, self.company, now, until).await?
                        && let Some(outcome) = self.ask(now, until).await?
                    {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Asks, and writes the answer down unless it is out of date: an answer to a question that has been forgotten meanwhile, or
    /// is asked by another, does not count (`None`).
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
        let Self { user, company, .. } = *self;
        let (state, life, outcome) = match answer {
            Ok(Some(role)) => (RoleState::Is(role), YES_LIFE, Ok(Some(role))),
            Ok(None) => (RoleState::Stranger, NO_LIFE, Ok(None)),
            Err(WhopFailure::Throttled(pause)) => {
                tracing::warn!(%user, %company, ?pause, "Whop is not asked for now");
                (RoleState::Unknown, pause, Err(rate_limited(pause)))
            }
            Err(WhopFailure::Failed(error)) => (RoleState::Unknown, FAILURE_LIFE, Err(error)),
        };
        let until = if outcome.is_ok() { now } else { clock::now().max(now) } + life;
        let is_written = self.table.put_answer(user, company, (state, until), asking_until).await?;
        Ok(is_written.then_some(outcome))
    }

    /// Makes one request to Whop, which is counted; `None` where it is to be made again.
    async fn ask_once(&self, now: Timestamp) -> Option<Result<Option<Role>, WhopFailure>> {
        let Self { user, company, .. } = *self;
        match (self.rates.admit(&QUESTIONS, user, now).await, self.asker) {
            (Ok(()), _) | (Err(Error::RateLimited { .. }), Asker::Stack) => {
                self.whop.role(user, company, now).await
            }
            (Err(Error::RateLimited { retry_after_ms }), Asker::User) => {
                Some(Err(WhopFailure::Throttled(Duration::from_millis(retry_after_ms))))
            }
            (Err(error), _) => Some(Err(WhopFailure::Failed(error))),
        }
    }
}

fn rate_limited(wait: Duration) -> Error {
    let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Error::RateLimited { retry_after_ms }
}
