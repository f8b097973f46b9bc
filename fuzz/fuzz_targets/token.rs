//! Tokens: arbitrary text, and arbitrary claims that a configured issuer has signed. No unsigned token is accepted, and the
//! identity of an accepted token is the one that was signed.

#![no_main]
#![expect(clippy::unwrap_used, reason = "a panic is what the fuzzer looks for")]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_aws::{Config, Resource, clock::now};
use funnelcast_core::{Error, Identity};
use funnelcast_realtime::tokens::Issuers;
use jsonwebtoken::{EncodingKey, Header, encode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().unwrap());

/// The dev issuer: the one kind whose secret needs no store of secrets.
static ISSUERS: LazyLock<Issuers> = LazyLock::new(|| {
    let dev_issuer_key = Some(URL_SAFE_NO_PAD.encode(SECRET));
    let config = Config { stage: "dev".to_owned(), dev_issuer_key, ..Config::default() };
    RUNTIME.block_on(Issuers::build(&config)).unwrap()
});

fn verify(token: &str) -> Result<Identity, Error> {
    RUNTIME.block_on(ISSUERS.verify(token, now()))
}

fuzz_target!(|text: &str| {
    let now = now();
    assert!(verify(text).is_err(), "{text} is not signed");

    // The same text as claims, completed with the issuer, audience and expiry.
    let Ok(Value::Object(mut claims)) = serde_json::from_str(text) else { return };
    for (name, value) in
        [("iss", json!("funnelcast-dev")), ("aud", json!("funnelcast")), ("exp", json!(now.as_secs() + 60))]
    {
        claims.entry(name).or_insert(value);
    }
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    if let Ok(identity) = verify(&token) {
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!("funnelcast-dev"), &json!("funnelcast")));
        assert!(claims["sub"] == identity.user.as_str() || identity.user.as_str().starts_with("sub-"));
        assert!(identity.expires_at > now);
        assert!(
            serde_json::to_string(&identity.to_context()).unwrap().len() < 8 * 1024,
            "an authorizer's response"
        );
    }
    let (signed, _) = token.rsplit_once('.').unwrap();
    assert!(verify(&format!("{signed}.")).is_err(), "without its signature");
});
