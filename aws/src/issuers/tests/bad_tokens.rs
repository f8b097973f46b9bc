//! The battery: each token with what is wrong with it, and the reason that the log gets. Outside they are all the same.

use super::*;

/// A token by its parts, unsigned or with a signature that was made for another.
fn sewn(header: &Value, payload: &Value, signature: &str) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.{signature}", part(header), part(payload))
}

/// The last part of a token.
fn signature(token: &str) -> &str {
    token.rsplit('.').next().unwrap()
}

/// What it is, the token, and a part of the reason.
type Bad = (&'static str, String, &'static str);

/// Those that nobody has signed, or not the one who should have.
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
        ("nothing", String::new(), "InvalidToken"),
        ("two dots", "..".into(), "EOF"),
        ("no JWT", "a.b.c".into(), "Invalid"),
        ("no base64url", "ünïcode.ü.ü".into(), "Base64"),
        ("no UTF-8 inside", format!("{0}.{0}.{0}", URL_SAFE_NO_PAD.encode([0xff; 30])), ""),
        ("9 KiB", "a".repeat(9 * 1024), "too long"),
        ("9 KiB, signed", shop(json!({"name": "x".repeat(9 * 1024)})), "too long"),
        ("a name with a control character", shop(json!({"name": "Ann\n"})), "control characters"),
        ("five parts (JWE)", format!("{}.a.b", shop(json!({}))), ""),
        ("`alg: none`", sewn(&json!({"alg": "none"}), &good, ""), "none"),
        (
            "`alg: none` with a signature",
            sewn(&json!({"alg": "none"}), &good, signature(&shop(json!({})))),
            "none",
        ),
        ("`alg: NONE`", sewn(&json!({"alg": "NONE"}), &good, ""), "NONE"),
        ("no `alg`", sewn(&json!({"typ": "JWT"}), &good, ""), "alg"),
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
        ("another's key", es256(&OTHER, None, &ec(json!({}))), "InvalidSignature"),
        ("a key of another issuer's set", es256(&OTHER, Some("k2"), &whop_claims(&json!({}))), "unknown key"),
        ("an unknown `kid`", es256(&ES256, Some("k3"), &oidc), "unknown key"),
        ("the `kid` of another key", es256(&ES256, Some("k2"), &oidc), "InvalidSignature"),
        ("no `kid` where there are two keys", es256(&ES256, None, &oidc), "unknown key"),
        (
            "its own key along (`jwk`)",
            encode(&brings_key, &oidc, &OTHER.private).unwrap(),
            "InvalidSignature",
        ),
        ("a `crit` that nobody knows", encode(&critical, &oidc, &ES256.private).unwrap(), "crit"),
        (
            "a signature of another payload",
            {
                let [one, other] = [shop(json!({})), shop(json!({"sub": "user_2"}))];
                let head_and_payload = other.rsplit_once('.').unwrap().0.to_owned();
                format!("{head_and_payload}.{}", signature(&one))
            },
            "InvalidSignature",
        ),
        (
            "a signature that is cut",
            {
                let mut token = shop(json!({}));
                token.pop();
                token
            },
            "",
        ),
        ("no signature", format!("{}.", shop(json!({})).rsplit_once('.').unwrap().0), "InvalidSignature"),
    ]
}

/// Those that are signed well, and say what does not count.
fn badly_claimed() -> Vec<Bad> {
    let shop = |changes: Value| hs256(&claims(&changes));
    vec![
        ("no `iss`", shop(json!({"iss": null})), "iss"),
        ("an unknown `iss`", shop(json!({"iss": "another"})), "issuer is unknown"),
        ("`iss` as a list", shop(json!({"iss": ["shop"]})), ""),
        ("the dev issuer, which is not here", shop(json!({"iss": "funnelcast-dev"})), "issuer is unknown"),
        ("no `aud`", shop(json!({"aud": null})), "aud"),
        ("another `aud`", shop(json!({"aud": "another"})), "InvalidAudience"),
        ("an empty `aud`", shop(json!({"aud": ""})), "InvalidAudience"),
        ("`aud` as a list of one", shop(json!({"aud": ["funnelcast"]})), "string"),
        ("`aud` as a list of two", shop(json!({"aud": ["funnelcast", "another"]})), "string"),
        (
            "Whop's, for another app",
            es256(&ES256, None, &whop_claims(&json!({"aud": "app_2"}))),
            "InvalidAudience",
        ),
        (
            "Whop's, for a list of apps",
            es256(&ES256, None, &whop_claims(&json!({"aud": ["app_1"]}))),
            "string",
        ),
        (
            "Whop's, of no user of theirs",
            es256(&ES256, None, &whop_claims(&json!({"sub": "agent_1"}))),
            "no user",
        ),
        ("no `sub`", shop(json!({"sub": null})), "sub"),
        ("an empty `sub`", shop(json!({"sub": ""})), "user id"),
        ("a `sub` that is no id", shop(json!({"sub": "user#1"})), "user id"),
        ("no `exp`", shop(json!({"exp": null})), "exp"),
        ("`exp` as a string", shop(json!({"exp": (NOW_SECS + 60).to_string()})), ""),
        ("expired", shop(json!({"exp": NOW_SECS})), "expired"),
        ("expired long ago", shop(json!({"exp": 1})), "expired"),
        ("not yet valid", shop(json!({"nbf": NOW_SECS + 60})), "not count yet"),
        ("a role that is none", shop(json!({"companies": [{"id": "biz_1", "role": "owner"}]})), "owner"),
        (
            "a company that is none",
            shop(json!({"companies": [{"id": "biz:1", "role": "admin"}]})),
            "company id",
        ),
        (
            "too many companies",
            shop(json!({"companies": vec![json!({"id": "b", "role": "admin"}); COMPANIES_MAX + 1]})),
            "too many",
        ),
        ("a grant", shop(json!({"channel": "system", "caps": ["join"]})), "grant"),
    ]
}

#[tokio::test]
async fn every_bad_token_is_refused_for_its_own_reason() {
    let issuers = issuers().await;
    for (what, token, reason) in badly_signed().into_iter().chain(badly_claimed()) {
        let error = issuers.verify(&token, now()).await.expect_err(what);
        assert_eq!(error.code(), "unauthorized", "{what}");
        assert!(error.to_string().contains(reason), "{what}: {error}");
        assert!(token.len() < 20 || !error.to_string().contains(&token), "{what}: a log has no token");
    }
}

/// That a bit less of it is what makes each of them bad, and not that all are refused.
#[tokio::test]
async fn what_they_are_made_of_is_good() {
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
