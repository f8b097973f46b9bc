//! An issuer's keys: which one a token is signed with. The token names it at most; it never brings one along (`jwk`,
//! `x5c`), nor says where to get it (`jku`, `x5u`).

use std::{borrow::Cow, fmt};

use funnelcast_core::{Error, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};

use super::{
    jwks::Jwks,
    table::{self, Row, shared_key, wrong},
};
use crate::{Config, secrets::Secret};

/// The most keys of a set that are looked at.
const KEYS_MAX: usize = 100;

/// Where a key is looked for.
#[derive(Debug)]
pub(super) enum Keys {
    /// There is but one, without a name.
    One(DecodingKey),
    /// In a set that never changes.
    Static(KeySet),
    /// In a set that the issuer keeps.
    Jwks(Box<Jwks>),
    /// It is a secret that both sides know.
    Shared { iss: String, secret: Secret },
}

impl Keys {
    /// Reads what has to be read before the first token can be checked.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration has no key that could ever count.
    pub(super) async fn new(row: Row, config: &Config, now: Timestamp) -> Result<Self, Error> {
        let Row { iss, alg, keys, .. } = row;
        match keys {
            table::Keys::One(key) => Ok(Self::One(key)),
            table::Keys::Static(keys) => match KeySet::new(alg, keys) {
                set if set.is_empty() => Err(wrong(&iss, "has no key for its algorithm")),
                set => Ok(Self::Static(set)),
            },
            table::Keys::Jwks(url) => Ok(Self::Jwks(Box::new(Jwks::new(&url, alg)?))),
            table::Keys::Secret(name) => {
                let secret = Secret::read(name, config.sdk.config()?, now).await?;
                shared_key(&iss, secret.value(now).await.as_bytes())?;
                Ok(Self::Shared { iss, secret })
            }
        }
    }

    /// The key of this name, or the only one where the token names none.
    ///
    /// # Errors
    /// The reason, for the log.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Cow<'_, DecodingKey>, String> {
        const UNKNOWN: &str = "it is signed with an unknown key";
        match self {
            Self::One(key) => Ok(Cow::Borrowed(key)),
            Self::Static(keys) => keys.find(kid).map(Cow::Borrowed).ok_or_else(|| UNKNOWN.to_owned()),
            Self::Jwks(jwks) => jwks.find(kid, now).await.map(Cow::Owned).ok_or_else(|| UNKNOWN.to_owned()),
            Self::Shared { iss, secret } => {
                let key = shared_key(iss, secret.value(now).await.as_bytes());
                key.map(Cow::Owned).map_err(|error| error.to_string())
            }
        }
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

    /// The key of this name. A set of one key needs no names: its key is meant where either side names none.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&DecodingKey> {
        match (&self.0[..], kid) {
            ([(_, key)], None) | ([(None, key)], _) => Some(key),
            (keys, Some(kid)) => {
                keys.iter().find(|(name, _)| name.as_deref() == Some(kid)).map(|(_, key)| key)
            }
            (_, None) => None,
        }
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
    let is_said_for = common.key_algorithm.is_none_or(|named| named.to_string() == format!("{alg:?}"));
    let is_to_sign = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    fits && is_said_for && is_to_sign && common.key_operations.as_ref().is_none_or(verifies)
}
