//! An issuer's keys: which ones a token may be signed with. The token names one at most; it never brings one along (`jwk`,
//! `x5c`), nor says where to get it (`jku`, `x5u`).

use std::fmt;

use funnelcast_core::{Error, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use super::{
    jwks::Jwks,
    table::{self, HS256_SECRET_BYTES_MIN, Row, wrong},
    token::Reason,
};
use funnelcast_aws::{Config, secrets::Secret};

/// The most keys of a set that are looked at.
const KEYS_MAX: usize = 100;

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
    pub(super) fn new(row: Row, config: &Config) -> Result<Self, Error> {
        let Row { iss, alg, keys, .. } = row;
        match keys {
            table::Keys::One(key) => Ok(Self::Static(KeySet(vec![(None, key)]))),
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

/// Keys with their names, all for one algorithm.
#[derive(Default)]
pub(super) struct KeySet(Vec<(Option<String>, DecodingKey)>);

impl KeySet {
    /// Those of `keys` that are meant for signatures by `alg`; the others are nobody's mistake.
    pub(super) fn new(alg: Algorithm, keys: impl IntoIterator<Item = Jwk>) -> Self {
        let usable = keys.into_iter().take(KEYS_MAX).filter(|key| is_for(key, alg));
        Self(
            usable
                .filter_map(|key| Some((key.common.key_id.clone(), DecodingKey::from_jwk(&key).ok()?)))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may be meant: all of this name, as names need not be unique, and those that have none. A token without
    /// a name may be signed with one of the latter, or with the only key of a set.
    pub(super) fn find(&self, kid: Option<&str>) -> Vec<DecodingKey> {
        let is_only = self.0.len() == 1;
        let is_meant = |name: Option<&str>| match (name, kid) {
            (None, _) => true,
            (Some(name), Some(kid)) => name == kid,
            (Some(_), None) => is_only,
        };
        self.0.iter().filter(|(name, _)| is_meant(name.as_deref())).map(|(_, key)| key.clone()).collect()
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether a key is a public one for signatures by just this algorithm, as far as it says.
fn is_for(key: &Jwk, alg: Algorithm) -> bool {
    let common = &key.common;
    let fits = match &key.algorithm {
        AlgorithmParameters::EllipticCurve(ec) => {
            (alg == Algorithm::ES256 && ec.curve == EllipticCurve::P256)
                || (alg == Algorithm::ES384 && ec.curve == EllipticCurve::P384)
        }
        AlgorithmParameters::RSA(_) => alg == Algorithm::RS256,
        AlgorithmParameters::OctetKeyPair(okp) => {
            alg == Algorithm::EdDSA && okp.curve == EllipticCurve::Ed25519
        }
        _ => false, // a secret in a public set is none
    };
    let is_said_for = common.key_algorithm.is_none_or(|named| match named {
        // `Ed25519` (RFC 9864), which the library does not know: nothing else is done with a key of this curve.
        KeyAlgorithm::UNKNOWN_ALGORITHM => alg == Algorithm::EdDSA,
        named => named.to_string() == format!("{alg:?}"),
    });
    let is_to_sign = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    fits && is_said_for && is_to_sign && common.key_operations.as_ref().is_none_or(verifies)
}
