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

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    CompanyId, Error, Identity, Timestamp, UserId,
    identity::{CompaniesBy, CompanyClaim, Role},
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{Store, Teams, failed, from_item, if_met, key, rate::QUESTIONS, to_item};
use crate::{
    web::ANSWER_SECS_MAX,
    whop::{Unanswered, Whop},
};

/// How long a yes counts.
pub const YES_LIFE: Duration = Duration::from_mins(5);
/// How long a no counts: who has just paid is not kept waiting.
pub const NO_LIFE: Duration = Duration::from_secs(30);
/// How long Whop is left alone after a question that failed.
pub const FAILURE_LIFE: Duration = Duration::from_secs(1);
/// How long somebody may be asking; then they have died of it, and another asks.
pub(super) const ASKING_LIFE: Duration = Duration::from_secs(ANSWER_SECS_MAX + 1);
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

/// What is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Whop says that the user is this to the company.
    Is(Role),
    /// Whop says that they are nothing to it.
    Stranger,
    /// Somebody is asking.
    Asking,
    /// Whop does not say.
    Unknown,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    pk: String,
    sk: String,
    state: State,
    until: Timestamp,
    ttl: i64,
}

impl Store {
    /// The identity, and with it what Whop says of this company where it is for Whop to say: 1 read where the answer is
    /// known, else 1 call of Whop's and 3 writes beside it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] where Whop is asked too much, or by this user; [`Error::Internal`] where it does not answer.
    pub(super) async fn with_company<'a>(
        &self,
        identity: &'a Identity,
        company: &CompanyId,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Cow<'a, Identity>, Error> {
        if identity.companies_by != CompaniesBy::Whop {
            return Ok(Cow::Borrowed(identity));
        }
        let whop = match &self.teams {
            Teams::Whop(whop) => whop,
            Teams::NoKey => return Ok(Cow::Borrowed(identity)),
            Teams::Unknown => {
                let reason = "this function has no WHOP_API, so it cannot know who is of a team";
                return Err(Error::Internal(reason.into()));
            }
        };
        if !Whop::knows(&identity.user, company) {
            return Ok(Cow::Borrowed(identity));
        }
        let Some(role) = self.role(whop, &identity.user, company, asker, now).await? else {
            return Ok(Cow::Borrowed(identity));
        };
        let mut identity = identity.clone();
        identity.companies.push(CompanyClaim { id: company.clone(), role });
        Ok(Cow::Owned(identity))
    }

    /// Forgets what Whop has said of a user, and is saying now, so that whoever needs it next asks again: 1 write.
    pub async fn forget_team(&self, user: &UserId, company: &CompanyId) -> Result<(), Error> {
        let delete = self.delete(key::team(user), company.to_string()).send().await;
        delete.map(drop).map_err(failed("DeleteItem of a team"))
    }

    async fn role(
        &self,
        whop: &Whop,
        user: &UserId,
        company: &CompanyId,
        asker: Asker,
        start: Timestamp,
    ) -> Result<Option<Role>, Error> {
        let started = Instant::now();
        loop {
            let now = start + started.elapsed();
            match self.state(user, company, now).await? {
                Some((State::Is(role), _)) => return Ok(Some(role)),
                Some((State::Stranger, _)) => return Ok(None),
                Some((State::Asking, _)) if started.elapsed() < ASKING_LIFE => sleep(LOOK_PAUSE).await,
                Some((State::Asking | State::Unknown, until)) => return Err(rate_limited(until.since(now))),
                None if self.begin_to_ask(user, company, now).await? => {
                    if let Some(outcome) = self.ask(whop, user, company, asker, now).await? {
                        return outcome;
                    }
                }
                None => {}
            }
        }
    }

    /// What is known and still counts, and until when.
    async fn state(
        &self,
        user: &UserId,
        company: &CompanyId,
        now: Timestamp,
    ) -> Result<Option<(State, Timestamp)>, Error> {
        let get = self.get(key::team(user), company.to_string());
        let item = get.send().await.map_err(failed("GetItem of a team"))?.item;
        let row: Option<Row> = item.map(from_item).transpose()?;
        Ok(row.filter(|row| now < row.until).map(|row| (row.state, row.until)))
    }

    /// Writes that it is being asked, unless somebody else has, or there is an answer by now.
    pub(super) async fn begin_to_ask(
        &self,
        user: &UserId,
        company: &CompanyId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let row = Row::new(user, company, State::Asking, now + ASKING_LIFE);
        self.put_team(row, "attribute_not_exists(pk) OR #until <= :at", now).await
    }

    /// Writes a row, if the condition on the end (`#until`) of the one that is there is met by this time (`:at`).
    async fn put_team(&self, row: Row, condition: &str, at: Timestamp) -> Result<bool, Error> {
        let put = self
            .put(to_item(row)?)
            .condition_expression(condition)
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()));
        Ok(if_met("PutItem of a team", put.send().await)?.is_some())
    }

    /// Asks, and writes down what came of it, unless that is out of date: what has been forgotten meanwhile, or asked for
    /// by another, is not what this question was about (`None`).
    async fn ask(
        &self,
        whop: &Whop,
        user: &UserId,
        company: &CompanyId,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Option<Result<Option<Role>, Error>>, Error> {
        let answer = loop {
            if let Some(answer) = self.ask_once(whop, user, company, asker, now).await {
                break answer;
            }
        };
        let (state, life, outcome) = match answer {
            Ok(Some(role)) => (State::Is(role), YES_LIFE, Ok(Some(role))),
            Ok(None) => (State::Stranger, NO_LIFE, Ok(None)),
            Err(Unanswered::Throttled(pause)) => {
                tracing::warn!(%user, %company, ?pause, "Whop is not asked for now");
                (State::Unknown, pause, Err(rate_limited(pause)))
            }
            Err(Unanswered::Failed(error)) => (State::Unknown, FAILURE_LIFE, Err(error)),
        };
        let until = if outcome.is_ok() { now } else { crate::now().max(now) } + life;
        let row = Row::new(user, company, state, until);
        Ok(self.put_team(row, "#until = :at", now + ASKING_LIFE).await?.then_some(outcome))
    }

    /// Makes one request to Whop, which is counted; there is no answer where it is to be made again.
    async fn ask_once(
        &self,
        whop: &Whop,
        user: &UserId,
        company: &CompanyId,
        asker: Asker,
        now: Timestamp,
    ) -> Option<Result<Option<Role>, Unanswered>> {
        match (self.admit(&QUESTIONS, user, now).await, asker) {
            (Ok(()), _) | (Err(Error::RateLimited { .. }), Asker::Stack) => {
                whop.role(user, company, now).await
            }
            (Err(Error::RateLimited { retry_after_ms }), Asker::User) => {
                Some(Err(Unanswered::Throttled(Duration::from_millis(retry_after_ms))))
            }
            (Err(error), _) => Some(Err(Unanswered::Failed(error))),
        }
    }
}

impl Row {
    fn new(user: &UserId, company: &CompanyId, state: State, until: Timestamp) -> Self {
        Self { pk: key::team(user), sk: company.to_string(), state, until, ttl: until.as_secs() }
    }
}

fn rate_limited(wait: Duration) -> Error {
    let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Error::RateLimited { retry_after_ms }
}
