//! An issuer's keys: which ones a token may be signed with. The token names one at most; it never brings one along (`jwk`,
//! `x5c`), nor says where to get it (`jku`, `x5u`).

use funnelcast_aws::{Config, secrets::Secret};
use funnelcast_core::{Error, Timestamp};
use jsonwebtoken::DecodingKey;

use super::{
    jwks::Jwks,
    key_set::KeySet,
    table::{self, HS256_SECRET_BYTES_MIN, IssuerRow, wrong},
    token::Reason,
};

/// Where keys are looked for.
#[derive(Debug)]
pub(super) enum Keys {
    /// In a set that never changes.
    Static(KeySet),
    /// In a set that the issuer keeps.
    Jwks(Box<Jwks>),
    /// There is one, a secret that both sides know.
    Shared(Secret),
}

impl Keys {
    /// Reads nothing yet that is not in the configuration.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration has no key that could ever count.
    pub(super) fn new(row: IssuerRow, config: &Config) -> Result<Self, Error> {
        let IssuerRow { iss, alg, keys, .. } = row;
        match keys {
            table::Keys::One(key) => Ok(Self::Static(KeySet::of(key))),
            table::Keys::Static(keys) => match KeySet::new(alg, keys) {
                set if set.is_empty() => Err(wrong(&iss, "has no key for its algorithm")),
                set => Ok(Self::Static(set)),
            },
            table::Keys::Jwks(url) => Ok(Self::Jwks(Box::new(Jwks::new(&url, alg)?))),
            table::Keys::Secret(name) => Ok(Self::Shared(Secret::new(name, config, HS256_SECRET_BYTES_MIN)?)),
        }
    }

    /// Fetches or reads what the first token will need. Where that fails, that token tries again.
    pub(super) async fn open(&self, now: Timestamp) {
        match self {
            Self::Static(_) => {}
            Self::Jwks(jwks) => jwks.refresh(now).await,
            Self::Shared(secret) => drop(secret.value(now).await),
        }
    }

    /// The keys of this name, or those that a token may be signed with that names none.
    ///
    /// # Errors
    /// The reason where there is none, or none is available.
    pub(super) async fn find(&self, kid: Option<&str>, now: Timestamp) -> Result<Vec<DecodingKey>, Reason> {
        let keys = match self {
            Self::Static(keys) => keys.find(kid),
            Self::Jwks(jwks) => jwks.find(kid, now).await,
            Self::Shared(secret) => match secret.value(now).await {
                Ok(secret) => vec![DecodingKey::from_secret(secret.as_bytes())],
                Err(_) => return Err("its issuer's secret is not available"), // which the log has, with its name
            },
        };
        if keys.is_empty() { Err("it is signed with an unknown key") } else { Ok(keys) }
    }
}
