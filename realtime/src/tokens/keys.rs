//! An issuer's keys: those that a token may be signed with. A token names at most one of them. It never brings a key
//! along (`jwk`, `x5c`), nor says where to fetch one (`jku`, `x5u`).

use funnelcast_aws::{Config, secrets::Secret};
use funnelcast_core::{Error, Timestamp};
use jsonwebtoken::DecodingKey;

use super::{
    jwks::Jwks,
    key_set::KeySet,
    table::{self, HS256_SECRET_BYTES_MIN, IssuerRow, caused_by, wrong},
    token::Reason,
};

/// The source of an issuer's keys.
#[derive(Debug)]
pub(super) enum Keys {
    /// A fixed key set.
    Static(KeySet),
    /// A key set that the issuer publishes.
    Jwks(Box<Jwks>),
    /// A single key: a shared secret.
    Shared(Secret),
}

impl Keys {
    /// Creates the source. Nothing outside of the configuration is read yet.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration has no key that could ever be valid.
    pub(super) fn new(row: IssuerRow, config: &Config) -> Result<Self, Error> {
        let IssuerRow { iss, alg, keys, .. } = row;
        match keys {
            table::Keys::One(key) => Ok(Self::Static(KeySet::of(key))),
            table::Keys::Static(keys) => match KeySet::new(alg, keys) {
                set if set.is_empty() => Err(wrong(&iss, "has no key for its algorithm")),
                set => Ok(Self::Static(set)),
            },
            table::Keys::Jwks(url) => {
                let jwks = Jwks::new(&url, alg).map_err(|error| caused_by(&iss, &error))?;
                Ok(Self::Jwks(Box::new(jwks)))
            }
            table::Keys::Secret(name) => Ok(Self::Shared(Secret::new(name, config, HS256_SECRET_BYTES_MIN)?)),
        }
    }

    /// Fetches or reads the keys that the first token will need. If that fails, the token tries again.
    pub(super) async fn open(&self, now: Timestamp) {
        match self {
            Self::Static(_) => {}
            Self::Jwks(jwks) => jwks.refresh(now).await,
            Self::Shared(secret) => drop(secret.value(now).await),
        }
    }

    /// The keys with this id, or those that a token without a `kid` may be signed with.
    ///
    /// # Errors
    /// The reason if there is no such key, or if the keys are not available.
    pub(super) async fn find(&self, kid: Option<&str>, now: Timestamp) -> Result<Vec<DecodingKey>, Reason> {
        let keys = match self {
            Self::Static(keys) => keys.listed(kid),
            Self::Jwks(jwks) => jwks.find(kid, now).await,
            Self::Shared(secret) => match secret.value(now).await {
                Ok(secret) => vec![DecodingKey::from_secret(secret.as_bytes())],
                // Reading the secret has logged the failure, with its name.
                Err(_) => return Err("its issuer's secret is not available"),
            },
        };
        if keys.is_empty() { Err("it is signed with an unknown key") } else { Ok(keys) }
    }
}
