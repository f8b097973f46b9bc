//! Bad tokens: each with what is wrong with it and the reason that is logged. To the client, all refusals look the
//! same.

use super::*;

/// The last part of a token.
fn signature(token: &str) -> &str {
    token.rsplit('.').next().unwrap()
}

/// An id that is derived from a subject.
const MADE: &str = "sub-QapIeIfjxFwZskSLLwNlUvALLHjiOUbTkKfoRvatWOE";

/// What is wrong, the token, and a part of the reason.
type Bad = (&'static str, String, &'static str);

/// Tokens that are not signed, or not by the right key.
fn badly_signed() -> Vec<Bad> {
    let good = claims(&json!({}));
    let shop = |changes: Value| hs256(&claims(&changes));
    let ec = |changes: Value| changed(claims(&json!({"iss": "shop-ec"})), &changes);
    let oidc = claims(&json!({"iss": "https://login.example", "aud": "web"}));
    let by_public_key = EncodingKey::from_secret(ES256.public_pem.as_bytes());
    let hs384 = EncodingKey::from_secret(SECRET.as_bytes());
    let es256_header = || Header { kid: Some("k1".into()), ..Header::new(Algorithm::ES256) };
    let brings_key = Header { jwk: serde_json::from_value(OTHER.jwk("k1")).ok(), ..es256_header() };
    let critical = Header { crit: Some(vec!["b64".into()]), ..es256_header() };
    vec![
        ("nothing", String::new(), "not a signed JWT"),
        ("two dots", "..".into(), "not a signed JWT"),
        ("no JWT", "a.b.c".into(), "not a signed JWT"),
        ("no base64url", "ünïcode.ü.ü".into(), "not a signed JWT"),
        ("no UTF-8 inside", format!("{0}.{0}.{0}", URL_SAFE_NO_PAD.encode([0xff; 30])), "not a signed JWT"),
        ("9 KiB", "a".repeat(9 * 1024), "too long"),
        ("9 KiB, signed", shop(json!({"name": "x".repeat(9 * 1024)})), "too long"),
        ("five parts (JWE)", format!("{}.a.b", shop(json!({}))), "not a signed JWT"),
        ("`alg: none`", sewn(&json!({"alg": "none"}), &good, ""), "algorithm"),
        (
            "`alg: none` with a signature",
            sewn(&json!({"alg": "none"}), &good, signature(&shop(json!({})))),
            "algorithm",
        ),
        ("`alg: NONE`", sewn(&json!({"alg": "NONE"}), &good, ""), "algorithm"),
        ("no `alg`", sewn(&json!({"typ": "JWT"}), &good, ""), "not a signed JWT"),
        (
            "HS256 with the public key as secret",
            encode(&Header::new(Algorithm::HS256), &ec(json!({})), &by_public_key).unwrap(),
            "algorithm",
        ),
        (
            "HS384 with the right secret",
            encode(&Header::new(Algorithm::HS384), &good, &hs384).unwrap(),
            "algorithm",
        ),
        ("ES256 of an HS256 issuer", es256(&ES256, None, &good), "algorithm"),
        ("another's key", es256(&OTHER, None, &ec(json!({}))), "signature is not valid"),
        ("a key of another issuer's set", es256(&OTHER, Some("k2"), &whop_claims(&json!({}))), "unknown key"),
        ("an unknown `kid`", es256(&ES256, Some("k3"), &oidc), "unknown key"),
        ("the `kid` of another key", es256(&ES256, Some("k2"), &oidc), "signature is not valid"),
        (
            "no `kid`, and neither of two keys",
            es256(&KeyPair::generate(), None, &oidc),
            "signature is not valid",
        ),
        (
            "its own key along (`jwk`)",
            encode(&brings_key, &oidc, &OTHER.private).unwrap(),
            "signature is not valid",
        ),
        ("an unknown `crit`", encode(&critical, &oidc, &ES256.private).unwrap(), "crit"),
        (
            "a signature of another payload",
            {
                let [one, other] = [shop(json!({})), shop(json!({"sub": "user_2"}))];
                let head_and_payload = other.rsplit_once('.').unwrap().0.to_owned();
                format!("{head_and_payload}.{}", signature(&one))
            },
            "signature is not valid",
        ),
        (
            "a signature that is cut",
            {
                let mut token = shop(json!({}));
                token.pop();
                token
            },
            "signature is not valid",
        ),
        (
            "no signature",
            format!("{}.", shop(json!({})).rsplit_once('.').unwrap().0),
            "signature is not valid",
        ),
    ]
}

/// Tokens that are signed correctly, with claims that are not valid.
fn badly_claimed() -> Vec<Bad> {
    let shop = |changes: Value| hs256(&claims(&changes));
    let by_oidc = claims(&json!({"iss": "https://login.example", "aud": "web"}));
    let oidc = |changes: Value| es256(&ES256, Some("k1"), &changed(by_oidc.clone(), &changes));
    vec![
        ("no `iss`", shop(json!({"iss": null})), "no `iss`"),
        ("an unknown `iss`", shop(json!({"iss": "another"})), "issuer is unknown"),
        ("`iss` as a list", shop(json!({"iss": ["shop"]})), "no `iss`"),
        ("the dev issuer, which is not here", shop(json!({"iss": "funnelcast-dev"})), "issuer is unknown"),
        ("no `aud`", shop(json!({"aud": null})), "audience"),
        ("another `aud`", shop(json!({"aud": "another"})), "another audience"),
        ("an empty `aud`", shop(json!({"aud": ""})), "another audience"),
        ("`aud` as a list of one", shop(json!({"aud": ["funnelcast"]})), "another audience"),
        ("`aud` as a list of two", shop(json!({"aud": ["funnelcast", "another"]})), "another audience"),
        (
            "Whop's, for another app",
            es256(&ES256, None, &whop_claims(&json!({"aud": "app_2"}))),
            "another audience",
        ),
        (
            "Whop's, for a list of apps",
            es256(&ES256, None, &whop_claims(&json!({"aud": ["app_1"]}))),
            "another audience",
        ),
        (
            "Whop's, for no user of Whop",
            es256(&ES256, None, &whop_claims(&json!({"sub": "agent_1"}))),
            "not a user",
        ),
        ("no `sub`", shop(json!({"sub": null})), "no `sub`"),
        ("an empty `sub`", shop(json!({"sub": ""})), "empty"),
        ("a `sub` that is a number", shop(json!({"sub": 7})), "no `sub`"),
        ("a `sub` that is a derived id", shop(json!({"sub": MADE})), "derived id"),
        ("no `exp`", shop(json!({"exp": null})), "no `exp`"),
        ("`exp` as a string", shop(json!({"exp": (NOW_SECS + 60).to_string()})), "not a time"),
        ("expired", shop(json!({"exp": NOW_SECS})), "expired"),
        ("expired long ago", shop(json!({"exp": 1})), "expired"),
        ("not yet valid", shop(json!({"nbf": NOW_SECS + 60})), "not valid yet"),
        ("an `nbf` that is not a time", shop(json!({"nbf": "soon"})), "not a time"),
        (
            "too many companies",
            shop(json!({"companies": vec![json!({"id": "b", "role": "admin"}); COMPANIES_MAX + 1]})),
            "too many",
        ),
        ("a grant", shop(json!({"channel": "system", "caps": ["join"]})), "it is a grant"),
        ("half a grant", shop(json!({"channel": "system"})), "it is a grant"),
        ("the other half", shop(json!({"caps": ["join"]})), "it is a grant"),
        ("an OpenID provider's, for two", oidc(json!({"aud": ["web", "another"]})), "another audience"),
        ("an OpenID provider's, for none", oidc(json!({"aud": []})), "another audience"),
        ("an OpenID provider's, without `aud`", oidc(json!({"aud": null, "azp": "web"})), "another audience"),
    ]
}

#[tokio::test]
async fn every_bad_token_is_refused_for_its_own_reason() {
    let issuers = issuers().await;
    for (what, token, reason) in badly_signed().into_iter().chain(badly_claimed()) {
        let error = issuers.verify(&token, now()).await.expect_err(what);
        assert_eq!(error.code(), "unauthorized", "{what}");
        assert!(error.to_string().contains(reason), "{what}: {error}");
        assert!(token.len() < 20 || !error.to_string().contains(&token), "{what}: no token is logged");
    }
}

/// Each bad token is bad for a single reason, and not because every token is refused.
#[tokio::test]
async fn the_tokens_are_valid_without_their_defect() {
    let oidc = claims(&json!({"iss": "https://login.example", "aud": "web"}));
    for good in [
        hs256(&claims(&json!({}))),
        es256(&ES256, None, &claims(&json!({"iss": "shop-ec"}))),
        es256(&ES256, None, &whop_claims(&json!({}))),
        es256(&ES256, Some("k1"), &oidc),
        es256(&OTHER, Some("k2"), &oidc),
    ] {
        verify(&good).await.unwrap();
    }
}

/// Otherwise an unauthenticated caller could write into the log by the parts of a token.
#[tokio::test]
async fn no_reason_quotes_a_token() {
    const PLANTED: &str = "\u{1b}[2Jplanted\n";
    let mut claims = claims(&json!({}));
    let mut tokens = vec![
        format!("{PLANTED}.{PLANTED}.{PLANTED}"),
        sewn(&json!({"alg": PLANTED}), &claims, "c2ln"),
        sewn(&json!({"alg": "HS256", "kid": PLANTED}), &claims, "c2ln"),
        sewn(&json!({"alg": "HS256", "kid": [PLANTED]}), &claims, "c2ln"),
        sewn(&json!({"alg": "HS256", "crit": [PLANTED]}), &claims, "c2ln"),
        sewn(&json!(PLANTED), &json!(PLANTED), PLANTED),
    ];
    for name in ["iss", "aud", "sub", "exp", "nbf", "companies"] {
        let good = std::mem::replace(&mut claims[name], json!(PLANTED));
        tokens.extend([sewn(&json!({"alg": "HS256"}), &claims, "c2ln"), hs256(&claims)]);
        claims[name] = json!([{"id": PLANTED, "role": PLANTED}]);
        tokens.push(hs256(&claims));
        claims[name] = good;
    }
    let issuers = issuers().await;
    for token in tokens {
        let Err(error) = issuers.verify(&token, now()).await else { continue };
        assert!(!error.to_string().contains("planted"), "{token}: {error}");
        assert!(error.to_string().chars().all(|char| !char.is_control()), "{token}: {error}");
    }
}
