//! A wrong configuration is refused at start-up, with what is wrong and without the key.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use funnelcast_aws::secrets::RETRY_PAUSE;
use funnelcast_testing::server::{self, Server, says};

use super::*;

async fn refusal(issuers: &Value) -> String {
    Issuers::from_config(&config(issuers), now()).await.expect_err(&issuers.to_string()).to_string()
}

#[tokio::test]
async fn an_invalid_configuration_is_reported_at_start() {
    let app =
        |alg: &str, keys: Value| json!([{"kind": "app", "iss": "a", "aud": "b", "alg": alg, "keys": keys}]);
    let set = |keys: Value| json!({"static": {"keys": keys}});
    let mut for_encryption = ES256.jwk("k");
    for_encryption["use"] = json!("enc");
    let mut for_another_algorithm = ES256.jwk("k");
    for_another_algorithm["alg"] = json!("ES384");
    let (mut private, mut unreadable) = (ES256.jwk("mine"), ES256.jwk("cut"));
    private["d"] = json!("is it not");
    unreadable["x"] = json!("?");
    let pem = json!({"pem": ES256.public_pem});
    for (issuers, reason) in [
        (json!("shop"), "the parameter Issuers must be a JSON list"),
        (json!([{"kind": "facebook", "iss": "a", "aud": "b"}]), "unknown variant `facebook`"),
        (json!([{"iss": "a", "aud": "b", "alg": "ES256", "keys": pem}]), "kind"),
        (
            json!([{"kind": "dev", "iss": "a", "aud": "b", "alg": "ES256", "keys": pem}]),
            "unknown variant `dev`",
        ),
        (json!([{"kind": "app", "iss": "a", "alg": "ES256", "keys": pem}]), "aud"),
        (json!([{"kind": "app", "iss": "a", "aud": "", "alg": "ES256", "keys": pem}]), "empty"),
        (json!([{"kind": "app", "iss": "a", "aud": ["b"], "alg": "ES256", "keys": pem}]), "string"),
        (
            json!([{"kind": "app", "iss": "a", "aud": "b", "alg": "ES256", "keys": pem, "key": "c"}]),
            "unknown field",
        ),
        (json!([{"kind": "whop", "iss": "a", "aud": "b"}]), "unknown field `iss`"),
        (app("none", pem.clone()), "unknown variant `none`"),
        (app("HS256", pem.clone()), "by its name"),
        (app("HS256", json!({"secret": "this is the secret itself, is it not?"})), "a secret's name"),
        (app("ES256", json!({"secret": "funnelcast/dev/app"})), "only HS256"),
        (app("ES256", json!({"pem": "no pem"})), "\"a\" has a `pem` that is no public key"),
        (app("RS256", pem.clone()), "\"a\" has a `pem` that is no public key"),
        (app("ES256", set(json!([]))), "no key for its algorithm"),
        (app("RS256", set(json!([ES256.jwk("k")]))), "no key for its algorithm"),
        (app("ES256", set(json!([for_encryption]))), "no key for its algorithm"),
        (app("ES256", set(json!([for_another_algorithm]))), "no key for its algorithm"),
        (
            app("ES256", set(json!([ES256.jwk("old"), private]))),
            "the key \"mine\" has the private member \"d\"",
        ),
        (app("ES256", set(json!([ES256.jwk("old"), unreadable]))), "the key \"cut\""),
        (app("ES256", json!({"jwks": "http://login.example/jwks"})), "an https URL"),
        (app("ES256", json!({"jwks": "login.example"})), "an https URL"),
        (app("ES256", json!({"jwks": "/jwks.json"})), "\"a\": \"/jwks.json\" has no host"),
        (
            json!([{"kind": "oidc", "iss": "a", "aud": "b", "alg": "HS256", "keys": {"secret": "x"}}]),
            "must not use HS256",
        ),
        (
            json!([
                {"kind": "app", "iss": "a", "aud": "b", "alg": "ES256", "keys": pem},
                {"kind": "oidc", "iss": "a", "aud": "c", "alg": "ES256", "keys": pem},
            ]),
            "two kinds",
        ),
        (
            json!([{"kind": "app", "iss": "a", "aud": "b", "aud_claim": "azp", "alg": "ES256", "keys": pem}]),
            "unknown field",
        ),
        (
            json!([{"kind": "oidc", "iss": "a", "aud": "b", "aud_claim": "sub", "alg": "ES256", "keys": pem}]),
            "unknown variant `sub`",
        ),
    ] {
        let error = refusal(&issuers).await;
        assert!(error.contains(reason), "{issuers}: {error}");
        assert!(error.starts_with("the parameter Issuers "), "{issuers}: {error}");
        assert!(!error.contains("is it not") && !error.contains("BEGIN"), "no key is quoted: {error}");
    }
}

#[tokio::test]
async fn no_issuers_is_a_valid_configuration() {
    let issuers = Issuers::from_config(&Config::default(), now()).await.unwrap();
    assert!(issuers.verify(&hs256(&claims(&json!({}))), now()).await.is_err());
}

#[tokio::test]
async fn only_a_stage_for_development_takes_a_dev_key() {
    let config = |stage: &str, key: &str| Config {
        stage: stage.to_owned(),
        dev_issuer_key: Some(key.to_owned()),
        ..Config::default()
    };
    let key = URL_SAFE_NO_PAD.encode(SECRET);
    assert!(Issuers::from_config(&config("dev", &key), now()).await.is_ok());
    for stage in ["prod", "production", "live", "staging", ""] {
        assert!(Issuers::from_config(&config(stage, &key), now()).await.is_err(), "{stage}");
    }
    assert!(Issuers::from_config(&config("dev", "c2hvcnQ"), now()).await.is_err(), "it is too short");
    assert!(Issuers::from_config(&config("dev", "no base64!"), now()).await.is_err());
}

/// The examples of docs/tokens.md are configurations that a stack starts with. Nothing is fetched for this.
#[test]
fn the_documented_issuers_are_valid() {
    let document = include_str!("../../../../docs/tokens.md");
    let blocks: Vec<_> =
        document.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let config = config(&serde_json::from_str(block).unwrap());
        let rows = table::rows(&config).unwrap_or_else(|error| panic!("{error}: {block}"));
        assert!(!rows.is_empty(), "{block}");
    }
}

/// The key that Whop once pinned in its own SDK: an issuer with it needs no network.
#[tokio::test]
async fn whops_keys_may_be_pinned() {
    let key = json!({"kty": "EC", "crv": "P-256", "x": "rz8a8vxvexHC0TLT91g7llOdDOsNuYiGEfic4Qhni-E",
                     "y": "zH0QblKYToexd5PEIMGXPVJS9AB5smKrW4S_TbiXrOs"});
    let table = json!([{"kind": "whop", "aud": "app_1", "keys": {"static": {"keys": [key]}}}]);
    let issuers = Issuers::from_config(&config(&table), now()).await.unwrap();
    let forged = es256(&ES256, Some("any"), &whop_claims(&json!({})));
    assert!(issuers.verify(&forged, now()).await.unwrap_err().to_string().contains("signature is not valid"));
}

/// Users with tokens of that issuer are refused until the secret exists; all others are admitted.
#[tokio::test]
async fn a_missing_secret_affects_its_issuer_alone() {
    let is_there = Arc::new(AtomicBool::new(false));
    let manager = Server::start({
        let is_there = Arc::clone(&is_there);
        move |_| {
            if is_there.load(Ordering::Relaxed) {
                server::json(&json!({ "SecretString": SECRET }))
            } else {
                says(400, r#"{"__type":"ResourceNotFoundException"}"#)
            }
        }
    })
    .await;
    let app = |iss: &str, alg: &str, keys: Value| json!({"kind": "app", "iss": iss, "aud": "funnelcast", "alg": alg, "keys": keys});
    let table = json!([
        app("shop", "HS256", json!({"secret": "funnelcast/dev/shop"})),
        app("shop-ec", "ES256", json!({"pem": ES256.public_pem})),
    ]);
    let config = Config::from_lookup(|name| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        "AWS_ENDPOINT_URL" => Some(manager.url("")),
        "ISSUERS" => Some(table.to_string()),
        _ => None,
    });
    let issuers = Issuers::from_config(&config.unwrap(), now()).await.unwrap();
    let others = es256(&ES256, None, &claims(&json!({"iss": "shop-ec"})));
    let its_own = hs256(&claims(&json!({})));
    assert!(issuers.verify(&others, now()).await.is_ok());
    let refusal = issuers.verify(&its_own, now()).await.unwrap_err();
    assert!(refusal.to_string().contains("not available"), "{refusal}");

    is_there.store(true, Ordering::Relaxed);
    assert!(issuers.verify(&its_own, now() + RETRY_PAUSE).await.is_ok());
}
