//! Grants: what they allow, for whom, and for how long.

use funnelcast_testing::server::{Server, says};

use super::*;

fn grant_claims(changes: &Value) -> Value {
    let claims = json!({"iss": "shop", "aud": "funnelcast", "sub": "user_1", "exp": NOW_SECS + 600,
                        "channel": "conversation:c1", "caps": ["join", "send"]});
    changed(claims, changes)
}

async fn verify_grant(grant: &str) -> Result<Grant, Error> {
    let [user, channel] = ["user_1", "conversation:c1"];
    issuers().await.verify_grant(grant, &user.parse().unwrap(), &channel.parse().unwrap(), now()).await
}

#[tokio::test]
async fn a_grant_has_capabilities_and_an_end() {
    let grant = verify_grant(&hs256(&grant_claims(&json!({})))).await.unwrap();
    let until = Timestamp::from_secs(NOW_SECS + 600);
    assert_eq!(grant, Grant { caps: [Capability::Join, Capability::Send].into(), until });
    let fraction = hs256(&grant_claims(&json!({"exp": 1_795_428_599.5, "nbf": 1_795_428_000.25})));
    assert_eq!(verify_grant(&fraction).await.unwrap().until, Timestamp::from_millis(1_795_428_599_500));
    let to_listen = hs256(&grant_claims(&json!({"caps": ["join"], "exp": NOW_SECS + 1})));
    assert_eq!(verify_grant(&to_listen).await.unwrap().caps, [Capability::Join].into());
}

#[tokio::test]
async fn a_grant_for_another_user_or_channel_is_refused() {
    let of_shop = |changes: Value| hs256(&grant_claims(&changes));
    let by_oidc = grant_claims(&json!({"iss": "https://login.example", "aud": "web"}));
    let by_whop = grant_claims(&json!({"iss": "urn:whopcom:exp-proxy", "aud": "app_1"}));
    for (what, grant) in [
        ("another user's", of_shop(json!({"sub": "user_2"}))),
        ("another channel's", of_shop(json!({"channel": "conversation:c2"}))),
        ("of a channel that is none", of_shop(json!({"channel": "conversation"}))),
        ("without a channel", of_shop(json!({"channel": null}))),
        ("without capabilities", of_shop(json!({"caps": null}))),
        ("with none", of_shop(json!({"caps": []}))),
        ("without the one to join", of_shop(json!({"caps": ["send"]}))),
        ("with one that does not exist", of_shop(json!({"caps": ["join", "rule"]}))),
        ("expired", of_shop(json!({"exp": NOW_SECS}))),
        ("not yet valid", of_shop(json!({"nbf": NOW_SECS + 60}))),
        ("for too long", of_shop(json!({"exp": NOW_SECS + 606}))),
        ("for ever", of_shop(json!({"exp": i64::MAX}))),
        ("for another audience", of_shop(json!({"aud": "another"}))),
        ("of an issuer who gives none", es256(&ES256, Some("k1"), &by_oidc)),
        ("of Whop's", es256(&ES256, None, &by_whop)),
        ("signed by another", es256(&ES256, None, &grant_claims(&json!({})))),
        ("a token", hs256(&claims(&json!({})))),
        ("nothing", String::new()),
    ] {
        assert_eq!(verify_grant(&grant).await.expect_err(what).code(), "forbidden", "{what}");
    }
}

#[tokio::test]
async fn only_keys_of_issuers_that_give_grants_are_fetched() {
    let elsewhere = Server::start(|_| says(500, "")).await;
    let table = json!([
        {"kind": "whop", "aud": "app_1", "keys": {"jwks": elsewhere.url("/jwks")}},
        {"kind": "app", "iss": "shop-ec", "aud": "funnelcast", "alg": "ES256", "keys": {"pem": ES256.public_pem}},
    ]);
    let issuers = Issuers::granting(&config(&table)).await.unwrap();
    let [user, channel] = ["user_1", "conversation:c1"];
    let (user, channel) = (user.parse().unwrap(), channel.parse().unwrap());
    let by_whop = grant_claims(&json!({"iss": "urn:whopcom:exp-proxy", "aud": "app_1"}));
    for (grant, is_good) in [
        (es256(&ES256, None, &grant_claims(&json!({"iss": "shop-ec"}))), true),
        (es256(&ES256, Some("k1"), &by_whop), false),
    ] {
        assert_eq!(issuers.verify_grant(&grant, &user, &channel, now()).await.is_ok(), is_good);
    }
    assert!(elsewhere.asked().is_empty());
}
