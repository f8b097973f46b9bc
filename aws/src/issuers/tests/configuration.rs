//! A configuration that is wrong is refused at start, and it is said what is wrong, without the key.

use super::*;

async fn refusal(issuers: &Value) -> String {
    Issuers::from_config(&config(issuers), now()).await.expect_err(&issuers.to_string()).to_string()
}

#[tokio::test]
async fn what_is_wrong_is_said_at_start() {
    let app =
        |alg: &str, keys: Value| json!([{"kind": "app", "iss": "a", "aud": "b", "alg": alg, "keys": keys}]);
    let set = |keys: Value| json!({"static": {"keys": keys}});
    let mut for_encryption = ES256.jwk("k");
    for_encryption["use"] = json!("enc");
    let mut for_another_algorithm = ES256.jwk("k");
    for_another_algorithm["alg"] = json!("ES384");
    let pem = json!({"pem": ES256.public_pem});
    for (issuers, reason) in [
        (json!("shop"), "ISSUERS"),
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
        (app("ES256", json!({"pem": "no pem"})), "the PEM of \"a\""),
        (app("RS256", pem.clone()), "the PEM of \"a\""),
        (app("ES256", set(json!([]))), "no key for its algorithm"),
        (app("RS256", set(json!([ES256.jwk("k")]))), "no key for its algorithm"),
        (app("ES256", set(json!([for_encryption]))), "no key for its algorithm"),
        (app("ES256", set(json!([for_another_algorithm]))), "no key for its algorithm"),
        (app("ES256", json!({"jwks": "http://login.example/jwks"})), "not of https"),
        (app("ES256", json!({"jwks": "login.example"})), "not of https"),
        (app("ES256", json!({"jwks": "/jwks.json"})), "no server"),
        (
            json!([{"kind": "oidc", "iss": "a", "aud": "b", "alg": "HS256", "keys": {"secret": "x"}}]),
            "shares a secret",
        ),
        (
            json!([
                {"kind": "app", "iss": "a", "aud": "b", "alg": "ES256", "keys": pem},
                {"kind": "oidc", "iss": "a", "aud": "c", "alg": "ES256", "keys": pem},
            ]),
            "twice",
        ),
    ] {
        let error = refusal(&issuers).await;
        assert!(error.contains(reason), "{issuers}: {error}");
        assert!(!error.contains("is it not") && !error.contains("BEGIN"), "no key is quoted: {error}");
    }
}

#[tokio::test]
async fn none_is_a_configuration_too() {
    let issuers = Issuers::from_config(&Config::default(), now()).await.unwrap();
    assert!(issuers.verify(&hs256(&claims(&json!({}))), now()).await.is_err());
}

#[tokio::test]
async fn prod_takes_no_dev_key() {
    let config = |stage: &str, key: &str| Config {
        stage: stage.to_owned(),
        dev_issuer_key: Some(key.to_owned()),
        ..Config::default()
    };
    let key = URL_SAFE_NO_PAD.encode(SECRET);
    assert!(Issuers::from_config(&config("dev", &key), now()).await.is_ok());
    assert!(Issuers::from_config(&config("prod", &key), now()).await.is_err());
    assert!(Issuers::from_config(&config("dev", "c2hvcnQ"), now()).await.is_err(), "it is short");
    assert!(Issuers::from_config(&config("dev", "no base64!"), now()).await.is_err());
}

/// The key that Whop once pinned in its own SDK: an issuer of it needs no network.
#[tokio::test]
async fn whops_keys_may_be_pinned() {
    let key = json!({"kty": "EC", "crv": "P-256", "x": "rz8a8vxvexHC0TLT91g7llOdDOsNuYiGEfic4Qhni-E",
                     "y": "zH0QblKYToexd5PEIMGXPVJS9AB5smKrW4S_TbiXrOs"});
    let table = json!([{"kind": "whop", "aud": "app_1", "keys": {"static": {"keys": [key]}}}]);
    let issuers = Issuers::from_config(&config(&table), now()).await.unwrap();
    let forged = es256(&ES256, Some("any"), &whop_claims(&json!({})));
    assert!(issuers.verify(&forged, now()).await.unwrap_err().to_string().contains("InvalidSignature"));
}
