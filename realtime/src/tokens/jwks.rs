//! A key set that an issuer publishes at a URL (RFC 7517, 5), as this process last fetched it.
//!
//! The URL comes from the configuration, never from a token. A set is valid for [`SET_AGE_MAX`] and is then fetched
//! again; if that fails it stays valid up to [`SET_AGE_LAST`], because an issuer whose server is down has not
//! withdrawn its keys. A token with an unknown key also causes a fetch, but anyone can send such a token, so there is
//! at most one fetch per [`FETCH_PAUSE`], and only one at a time.

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

/// The age after which a set is fetched again.
pub(super) const SET_AGE_MAX: Duration = Duration::from_hours(12);
/// The age after which a set is no longer valid, even if it cannot be fetched.
pub(super) const SET_AGE_LAST: Duration = Duration::from_hours(24);
/// The shortest time between two fetches.
pub(super) const FETCH_PAUSE: Duration = Duration::from_secs(30);
/// The shortest time between two fetches while there are no keys at all, and so every token is refused.
pub(super) const FIRST_FETCH_PAUSE: Duration = Duration::from_secs(1);
/// The largest set that is read, in bytes.
pub(super) const SET_BYTES_MAX: usize = 64 * 1024;

/// A key set and where it is published.
#[derive(Debug)]
pub(super) struct Jwks {
    site: Site,
    alg: Algorithm,
    last: Mutex<Option<Fetched>>,
    /// When a fetch was last tried. The task that fetches holds the lock, and the others wait for its outcome.
    tried_at: tokio::sync::Mutex<Option<Timestamp>>,
}

/// A set as it was fetched.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    keys: Arc<KeySet>,
    etag: Option<HeaderValue>,
    at: Timestamp,
}

#[derive(Deserialize)]
struct Document {
    /// Parsed one by one, so that a key of an unknown kind does not spoil the others.
    keys: Vec<Value>,
}

impl Jwks {
    /// The keys for `alg` of the set at `url`. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`Error::Internal`] if `url` is no `https` URL.
    pub(super) fn new(url: &str, alg: Algorithm) -> Result<Self, Error> {
        let site = Site::new(url, SET_BYTES_MAX)?;
        Ok(Self { site, alg, last: Mutex::default(), tried_at: tokio::sync::Mutex::default() })
    }

    /// The keys with this id, as [`KeySet::find`] returns them: no call, or one if the set is old or has no such key.
    pub(super) async fn find(&self, kid: Option<&str>, now: Timestamp) -> Vec<DecodingKey> {
        let keys = self.known(kid, now, SET_AGE_MAX);
        if !keys.is_empty() {
            return keys;
        }
        self.refresh(now).await;
        self.known(kid, now, SET_AGE_LAST)
    }

    /// The keys in the present set, if it is younger than this.
    fn known(&self, kid: Option<&str>, now: Timestamp, age_max: Duration) -> Vec<DecodingKey> {
        let set = self.last().filter(|set| now < set.at + age_max);
        set.map(|set| set.keys.find(kid)).unwrap_or_default()
    }

    /// Fetches the set, unless it was fetched or tried just now.
    pub(super) async fn refresh(&self, now: Timestamp) {
        let mut tried_at = self.tried_at.lock().await;
        let pause = if self.last().is_some() { FETCH_PAUSE } else { FIRST_FETCH_PAUSE };
        if tried_at.is_some_and(|tried| now < tried + pause) {
            return;
        }
        *tried_at = Some(now);
        match self.try_fetch(now).await {
            Ok(set) => *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(set),
            Err(error) => tracing::warn!(%error, site = ?self.site, "an issuer's keys could not be fetched"),
        }
    }

    /// Fetches the set, whenever that was done before.
    pub(super) async fn try_fetch(&self, now: Timestamp) -> Result<Fetched, Error> {
        let last = self.last();
        let mut headers = HeaderMap::new();
        if let Some(etag) = last.as_ref().and_then(|set| set.etag.clone()) {
            headers.insert(header::IF_NONE_MATCH, etag);
        }
        let answer = self.site.get("", &headers).await?;
        match (answer.status, last) {
            (StatusCode::NOT_MODIFIED, Some(set)) => Ok(Fetched { at: now, ..set }),
            (StatusCode::OK, _) => {
                let body = answer
                    .body
                    .ok_or(Error::Internal("the key set is larger than 64 KiB, or truncated".into()))?;
                let keys = Arc::new(self.parse(&body)?);
                Ok(Fetched { keys, etag: answer.headers.get(header::ETAG).cloned(), at: now })
            }
            (status, _) => Err(Error::Internal(format!("the key set's server answered {status}"))),
        }
    }

    fn parse(&self, body: &[u8]) -> Result<KeySet, Error> {
        let document: Document =
            serde_json::from_slice(body).map_err(|error| Error::internal("the set", &error))?;
        let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let set = KeySet::new(self.alg, keys);
        if set.is_empty() {
            Err(Error::Internal("the key set has no key for the issuer's algorithm".into()))
        } else {
            Ok(set)
        }
    }

    fn last(&self) -> Option<Fetched> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
