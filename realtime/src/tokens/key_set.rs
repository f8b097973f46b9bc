//! A set of keys, of which a token names one at most.

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

/// The most keys of a set that are looked at.
const KEYS_MAX: usize = 100;

/// Keys with their names, all for one algorithm.
#[derive(Default)]
pub(super) struct KeySet(Vec<(Option<String>, DecodingKey)>);

impl KeySet {
    /// One key without a name.
    pub(super) fn of(key: DecodingKey) -> Self {
        Self(vec![(None, key)])
    }

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
