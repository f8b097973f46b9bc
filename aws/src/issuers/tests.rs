//! Good tokens, and every bad one that we could think of.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW_SECS: i64 = 1_795_428_000;

/// An ES256 key pair, made once a test run.
struct KeyPair {
    private: EncodingKey,
    public_pem: String,
}

static ES256: LazyLock<KeyPair> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public: PublicKeyX509Der = pair.public_key().as_der().unwrap();
    KeyPair {
        private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
        public_pem: format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(public.as_ref())
        ),
    }
});

fn issuers() -> Issuers {
    let issuers = json!([
        {"kind": "app", "iss": "shop", "aud": "funnelcast", "alg": "HS256", "key": SECRET},
        {"kind": "app", "iss": "shop-ec", "aud": "funnelcast", "alg": "ES256", "key": ES256.public_pem},
    ]);
    Issuers::from_config(&Config { issuers: Some(issuers.to_string()), ..Config::default() }).unwrap()
}

/// Claims that pass, with changes: `null` removes a claim.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "shop", "aud": "funnelcast", "sub": "user_1", "name": "Ann", "exp": far(),
        "companies": [{"id": "biz_1", "role": "admin"}],
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// jsonwebtoken looks at the real clock, so the tokens must outlive it.
fn far() -> i64 {
    4_102_444_800
}

fn hs256(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn verify(token: &str) -> Result<Identity, Error> {
    issuers().verify(token, Timestamp::from_secs(NOW_SECS))
}

#[test]
fn good_tokens_of_both_algorithms() {
    let identity = verify(&hs256(&claims(&json!({})))).unwrap();
    assert_eq!((identity.user.as_str(), identity.name.as_str()), ("user_1", "Ann"));
    assert!(identity.is_team_of(&"biz_1".parse().unwrap()));

    let token =
        encode(&Header::new(Algorithm::ES256), &claims(&json!({"iss": "shop-ec"})), &ES256.private).unwrap();
    assert!(verify(&token).is_ok());
}

#[test]
fn a_name_and_companies_may_be_missing() {
    let identity = verify(&hs256(&claims(&json!({"name": null, "companies": null})))).unwrap();
    assert_eq!((identity.name.as_str(), identity.companies.len()), ("user_1", 0));
}

#[test]
fn bad_claims() {
    for changes in [
        json!({"exp": null}),
        json!({"exp": 1}),
        json!({"exp": "4102444800"}),
        json!({"nbf": far() - 1}),
        json!({"sub": null}),
        json!({"sub": "user 1"}),
        json!({"sub": ""}),
        json!({"aud": null}),
        json!({"aud": "another"}),
        json!({"aud": ["funnelcast"]}),
        json!({"aud": ["funnelcast", "another"]}),
        json!({"iss": null}),
        json!({"iss": "another"}),
        json!({"iss": "funnelcast-dev"}),
        json!({"companies": [{"id": "biz_1", "role": "owner"}]}),
        json!({"companies": [{"id": "biz:1", "role": "admin"}]}),
        json!({"companies": vec![json!({"id": "b", "role": "admin"}); COMPANIES_MAX + 1]}),
        json!({"name": "x".repeat(9 * 1024)}),
    ] {
        let error = verify(&hs256(&claims(&changes))).expect_err(&changes.to_string());
        assert_eq!(error.code(), "unauthorized", "{changes}");
    }
}

#[test]
fn the_algorithm_is_the_issuers_and_not_the_tokens() {
    // Signed with the public key of an ES256 issuer, as if it were a secret.
    let confused = encode(
        &Header::new(Algorithm::HS256),
        &claims(&json!({"iss": "shop-ec"})),
        &EncodingKey::from_secret(ES256.public_pem.as_bytes()),
    );
    assert!(verify(&confused.unwrap()).is_err());
    // Another issuer's key.
    assert!(
        verify(&encode(&Header::new(Algorithm::ES256), &claims(&json!({})), &ES256.private).unwrap())
            .is_err()
    );
    // HS384 with the right secret.
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    assert!(verify(&encode(&Header::new(Algorithm::HS384), &claims(&json!({})), &secret).unwrap()).is_err());
    // `alg: none`, without a signature and with that of a good token.
    let good = hs256(&claims(&json!({})));
    let [_, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    assert!(verify(&format!("{none}.{payload}.")).is_err());
    assert!(verify(&format!("{none}.{payload}.{signature}")).is_err());
}

#[test]
fn what_is_no_token() {
    for bad in ["", ".", "..", "a.b.c", "ünïcode.ü.ü", &"a".repeat(TOKEN_BYTES_MAX + 1)] {
        assert!(verify(bad).is_err(), "{bad:.20}");
    }
    let good = hs256(&claims(&json!({})));
    assert!(verify(&good[..good.len() - 1]).is_err(), "a signature that is cut");
}

#[test]
fn prod_takes_no_dev_key() {
    let config = |stage: &str| Config {
        stage: stage.to_owned(),
        dev_issuer_key: Some("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY".to_owned()),
        ..Config::default()
    };
    assert!(Issuers::from_config(&config("dev")).is_ok());
    assert!(Issuers::from_config(&config("prod")).is_err());
}

#[test]
fn a_configuration_that_is_wrong_is_refused_at_start() {
    for issuers in [
        json!([{"kind": "app", "iss": "a", "aud": "b", "alg": "HS256", "key": "short"}]),
        json!([{"kind": "app", "iss": "a", "aud": "b", "alg": "none", "key": SECRET}]),
        json!([{"kind": "app", "iss": "a", "aud": "b", "alg": "ES256", "key": "no pem"}]),
        json!([{"kind": "app", "iss": "a", "alg": "HS256", "key": SECRET}]),
        json!("shop"),
    ] {
        let config = Config { issuers: Some(issuers.to_string()), ..Config::default() };
        assert!(Issuers::from_config(&config).is_err(), "{issuers}");
    }
}
