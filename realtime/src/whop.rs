//! A user's role in a company or an experience, from Whop's API (<https://docs.whop.com/api-reference/users/check-access>). Each call
//! is one request, and nothing is cached here: the cache is in the table ([`roles`](crate::access::roles)).

use std::time::Duration;

use funnelcast_aws::{Config, Setting, pool::HttpAnswer, secrets::Secret};
use funnelcast_core::{CompanyId, Error, ExperienceId, Timestamp, UserId, identity::Role};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::web::{Site, SiteFailure};

/// The prefix of every company id at Whop. The endpoint accepts ids of companies, products and experiences alike.
const COMPANY_PREFIX: &str = "biz_";
/// The prefix of every experience id at Whop.
const EXPERIENCE_PREFIX: &str = "exp_";
/// The prefix of every user id at Whop.
pub(crate) const USER_PREFIX: &str = "user_";
/// The most bytes that are read of a response, which has two fields.
const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// How long no request is sent after a 429, in seconds: what `Retry-After` says, at most the maximum, else the
/// default.
const THROTTLED_SECS_DEFAULT: u64 = 5;
const THROTTLED_SECS_MAX: u64 = 30;

/// Whop's API, with the app's API key.
#[derive(Debug)]
pub struct Whop {
    site: Site,
    key: Secret,
}

/// Why Whop gave no role. Nobody is admitted without one.
#[derive(Debug)]
pub enum WhopFailure {
    /// Whop's rate limit is reached, or this user's own; the value is how long to wait.
    Throttled(Duration),
    /// The request failed for any other reason.
    Failed(Error),
}

/// The body of a response. `access_level` alone decides; `has_access` must agree with it.
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
    /// Returns `None` if the stack configures no API key for Whop. The key is read now; if that fails, the first
    /// request reads it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the URL is invalid.
    pub(crate) async fn new(config: &Config, now: Timestamp) -> Result<Option<Self>, Error> {
        let Some(name) = &config.whop_api_key else { return Ok(None) };
        let url = Setting::WHOP_API.need(config.whop_api.as_ref())?;
        let site = Site::new(url, ANSWER_BYTES_MAX).map_err(|error| Setting::WHOP_API.caused_by(&error))?;
        let name = name.clone().try_into().map_err(|error: Error| Setting::WHOP_API_KEY.caused_by(&error))?;
        let key = Secret::new(name, config, 1)?;
        drop(key.value(now).await);
        Ok(Some(Self { site, key }))
    }

    /// Whether this user and this company are Whop's, so that there is something to ask for.
    pub(crate) fn knows(user: &UserId, company: &CompanyId) -> bool {
        user.as_str().starts_with(USER_PREFIX) && company.as_str().starts_with(COMPANY_PREFIX)
    }

    /// Whether this user and this experience are Whop's.
    pub(crate) fn knows_experience(user: &UserId, experience: &ExperienceId) -> bool {
        user.as_str().starts_with(USER_PREFIX) && experience.as_str().starts_with(EXPERIENCE_PREFIX)
    }

    /// The user's role in the company or the experience with this id, or `Some(Ok(None))` if they have none: 1 call. Returns `None` if the request
    /// used an idle socket that had been closed; the caller then repeats it.
    pub(crate) async fn role(
        &self,
        user: &UserId,
        place: &str,
        now: Timestamp,
    ) -> Option<Result<Option<Role>, WhopFailure>> {
        let headers = match self.headers(now).await {
            Ok(headers) => headers,
            Err(error) => return Some(Err(WhopFailure::Failed(error))),
        };
        // The alphabet of the ids needs no escaping in a path.
        match self.site.get_once(&format!("/users/{user}/access/{place}"), &headers).await {
            Ok(answer) => Some(read(&answer)),
            Err(SiteFailure::Failed(error)) => Some(Err(WhopFailure::Failed(error))),
            Err(SiteFailure::Stale) => None,
        }
    }

    async fn headers(&self, now: Timestamp) -> Result<HeaderMap, Error> {
        let key = format!("Bearer {}", self.key.value(now).await?);
        let mut key = HeaderValue::try_from(key)
            .map_err(|_| Error::Internal("Whop's key has characters that are invalid in a header".into()))?;
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
        StatusCode::NOT_FOUND => Ok(None), // no such user or place
        StatusCode::TOO_MANY_REQUESTS => Err(WhopFailure::Throttled(pause(&answer.headers))),
        status => Err(WhopFailure::Failed(Error::Internal(format!("Whop answered {status}")))),
    }
}

/// The seconds of `Retry-After`, within bounds.
fn pause(headers: &HeaderMap) -> Duration {
    let said = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(said.unwrap_or(THROTTLED_SECS_DEFAULT).clamp(1, THROTTLED_SECS_MAX))
}
