//! Whop's answer to what a user is to a company
//! (<https://docs.whop.com/api-reference/users/check-access>): one question, one answer, no memory. The memory is the
//! table's ([`roles`](crate::access::roles)).

use std::time::Duration;

use funnelcast_aws::{Config, pool::HttpAnswer, secrets::Secret};
use funnelcast_core::{CompanyId, Error, Timestamp, UserId, identity::Role};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::web::{Site, SiteFailure};

/// What every company id of Whop's begins with. Of the ids that it would answer for too, of products and experiences, none
/// is a company.
const COMPANY_PREFIX: &str = "biz_";
/// What every user id of Whop's begins with.
pub(crate) const USER_PREFIX: &str = "user_";
/// The answer is two fields.
const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// How long Whop is left alone that says to ask less (429): what it says itself, within these bounds.
const THROTTLED_SECS_DEFAULT: u64 = 5;
const THROTTLED_SECS_MAX: u64 = 30;

/// Whop's API, with the app's key.
#[derive(Debug)]
pub struct Whop {
    site: Site,
    key: Secret,
}

/// Why there is no answer. Nobody is let in without one.
#[derive(Debug)]
pub enum WhopFailure {
    /// Whop is asked too much, or by this user; how long to leave it alone.
    Throttled(Duration),
    /// Something else is wrong.
    Failed(Error),
}

/// `access_level` says it all; `has_access` must say the same.
#[derive(Deserialize)]
struct Access {
    has_access: bool,
    access_level: Level,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Level {
    Admin,
    Customer,
    NoAccess,
}

impl Whop {
    /// Where the stack names a key of Whop's; `None` else. The key is read now, or by the first question.
    ///
    /// # Errors
    /// [`Error::Internal`] where the URL is none.
    pub(crate) async fn new(config: &Config, now: Timestamp) -> Result<Option<Self>, Error> {
        let Some(name) = &config.whop_api_key else { return Ok(None) };
        let site = Site::new(Config::need("WHOP_API", config.whop_api.as_ref())?, ANSWER_BYTES_MAX)?;
        let key = Secret::new(name.clone().try_into()?, config, 1)?;
        drop(key.value(now).await);
        Ok(Some(Self { site, key }))
    }

    /// Whether these are ids of Whop's, so that there is something to ask.
    pub(crate) fn knows(user: &UserId, company: &CompanyId) -> bool {
        user.as_str().starts_with(USER_PREFIX) && company.as_str().starts_with(COMPANY_PREFIX)
    }

    /// What the user is to the company, `None` for nothing: 1 call. No answer at all where the call went over a socket that had
    /// ended; then it is to be asked again.
    pub(crate) async fn role(
        &self,
        user: &UserId,
        company: &CompanyId,
        now: Timestamp,
    ) -> Option<Result<Option<Role>, WhopFailure>> {
        let headers = match self.headers(now).await {
            Ok(headers) => headers,
            Err(error) => return Some(Err(WhopFailure::Failed(error))),
        };
        // Ids are of an alphabet that needs no escaping in a path.
        match self.site.get_once(&format!("/users/{user}/access/{company}"), &headers).await {
            Ok(answer) => Some(read(&answer)),
            Err(SiteFailure::Failed(error)) => Some(Err(WhopFailure::Failed(error))),
            Err(SiteFailure::Stale) => None,
        }
    }

    async fn headers(&self, now: Timestamp) -> Result<HeaderMap, Error> {
        let key = format!("Bearer {}", self.key.value(now).await?);
        let mut key = HeaderValue::try_from(key)
            .map_err(|_| Error::Internal("Whop's key has characters that no header may have".into()))?;
        key.set_sensitive(true);
        Ok(HeaderMap::from_iter([(header::AUTHORIZATION, key)]))
    }
}

fn read(answer: &HttpAnswer) -> Result<Option<Role>, WhopFailure> {
    match answer.status {
        StatusCode::OK => {
            let body = answer.body.as_deref().unwrap_or_default();
            let access: Access = serde_json::from_slice(body)
                .map_err(|error| WhopFailure::Failed(Error::internal("Whop's answer", &error)))?;
            match (access.access_level, access.has_access) {
                (Level::Admin, true) => Ok(Some(Role::Admin)),
                (Level::Customer, true) => Ok(Some(Role::Customer)),
                (Level::NoAccess, false) => Ok(None),
                _ => Err(WhopFailure::Failed(Error::Internal("Whop's answer contradicts itself".into()))),
            }
        }
        StatusCode::NOT_FOUND => Ok(None), // no such user or company
        StatusCode::TOO_MANY_REQUESTS => Err(WhopFailure::Throttled(pause(&answer.headers))),
        status => Err(WhopFailure::Failed(Error::Internal(format!("Whop answers {status}")))),
    }
}

/// What `Retry-After` says in seconds.
fn pause(headers: &HeaderMap) -> Duration {
    let said = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(said.unwrap_or(THROTTLED_SECS_DEFAULT).clamp(1, THROTTLED_SECS_MAX))
}
