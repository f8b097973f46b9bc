//! Issuers of tokens other than the dev one: the app's own backend, Whop, or anybody with a key set. Each test has its own keys.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// Signs claims with one key.
pub struct Signer {
    header: Header,
    key: EncodingKey,
}

impl Signer {
    /// Signs with a secret that the stack knows too.
    pub fn hs256(secret: &str) -> Self {
        Self { header: Header::new(Algorithm::HS256), key: EncodingKey::from_secret(secret.as_bytes()) }
    }

    /// Signs with a new key pair. Also returns its public key, as a JWK named `kid`.
    pub fn es256(kid: &str) -> Result<(Self, Value)> {
        let failed = |_| anyhow!("cannot make a key pair");
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let point = pair.public_key().as_ref(); // the byte 4, then x and y (SEC 1, 2.3.3)
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": x, "y": y});
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().map_err(failed)?.as_ref());
        Ok((Self { header, key }, jwk))
    }

    /// A token with these claims that expires in `ttl_secs` seconds.
    pub fn sign(&self, ttl_secs: u64, claims: &Value) -> Result<String> {
        let mut claims = claims.clone();
        claims["exp"] = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + ttl_secs).into();
        Ok(jsonwebtoken::encode(&self.header, &claims, &self.key)?)
    }
}
