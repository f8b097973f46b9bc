//! A set of keys, of which a token names at most one.

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

/// How many keys of a set are read.
const KEYS_MAX: usize = 100;

/// Keys with their ids, all for the same algorithm.
#[derive(Default)]
pub(super) struct KeySet(Vec<(Option<String>, DecodingKey)>);

impl KeySet {
    /// A set of one key without an id.
    pub(super) fn of(key: DecodingKey) -> Self {
        Self(vec![(None, key)])
    }

    /// The keys that are meant for signatures by `alg`. A set may well contain others, which are skipped.
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

    /// The keys that a token with this `kid` may be signed with: all keys with that id, as ids need not be unique,
    /// and those without an id. A token without a `kid` may be signed with one of the latter, or with the only key of
    /// a set. For a set in the configuration, see [`listed`](Self::listed).
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

impl KeySet {
    /// The same for a set that the operator has written down: a token without a `kid` may be signed with any of its keys.
    /// Otherwise a second key, which is to replace the first, would end the tokens of a backend that sends no `kid`.
    pub(super) fn listed(&self, kid: Option<&str>) -> Vec<DecodingKey> {
        match kid {
            Some(_) => self.find(kid),
            None => self.0.iter().map(|(_, key)| key.clone()).collect(),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether the key, by what it declares, is a public key for signatures by exactly this algorithm.
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
        _ => false, // a secret in a public set is no secret
    };
    let is_said_for = common.key_algorithm.is_none_or(|named| match named {
        // `Ed25519` (RFC 9864), which the library does not know. A key of this curve has no other use.
        KeyAlgorithm::UNKNOWN_ALGORITHM => alg == Algorithm::EdDSA,
        named => named.to_string() == format!("{alg:?}"),
    });
    let is_to_sign = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    fits && is_said_for && is_to_sign && common.key_operations.as_ref().is_none_or(verifies)
}
