//! Key sets, fetched from a real server on this machine: when, how often, and what is refused.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use funnelcast_testing::server::{self, Answer, Asked, Server, says};
use futures_util::future::join_all;
use http::{HeaderValue, Response, header};
use http_body_util::Full;

use super::{
    super::jwks::{FETCH_PAUSE, FIRST_FETCH_PAUSE, SET_AGE_LAST, SET_AGE_MAX, SET_BYTES_MAX},
    *,
};

/// A set of these keys, with an entity tag.
fn set(keys: &[Value], etag: &'static str) -> Answer {
    let body = json!({ "keys": keys }).to_string();
    Answer::Now(Response::builder().header(header::ETAG, etag).body(Full::from(body)).unwrap())
}

/// An issuer of Whop's kind whose keys are at `url`.
async fn issuer_at(url: &str) -> Issuers {
    let table = json!([{"kind": "whop", "aud": "app_1", "keys": {"jwks": url}}]);
    Issuers::from_config(&config(&table), now()).await.unwrap()
}

/// A token that is valid for long enough.
fn token(pair: &KeyPair, kid: &str) -> String {
    es256(pair, Some(kid), &whop_claims(&json!({"exp": NOW_SECS + 1_000_000})))
}

/// A server that gives these answers in order, and then keeps repeating the last one.
async fn server(answers: Vec<Answer>) -> Server {
    let next = AtomicUsize::new(0);
    Server::start(move |_| answers[next.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)].clone()).await
}

#[tokio::test]
async fn a_set_is_fetched_once_and_then_revalidated_by_its_etag() {
    let server = Server::start(|asked: &Asked| match asked.headers.get(header::IF_NONE_MATCH) {
        Some(tag) if tag == "\"1\"" => says(304, ""),
        _ => set(&[ES256.jwk("k1")], "\"1\""),
    })
    .await;
    let issuers = issuer_at(&server.url("/.well-known/jwks.json")).await;
    assert_eq!(server.asked().len(), 1, "in the init phase");
    for _ in 0..10 {
        issuers.verify(&token(&ES256, "k1"), now()).await.unwrap();
    }
    issuers.verify(&token(&ES256, "k1"), now() + SET_AGE_MAX - FIRST_FETCH_PAUSE).await.unwrap();
    assert_eq!(server.asked().len(), 1);

    for time in [SET_AGE_MAX, SET_AGE_MAX * 3 / 2] {
        issuers.verify(&token(&ES256, "k1"), now() + time).await.unwrap();
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "the old set is valid again from its revalidation");
    assert_eq!(asked[1].headers.get(header::IF_NONE_MATCH), Some(&HeaderValue::from_static("\"1\"")));
    assert_eq!(asked[1].path, "/.well-known/jwks.json");
}

#[tokio::test]
async fn an_unknown_key_refetches_the_set_but_not_for_every_token() {
    let server =
        server(vec![set(&[ES256.jwk("k1")], "1"), set(&[ES256.jwk("k1"), OTHER.jwk("k2")], "2")]).await;
    let issuers = issuer_at(&server.url("/jwks")).await;
    let soon = now() + FETCH_PAUSE - FIRST_FETCH_PAUSE;
    let flood = (0..50).map(|n| token(&OTHER, &format!("made-up-{n}"))).collect::<Vec<_>>();
    let refused = join_all(flood.iter().map(|token| issuers.verify(token, soon))).await;
    assert!(refused.iter().all(Result::is_err));
    assert_eq!(server.asked().len(), 1, "it has only just been fetched");

    let later = now() + FETCH_PAUSE;
    let tokens = [vec![token(&OTHER, "k2")], flood].concat();
    let outcomes = join_all(tokens.iter().map(|token| issuers.verify(token, later))).await;
    assert!(outcomes[0].is_ok(), "the key is new");
    assert!(outcomes[1..].iter().all(Result::is_err));
    assert_eq!(server.asked().len(), 2, "one fetch for all of them");
    assert!(issuers.verify(&token(&ES256, "k1"), later).await.is_ok());
}

#[tokio::test]
async fn a_key_that_is_withdrawn_ends_with_the_set() {
    let server = server(vec![set(&[ES256.jwk("k1")], "1"), set(&[OTHER.jwk("k2")], "2")]).await;
    let issuers = issuer_at(&server.url("/jwks")).await;
    assert!(issuers.verify(&token(&ES256, "k1"), now()).await.is_ok());
    assert!(issuers.verify(&token(&ES256, "k1"), now() + SET_AGE_MAX).await.is_err());
    assert!(issuers.verify(&token(&OTHER, "k2"), now() + SET_AGE_MAX).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_is_down_has_not_withdrawn_its_keys_yet() {
    let server = server(vec![set(&[ES256.jwk("k1")], "1"), says(503, "")]).await;
    let issuers = issuer_at(&server.url("/jwks")).await;
    for (age, is_good) in [(SET_AGE_MAX, true), (SET_AGE_MAX * 3 / 2, true), (SET_AGE_LAST, false)] {
        assert_eq!(issuers.verify(&token(&ES256, "k1"), now() + age).await.is_ok(), is_good, "{age:?}");
    }
}

#[tokio::test]
async fn an_invalid_set_verifies_nothing_until_it_is_repaired() {
    let too_large = format!(r#"{{"keys":[{}],"x":"{}"}}"#, ES256.jwk("k1"), "x".repeat(SET_BYTES_MAX));
    let elsewhere = Response::builder().status(302).header(header::LOCATION, "http://127.0.0.1:1/");
    for (what, answer) in [
        ("an error", says(500, "")),
        ("a redirect", Answer::Now(elsewhere.body(Full::default()).unwrap())),
        ("no JSON", says(200, "<html>")),
        ("another JSON", server::json(&json!(["k1"]))),
        ("an empty set", set(&[], "1")),
        ("a set of secrets", set(&[json!({"kty": "oct", "kid": "k1", "k": "c2VjcmV0"})], "1")),
        ("one that is too large", says(200, too_large)),
        ("304 without an earlier set", says(304, "")),
    ] {
        let server = server(vec![answer, set(&[ES256.jwk("k1")], "1")]).await;
        let issuers = issuer_at(&server.url("/jwks")).await;
        assert!(issuers.verify(&token(&ES256, "k1"), now()).await.is_err(), "{what}");
        assert_eq!(server.asked().len(), 1, "{what}: not for every token");
        let later = now() + FIRST_FETCH_PAUSE;
        assert!(
            issuers.verify(&token(&ES256, "k1"), later).await.is_ok(),
            "{what}: the set has been repaired"
        );
    }
}

#[tokio::test]
async fn one_odd_key_spoils_none_of_the_others() {
    let odd = [
        json!({"kty": "EC"}),
        json!({"kty": "LWE", "kid": "k1"}),
        json!(7),
        json!({"kty": "EC", "crv": "secp256k1", "x": "", "y": ""}),
    ];
    let keys = odd.iter().cloned().chain([ES256.jwk("k1")]).collect::<Vec<_>>();
    let server = server(vec![set(&keys, "1")]).await;
    assert!(issuer_at(&server.url("/jwks")).await.verify(&token(&ES256, "k1"), now()).await.is_ok());
}

/// Key ids need not be unique (RFC 7517, 4.5): while a key is replaced, both may have the same id.
#[tokio::test]
async fn each_key_of_a_name_is_tried() {
    let third = KeyPair::generate();
    let server = server(vec![set(&[ES256.jwk("k1"), OTHER.jwk("k1")], "1")]).await;
    let issuers = issuer_at(&server.url("/jwks")).await;
    for (pair, is_good) in [(&*ES256, true), (&*OTHER, true), (&third, false)] {
        assert_eq!(issuers.verify(&token(pair, "k1"), now()).await.is_ok(), is_good);
    }
}

/// A token may name a key, but not where to fetch it.
#[tokio::test]
async fn a_url_in_a_token_is_never_fetched() {
    let issuers_own = server(vec![set(&[ES256.jwk("k1")], "1")]).await;
    let attackers = server(vec![set(&[OTHER.jwk("k1")], "1")]).await;
    let issuers = issuer_at(&issuers_own.url("/jwks")).await;
    let header = Header {
        kid: Some("k1".into()),
        jku: Some(attackers.url("/jwks")),
        x5u: Some(attackers.url("/cert")),
        url: Some(attackers.url("/")),
        ..Header::new(Algorithm::ES256)
    };
    let forged = encode(&header, &whop_claims(&json!({})), &OTHER.private).unwrap();
    assert!(issuers.verify(&forged, now() + FETCH_PAUSE).await.is_err());
    assert!(attackers.asked().is_empty());
    let honest = encode(&header, &whop_claims(&json!({})), &ES256.private).unwrap();
    assert!(issuers.verify(&honest, now()).await.is_ok(), "the issuer's own key is still used");
    assert!(attackers.asked().is_empty());
}

/// Only a server that is slow to answer is waited for, and not for long.
#[tokio::test]
async fn a_silent_server_is_abandoned() {
    let server = Arc::new(server(vec![Answer::Never]).await);
    let issuers = issuer_at(&server.url("/jwks")).await;
    assert!(issuers.verify(&token(&ES256, "k1"), now()).await.is_err());
    assert_eq!(server.asked().len(), 1);
}
