//! A key set that an issuer keeps at a URL (RFC 7517, 5), as this process last fetched it.
//!
//! The URL is the configuration's, never a token's. A set counts for [`SET_AGE_MAX`], then it is fetched anew; where that
//! fails it counts on, as far as [`SET_AGE_LAST`], for an issuer whose server is down has not withdrawn its keys. A token
//! with an unknown key has the set fetched again too, but that anybody can cause: so at most one fetch in
//! [`FETCH_PAUSE`], and one at a time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use funnelcast_core::{Error, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;

use super::key_set::KeySet;
use crate::web::Site;

/// After that a set is fetched anew.
pub(super) const SET_AGE_MAX: Duration = Duration::from_hours(12);
/// After that it counts for nothing, whatever its server does.
pub(super) const SET_AGE_LAST: Duration = Duration::from_hours(24);
/// Between two fetches.
pub(super) const FETCH_PAUSE: Duration = Duration::from_secs(30);
/// Between two where there are no keys at all, and so everybody is refused.
pub(super) const FIRST_FETCH_PAUSE: Duration = Duration::from_secs(1);
/// The largest set that is read.
pub(super) const SET_BYTES_MAX: usize = 64 * 1024;

/// A set, and where it is kept.
#[derive(Debug)]
pub(super) struct Jwks {
    site: Site,
    alg: Algorithm,
    last: Mutex<Option<Fetched>>,
    /// When it was last tried. Whoever fetches holds it, and the others wait for what comes of that.
    tried_at: tokio::sync::Mutex<Option<Timestamp>>,
}

/// A set as it was fetched.
#[derive(Debug, Clone)]
struct Fetched {
    keys: Arc<KeySet>,
    etag: Option<HeaderValue>,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Document {
    /// Each by itself, so that one of a kind that we do not know spoils none of the others.
    keys: Vec<Value>,
}

impl Jwks {
    /// Of the set at `url`, the keys for `alg`. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`Error::Internal`] where `url` is none of `https`.
    pub(super) fn new(url: &str, alg: Algorithm) -> Result<Self, Error> {
        let site = Site::new(url, SET_BYTES_MAX)?;
        Ok(Self { site, alg, last: Mutex::default(), tried_at: tokio::sync::Mutex::default() })
    }

    /// The keys of this name, as [`KeySet::find`] has them: no call, or one where the set is old or has none such.
    pub(super) async fn find(&self, kid: Option<&str>, now: Timestamp) -> Vec<DecodingKey> {
        let keys = self.known(kid, now, SET_AGE_MAX);
        if !keys.is_empty() {
            return keys;
        }
        self.refresh(now).await;
        self.known(kid, now, SET_AGE_LAST)
    }

    /// The same in the set as it is, if it is not older than this.
    fn known(&self, kid: Option<&str>, now: Timestamp, age_max: Duration) -> Vec<DecodingKey> {
        let set = self.last().filter(|set| now < set.at + age_max);
        set.map(|set| set.keys.find(kid)).unwrap_or_default()
    }

    /// Fetches the set, unless somebody just has.
    pub(super) async fn refresh(&self, now: Timestamp) {
        let mut tried_at = self.tried_at.lock().await;
        let pause = if self.last().is_some() { FETCH_PAUSE } else { FIRST_FETCH_PAUSE };
        if tried_at.is_some_and(|tried| now < tried + pause) {
            return;
        }
        *tried_at = Some(now);
        match self.fetch(now).await {
            Ok(set) => *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(set),
            Err(error) => tracing::warn!(%error, site = ?self.site, "an issuer's keys could not be fetched"),
        }
    }

    async fn fetch(&self, now: Timestamp) -> Result<Fetched, Error> {
        let last = self.last();
        let mut headers = HeaderMap::new();
        if let Some(etag) = last.as_ref().and_then(|set| set.etag.clone()) {
            headers.insert(header::IF_NONE_MATCH, etag);
        }
        let answer = self.site.get("", &headers).await?;
        match (answer.status, last) {
            (StatusCode::NOT_MODIFIED, Some(set)) => Ok(Fetched { at: now, ..set }),
            (StatusCode::OK, _) => {
                let body =
                    answer.body.ok_or(Error::Internal("the set is larger than 64 KiB, or is cut".into()))?;
                let keys = Arc::new(self.parse(&body)?);
                Ok(Fetched { keys, etag: answer.headers.get(header::ETAG).cloned(), at: now })
            }
            (status, _) => Err(Error::Internal(format!("the set is answered with {status}"))),
        }
    }

    fn parse(&self, body: &[u8]) -> Result<KeySet, Error> {
        let document: Document =
            serde_json::from_slice(body).map_err(|error| Error::internal("the set", &error))?;
        let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let set = KeySet::new(self.alg, keys);
        if set.is_empty() {
            Err(Error::Internal("the set has no key for its algorithm".into()))
        } else {
            Ok(set)
        }
    }

    fn last(&self) -> Option<Fetched> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
