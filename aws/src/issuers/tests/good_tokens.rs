//! Tokens that count, and what is believed of them.

use funnelcast_core::identity::CompaniesBy;

use super::*;

#[tokio::test]
async fn the_app_names_the_companies_by_either_algorithm() {
    let es256 = es256(&ES256, None, &claims(&json!({"iss": "shop-ec"})));
    for token in [hs256(&claims(&json!({}))), es256] {
        let identity = verify(&token).await.unwrap();
        assert_eq!((identity.user.as_str(), identity.name.as_str()), ("user_1", "Ann"));
        assert!(identity.is_team_of(&"biz_1".parse().unwrap()));
        assert_eq!(identity.companies_by, CompaniesBy::Token);
        assert_eq!(identity.expires_at, Timestamp::from_secs(NOW_SECS + 60));
    }
}

#[tokio::test]
async fn times_may_have_a_fraction() {
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century are exact")]
    let secs = |after: f64| NOW_SECS as f64 + after;
    let token = hs256(&claims(&json!({"exp": secs(0.5), "nbf": secs(4.5)})));
    assert_eq!(verify(&token).await.unwrap().expires_at, Timestamp::from_millis(NOW_SECS * 1_000 + 500));
    for refused in [json!({"exp": secs(-0.5)}), json!({"exp": secs(0.0)}), json!({"nbf": secs(5.5)})] {
        verify(&hs256(&claims(&refused))).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_name_and_companies_may_be_missing() {
    let identity = verify(&hs256(&claims(&json!({"name": null, "companies": null})))).await.unwrap();
    assert_eq!((identity.name.as_str(), identity.companies.len()), ("user_1", 0));
}

/// Whatever else stands in it: Whop is asked for companies, and its tokens have none.
#[tokio::test]
async fn whop_names_the_user_alone() {
    let more = json!({"name": "Boss", "companies": [{"id": "biz_1", "role": "admin"}]});
    for (kid, claims) in [(Some("whop-1"), json!({})), (None, json!({})), (Some("whop-1"), more)] {
        let identity = verify(&es256(&ES256, kid, &whop_claims(&claims))).await.unwrap();
        assert_eq!((identity.user.as_str(), identity.name.as_str()), ("user_1", "user_1"));
        assert_eq!((identity.companies.len(), identity.companies_by), (0, CompaniesBy::Whop));
    }
}

#[tokio::test]
async fn an_oidc_issuer_names_the_user_and_no_company() {
    let long = "x".repeat(200);
    for (kid, pair) in [("k1", &ES256), ("k2", &OTHER)] {
        for (name, shown) in [(json!("Ann"), "Ann"), (json!(long), "user_1"), (json!(7), "user_1")] {
            let changes = json!({"iss": "https://login.example", "aud": "web", "name": name});
            let identity = verify(&es256(pair, Some(kid), &claims(&changes))).await.unwrap();
            assert_eq!((identity.name.as_str(), identity.companies.len()), (shown, 0));
            assert_eq!(identity.companies_by, CompaniesBy::Token);
        }
    }
}

#[tokio::test]
async fn what_an_oidc_issuer_calls_a_user_need_be_no_id() {
    let changes =
        json!({"iss": "https://login.example", "aud": "web", "sub": "auth0|5f7c8ec7", "name": null});
    let identity = verify(&es256(&ES256, Some("k1"), &claims(&changes))).await.unwrap();
    assert!(identity.user.as_str().starts_with("sub-"), "{}", identity.user);
    assert_eq!(identity.name.as_str(), identity.user.as_str());
}

/// What its clock says that is ahead of ours counts; and no token counts longer for it.
#[tokio::test]
async fn clocks_may_be_apart_a_little() {
    for (changes, is_good) in [
        (json!({"nbf": NOW_SECS}), true),
        (json!({"nbf": NOW_SECS + 5}), true),
        (json!({"nbf": NOW_SECS + 5 + 1}), false),
        (json!({"nbf": i64::MAX}), false),
        (json!({"nbf": i64::MIN}), true),
        (json!({"iat": NOW_SECS + 1_000_000}), true), // it says when, not from when on
        (json!({"exp": NOW_SECS + 1}), true),
        (json!({"exp": NOW_SECS}), false),
        (json!({"exp": NOW_SECS - 1}), false),
        (json!({"exp": i64::MIN}), false),
        (json!({"exp": i64::MAX}), true),
    ] {
        assert_eq!(verify(&hs256(&claims(&changes))).await.is_ok(), is_good, "{changes}");
    }
}
