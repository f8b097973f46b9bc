//! Valid tokens, and which of their claims are trusted.

use aws_lc_rs::signature::Ed25519KeyPair;
use funnelcast_core::identity::CompaniesBy;
use jsonwebtoken::crypto;

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

/// Whatever else the token claims: companies come from Whop's API, not from its tokens.
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
        for (name, shown) in [(json!("Ann"), "Ann"), (json!(long), &long[..128]), (json!(7), "user_1")] {
            let changes = json!({"iss": "https://login.example", "aud": "web", "name": name});
            let identity = verify(&es256(pair, Some(kid), &claims(&changes))).await.unwrap();
            assert_eq!((identity.name.as_str(), identity.companies.len()), (shown, 0));
            assert_eq!(identity.companies_by, CompaniesBy::Token);
        }
    }
}

/// A user who may connect is not refused for their name, or for a role that is unknown.
#[tokio::test]
async fn claims_that_are_not_understood_are_ignored() {
    for (name, shown) in [
        (json!(""), "user_1"),
        (json!("\n"), "user_1"),
        (json!(["Ann"]), "user_1"),
        (json!("An\u{1b}n"), "Ann"),
        (json!("ü".repeat(100)), &"ü".repeat(64)),
    ] {
        let identity = verify(&hs256(&claims(&json!({"name": name})))).await.unwrap();
        assert_eq!((identity.name.as_str(), identity.companies.len()), (shown, 1), "{name}");
    }
    let good = json!({"id": "biz_1", "role": "member"});
    for (companies, count) in [
        (json!([{"id": "biz_2", "role": "owner"}, good]), 1),
        (json!([good, {"id": "biz:2", "role": "admin"}, 7, {}, {"id": "biz_3"}]), 1),
        (json!([good, {"id": "biz_2", "role": "admin", "until": 1}]), 1),
        (json!([{"id": "biz_1", "role": "Admin"}]), 0),
        (json!("biz_1"), 0),
        (json!({"id": "biz_1", "role": "admin"}), 0),
    ] {
        let identity = verify(&hs256(&claims(&json!({"companies": companies})))).await.unwrap();
        assert_eq!(identity.companies.len(), count, "{companies}");
        assert_eq!(identity.is_team_of(&"biz_1".parse().unwrap()), count == 1, "{companies}");
        assert!(!identity.is_team_of(&"biz_2".parse().unwrap()), "{companies}");
    }
}

/// Another issuer may use these claims for purposes of its own.
#[tokio::test]
async fn other_issuers_may_use_the_claims_of_grants() {
    let changes = json!({"iss": "https://login.example", "aud": "web", "channel": "web", "caps": ["join"]});
    assert_eq!(verify(&es256(&ES256, Some("k1"), &claims(&changes))).await.unwrap().user.as_str(), "user_1");
    let by_whop = whop_claims(&json!({"channel": "web"}));
    assert_eq!(verify(&es256(&ES256, None, &by_whop)).await.unwrap().user.as_str(), "user_1");
}

#[tokio::test]
async fn only_the_app_names_experiences_and_rooms() {
    let named = json!({"experiences": ["exp_1", "exp_2"], "rooms": ["lobby", "not a room"]});
    let ann = verify(&hs256(&claims(&named))).await.unwrap();
    let (experiences, rooms) = (ann.experiences, ann.rooms);
    assert_eq!(experiences.iter().map(ToString::to_string).collect::<Vec<_>>(), ["exp_1", "exp_2"]);
    assert_eq!(
        rooms.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["lobby"],
        "as far as they are ids"
    );
    let by_whop = verify(&es256(&ES256, None, &whop_claims(&named))).await.unwrap();
    let oidc = changed(named.clone(), &json!({"iss": "https://login.example", "aud": "web"}));
    let by_oidc = verify(&es256(&ES256, Some("k1"), &claims(&oidc))).await.unwrap();
    for identity in [by_whop, by_oidc] {
        assert!(identity.experiences.is_empty() && identity.rooms.is_empty());
    }
    for claim in ["experiences", "rooms"] {
        let many = json!({claim: (0..11).map(|number| format!("id_{number}")).collect::<Vec<_>>()});
        let refusal = verify(&hs256(&claims(&many))).await.unwrap_err().to_string();
        assert_eq!(refusal, format!("token: it names too many {claim}"));
    }
}

/// It speaks for the whole app, so it is no user's; and a scope is a list of words.
#[tokio::test]
async fn only_a_token_of_the_app_with_the_scope_publishes() {
    let issuers = issuers().await;
    let verify_publisher = async |token: &str| issuers.verify_publisher(token, now()).await;
    for scope in ["publish", "chat publish", "publish chat"] {
        let token = hs256(&claims(&json!({"scope": scope})));
        assert_eq!(verify_publisher(&token).await, Ok(()), "{scope}");
        assert_eq!(verify(&token).await.unwrap_err().to_string(), "token: it is for publishing", "{scope}");
    }
    for scope in [json!("published"), json!("chat"), json!(""), json!(["publish"]), Value::Null] {
        let token = hs256(&claims(&json!({"scope": scope})));
        assert_eq!(verify_publisher(&token).await.unwrap_err().code(), "forbidden", "{scope}");
        assert!(verify(&token).await.is_ok(), "{scope}");
    }
    // Other issuers may use the scope for purposes of their own.
    let publish = json!({"scope": "publish"});
    let by_whop = es256(&ES256, None, &whop_claims(&publish));
    let by_oidc = es256(
        &ES256,
        Some("k1"),
        &claims(&changed(publish.clone(), &json!({"iss": "https://login.example", "aud": "web"}))),
    );
    for token in [by_whop, by_oidc] {
        assert_eq!(verify_publisher(&token).await.unwrap_err().code(), "forbidden");
        assert!(verify(&token).await.is_ok());
    }
    let grant = json!({"scope": "publish", "channel": "conversation:c1", "caps": ["join"]});
    assert_eq!(verify_publisher(&hs256(&claims(&grant))).await.unwrap_err().code(), "forbidden");
    for changes in [json!({"exp": NOW_SECS - 1}), json!({"aud": "other"}), json!({"iss": "other"})] {
        let token = hs256(&claims(&changed(changes, &publish)));
        assert_eq!(verify_publisher(&token).await.unwrap_err().code(), "unauthorized");
    }
}

#[tokio::test]
async fn an_openid_provider_may_list_a_single_audience() {
    let changes = json!({"iss": "https://login.example", "aud": ["web"]});
    assert!(verify(&es256(&ES256, Some("k1"), &claims(&changes))).await.is_ok());
}

/// Session tokens of Clerk and access tokens of Cognito have no `aud`.
#[tokio::test]
async fn another_claim_may_name_the_audience_of_a_token_without_aud() {
    for claim in ["azp", "client_id"] {
        let entry = json!({"kind": "oidc", "iss": "login", "aud": "https://shop.example", "aud_claim": claim,
                           "alg": "ES256", "keys": {"pem": ES256.public_pem}});
        for (changes, is_good) in [
            (json!({"aud": null, (claim): "https://shop.example"}), true),
            (json!({"aud": null, (claim): "https://another.example"}), false),
            (json!({"aud": null, (claim): ["https://shop.example"]}), false),
            (json!({"aud": null}), false),
            (json!({"aud": "https://shop.example"}), false),
            // For another API, which the app's own page has requested.
            (json!({"aud": "https://another.example", (claim): "https://shop.example"}), false),
        ] {
            let token = es256(&ES256, None, &changed(claims(&json!({"iss": "login"})), &changes));
            assert_eq!(verify_by(entry.clone(), &token).await.is_ok(), is_good, "{claim} {changes}");
        }
    }
}

/// `EdDSA` does not name the curve; RFC 9864 does.
#[tokio::test]
async fn ed25519_has_two_names() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let signed = |alg: &str| {
        let unsigned = sewn(&json!({"alg": alg, "kid": "ed"}), &claims(&json!({"iss": "ed"})), "");
        let message = unsigned.trim_end_matches('.');
        let signature = crypto::sign(message.as_bytes(), &private, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    };
    for configured in ["EdDSA", "Ed25519"] {
        for of_the_key in [json!("EdDSA"), json!("Ed25519"), Value::Null] {
            let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "ed", "alg": of_the_key});
            if of_the_key.is_null() {
                key.as_object_mut().unwrap().remove("alg");
            }
            let entry = json!({"kind": "app", "iss": "ed", "aud": "funnelcast", "alg": configured,
                               "keys": {"static": {"keys": [key]}}});
            for (named, is_good) in [("EdDSA", true), ("Ed25519", true), ("ES256", false), ("ed25519", false)]
            {
                let outcome = verify_by(entry.clone(), &signed(named)).await;
                assert_eq!(outcome.is_ok(), is_good, "{configured} {of_the_key} {named}");
            }
        }
    }
}

/// So that a key can be replaced: the new one is configured before it signs, and the old one stays until its last
/// token has expired.
#[tokio::test]
async fn an_issuer_may_have_several_keys() {
    let third = KeyPair::generate();
    let entry = |keys: Value| json!({"kind": "app", "iss": "shop", "aud": "funnelcast", "alg": "ES256", "keys": keys});
    let pem = |pair: &KeyPair| entry(json!({"pem": pair.public_pem}));
    let set = |keys: Value| entry(json!({"static": {"keys": keys}}));
    for table in [
        json!([pem(&ES256), pem(&OTHER)]),
        json!([pem(&ES256), set(json!([OTHER.jwk("new")]))]),
        json!([set(json!([ES256.jwk("old"), OTHER.jwk("new")]))]),
        json!([set(json!([ES256.jwk("same"), OTHER.jwk("same")]))]),
        json!([set(json!([ES256.nameless_jwk(), OTHER.nameless_jwk()]))]),
    ] {
        let kids = table.to_string().contains("kid");
        let issuers = Issuers::from_config(&config(&table), now()).await.unwrap();
        for (pair, names, is_good) in [
            (&*ES256, ["old", "same"], true),
            (&*OTHER, ["new", "same"], true),
            (&third, ["old", "same"], false),
        ] {
            let names = names.map(Some).into_iter().filter(|_| kids).chain((!kids).then_some(None));
            let tokens = names.map(|kid| es256(pair, kid, &claims(&json!({}))));
            let mut is_taken = false;
            for token in tokens {
                is_taken |= issuers.verify(&token, now()).await.is_ok();
            }
            assert_eq!(is_taken, is_good, "{table}");
        }
    }
}

/// Each step of a replacement is a deployment, during which some processes still have the configuration of the step before.
/// Until the last step, tokens of the old key are in use; some backends send no `kid`.
#[tokio::test]
async fn a_key_is_replaced_without_a_refused_token() {
    let entry = |keys: Value| json!([{"kind": "app", "iss": "shop", "aud": "funnelcast", "alg": "ES256", "keys": {"static": {"keys": keys}}}]);
    let (old, new) = (ES256.jwk("2026-11"), OTHER.jwk("2026-12"));
    let steps = [json!([old]), json!([old, new]), json!([new])];
    let mut issuers = Vec::new();
    for keys in steps {
        issuers.push(Issuers::from_config(&config(&entry(keys)), now()).await.unwrap());
    }
    let tokens =
        |pair: &KeyPair, kid: &str| [Some(kid), None].map(|kid| es256(pair, kid, &claims(&json!({}))));
    let (by_old, by_new) = (tokens(&ES256, "2026-11"), tokens(&OTHER, "2026-12"));
    for (step, token, is_good) in [
        (0, &by_old, true),
        (1, &by_old, true),
        (1, &by_new, true),
        (2, &by_new, true),
        (0, &by_new, false),
        (2, &by_old, false),
    ] {
        for token in token {
            assert_eq!(issuers[step].verify(token, now()).await.is_ok(), is_good, "step {step}: {token}");
        }
    }
}

#[tokio::test]
async fn an_oidc_subject_need_not_be_a_user_id() {
    let changes =
        json!({"iss": "https://login.example", "aud": "web", "sub": "auth0|5f7c8ec7", "name": null});
    let identity = verify(&es256(&ES256, Some("k1"), &claims(&changes))).await.unwrap();
    assert!(identity.user.as_str().starts_with("sub-"), "{}", identity.user);
    assert_eq!(identity.name.as_str(), identity.user.as_str());
}

/// A token is valid although its issuer's clock is ahead, and none is valid for longer because of it.
#[tokio::test]
async fn clocks_may_be_apart_a_little() {
    for (changes, is_good) in [
        (json!({"nbf": NOW_SECS}), true),
        (json!({"nbf": NOW_SECS + 5}), true),
        (json!({"nbf": NOW_SECS + 5 + 1}), false),
        (json!({"nbf": i64::MAX}), false),
        (json!({"nbf": i64::MIN}), true),
        (json!({"iat": NOW_SECS + 1_000_000}), true), // it says when the token was issued, not from when on it is valid
        (json!({"exp": NOW_SECS + 1}), true),
        (json!({"exp": NOW_SECS}), false),
        (json!({"exp": NOW_SECS - 1}), false),
        (json!({"exp": i64::MIN}), false),
        (json!({"exp": i64::MAX}), true),
    ] {
        assert_eq!(verify(&hs256(&claims(&changes))).await.is_ok(), is_good, "{changes}");
    }
}
