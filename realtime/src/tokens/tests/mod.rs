//! Valid tokens, and bad ones of every sort, for each kind of issuer.

mod bad_tokens;
mod configuration;
mod good_tokens;
mod grants;
mod key_sets;

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW_SECS: i64 = 1_795_428_000;

/// An ES256 key pair.
struct KeyPair {
    private: EncodingKey,
    public_pem: String,
    x: String,
    y: String,
}

impl KeyPair {
    fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public: PublicKeyX509Der = pair.public_key().as_der().unwrap();
        let point = pair.public_key().as_ref(); // 4, then x and y (SEC 1, 2.3.3)
        Self {
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public_pem: format!(
                "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
                STANDARD.encode(public.as_ref())
            ),
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..]),
        }
    }

    /// As a JWK without an id.
    fn nameless_jwk(&self) -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y})
    }

    /// As a JWK with this id.
    fn jwk(&self, kid: &str) -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y, "kid": kid, "alg": "ES256", "use": "sig"})
    }
}

/// Two key pairs, generated once per test run.
static ES256: LazyLock<KeyPair> = LazyLock::new(KeyPair::generate);
static OTHER: LazyLock<KeyPair> = LazyLock::new(KeyPair::generate);

fn now() -> Timestamp {
    Timestamp::from_secs(NOW_SECS)
}

fn config(issuers: &Value) -> Config {
    Config { issuers: Some(issuers.to_string()), ..Config::default() }
}

/// One issuer of each kind and with each source of keys. The app's shared secret is inserted directly, because the
/// configuration only has its name.
async fn issuers() -> Issuers {
    let table = json!([
        {"kind": "app", "iss": "shop-ec", "aud": "funnelcast", "alg": "ES256", "keys": {"pem": ES256.public_pem}},
        {"kind": "whop", "aud": "app_1", "keys": {"static": {"keys": [ES256.jwk("whop-1")]}}},
        {"kind": "oidc", "iss": "https://login.example", "aud": "web", "alg": "ES256",
         "keys": {"static": {"keys": [ES256.jwk("k1"), OTHER.jwk("k2")]}}},
    ]);
    let mut issuers = Issuers::from_config(&config(&table), now()).await.unwrap();
    let shop = IssuerRow {
        kind: Kind::App,
        iss: "shop".to_owned(),
        aud: "funnelcast".to_owned(),
        aud_claim: AudClaim::Aud,
        alg: Algorithm::HS256,
        keys: table::Keys::One(DecodingKey::from_secret(SECRET.as_bytes())),
    };
    issuers.0.push(Issuer::new(shop, &Config::default()).unwrap());
    issuers
}

/// The claims of a valid token of `shop`, with changes: `null` removes a claim.
fn claims(changes: &Value) -> Value {
    changed(
        json!({"iss": "shop", "aud": "funnelcast", "sub": "user_1", "name": "Ann", "exp": NOW_SECS + 60,
               "companies": [{"id": "biz_1", "role": "admin"}]}),
        changes,
    )
}

/// The claims of a valid token of Whop, with changes.
fn whop_claims(changes: &Value) -> Value {
    let claims =
        json!({"iss": "urn:whopcom:exp-proxy", "aud": "app_1", "sub": "user_1", "exp": NOW_SECS + 60});
    changed(claims, changes)
}

fn changed(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn hs256(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A token assembled from its parts; the signature need not match.
fn sewn(header: &Value, payload: &Value, signature: &str) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.{signature}", part(header), part(payload))
}

/// Signed with ES256, with a `kid` if one is given.
fn es256(pair: &KeyPair, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &pair.private).unwrap()
}

/// The result of verifying a token with an issuer of this one entry.
async fn verify_by(entry: Value, token: &str) -> Result<Identity, Error> {
    Issuers::from_config(&config(&json!([entry])), now()).await.unwrap().verify(token, now()).await
}

async fn verify(token: &str) -> Result<Identity, Error> {
    issuers().await.verify(token, now()).await
}
