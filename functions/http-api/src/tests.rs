//! The router: what it refuses before it does anything, and that it has the operations of `core`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    http::{
        Method, Request, StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
    },
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_aws::clock::now;
use funnelcast_core::{
    http_api::{Auth, OPERATIONS, PUBLISH_BYTES_MAX},
    size::REQUEST_BYTES_MAX,
};
use funnelcast_testing::engine::Engine as TableEngine;
use jsonwebtoken::{EncodingKey, Header, encode};
use lambda_http::{request, tower::ServiceExt};
use serde_json::{Value, json};

use super::*;

const DEV_KEY: [u8; 32] = [7; 32];

/// The router, and the engine of its table, in which it looks how a user stands.
async fn api() -> (Router, TableEngine) {
    let engine = TableEngine::start().await;
    let config = Config::from_lookup(|name| match name {
        "STAGE" => Some("dev".to_owned()),
        "MANAGEMENT_ENDPOINT" => Some("http://127.0.0.1:1/dev".to_owned()),
        "FILES_BUCKET" => Some("no-bucket-is-asked".to_owned()),
        "DELIVERY_QUEUE_URL" | "TIMER_QUEUE_URL" | "FILES_QUEUE_URL" => {
            Some("http://127.0.0.1:1/queue".to_owned())
        }
        "ALLOWED_ORIGINS" => Some("https://app.example,https://other.example".to_owned()),
        "CORS_METHODS" => Some("GET,POST".to_owned()),
        "CORS_HEADERS" => Some("authorization".to_owned()),
        "DEV_ISSUER_KEY" => Some(URL_SAFE_NO_PAD.encode(DEV_KEY)),
        _ => engine.variable(name),
    });
    let config = config.unwrap();
    (router(Box::pin(Api::build(&config)).await.unwrap()), engine)
}

fn token() -> String {
    signed(&json!({}))
}

fn publisher_token() -> String {
    signed(&json!({"scope": "publish"}))
}

/// A token of the dev issuer with these claims more.
fn signed(more: &Value) -> String {
    let mut claims = json!({"iss": "funnelcast-dev", "aud": "funnelcast", "sub": "user_1",
                            "exp": (now() + Duration::from_hours(1)).as_secs()});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    encode(&Header::default(), &claims, &EncodingKey::from_secret(&DEV_KEY)).unwrap()
}

async fn ask(method: &str, path: &str, authorization: &str, body: impl Into<Body>) -> Response {
    let request = Request::builder().method(method).uri(path).header("authorization", authorization);
    let (api, _engine) = api().await;
    api.oneshot(request.body(body.into()).unwrap()).await.unwrap()
}

/// The code of a refusal, whose body must have the shape of every refusal.
async fn code(response: Response) -> String {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body["error"]["message"].is_string(), "{body}");
    body["error"]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_refusal_has_the_apis_own_error_body() {
    let (bearer, publisher) = (format!("Bearer {}", token()), format!("Bearer {}", publisher_token()));
    let too_many = json!({"events": vec![json!({}); 101]}).to_string();
    let huge = json!({"events": ["x".repeat(PUBLISH_BYTES_MAX)]}).to_string();
    let large = format!(r#"{{"channel":"{}"}}"#, "x".repeat(REQUEST_BYTES_MAX));
    for (method, path, authorization, body, status, expected) in [
        ("POST", "/api/websocket/connect", "", "", 401, "unauthorized"),
        ("POST", "/api/websocket/connect", "Bearer a.b.c", "", 401, "unauthorized"),
        ("GET", "/api/websocket/nothing", "", "", 404, "not_found"),
        ("GET", "/", "", "", 404, "not_found"),
        ("PATCH", "/api/websocket/status", "", "", 405, "unknown_action"),
        ("POST", "/api/websocket/messages", &bearer, "{", 400, "bad_request"),
        ("POST", "/api/websocket/messages", &bearer, "[]", 400, "bad_request"),
        ("POST", "/api/websocket/messages", &bearer, "", 400, "bad_request"),
        ("POST", "/api/websocket/messages", &bearer, &large, 413, "too_large"),
        ("POST", "/api/websocket/messages", &bearer, r#"{"channel":"chat:1"}"#, 400, "invalid_channel"),
        ("POST", "/api/websocket/channels", &bearer, r#"{"channel":"system"}"#, 400, "bad_request"),
        ("DELETE", "/api/websocket/channels?channel=system", &bearer, "", 400, "bad_request"),
        ("DELETE", "/api/websocket/disconnect?connection=c", &bearer, "", 400, "bad_request"),
        ("GET", "/api/conversations", "", "", 401, "unauthorized"),
        ("GET", "/api/conversations", &bearer, "", 400, "bad_request"),
        ("GET", "/api/conversations?limit=51", &bearer, "", 400, "bad_request"),
        ("GET", "/api/conversations?limit=1&cursor=x", &bearer, "", 400, "bad_request"),
        ("GET", "/api/conversations?limit=1&companyId=biz_1", &bearer, "", 403, "forbidden"),
        ("GET", "/api/conversations/a%20b", &bearer, "", 400, "bad_request"),
        ("GET", "/api/conversations/%FF", &bearer, "", 400, "bad_request"),
        ("PUT", "/api/conversations/c", &bearer, "{}", 400, "bad_request"),
        ("DELETE", "/api/conversations/c?more=1", &bearer, "", 400, "bad_request"),
        ("DELETE", "/api/files/f", "", "", 401, "unauthorized"),
        ("DELETE", "/api/files/no%20id", &bearer, "", 400, "bad_request"),
        ("POST", "/api/publish", "", "{}", 401, "unauthorized"),
        ("POST", "/api/publish", &bearer, "{}", 403, "forbidden"),
        ("POST", "/api/publish", &publisher, "", 400, "bad_request"),
        ("POST", "/api/publish", &publisher, "{}", 400, "bad_request"),
        ("POST", "/api/publish", &publisher, r#"{"events":[]}"#, 400, "bad_request"),
        ("POST", "/api/publish", &publisher, &too_many, 400, "bad_request"),
        ("POST", "/api/publish", &publisher, &huge, 413, "too_large"),
        ("POST", "/api/websocket/connect", &publisher, "", 401, "unauthorized"),
        ("GET", "/api/conversations/c1", &publisher, "", 401, "unauthorized"),
        ("GET", "/api/websocket/messages?channel=system&limit=0", &bearer, "", 400, "bad_request"),
        ("GET", "/api/websocket/messages?channel=company:biz_1&limit=1", &bearer, "", 403, "forbidden"),
    ] {
        let response = ask(method, path, authorization, body.to_owned()).await;
        let place = format!("{method} {path}");
        assert_eq!(response.status().as_u16(), status, "{place}");
        assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), status == 401, "{place}");
        assert_eq!(code(response).await, expected, "{place}");
    }
}

#[tokio::test]
async fn only_allowed_origins_get_a_preflight_response() {
    for (origin, is_allowed) in [
        ("https://app.example", true),
        ("https://other.example", true),
        ("https://app.example.evil", false),
        ("https://app.example:444", false),
        ("null", false),
    ] {
        let request =
            Request::builder().method("OPTIONS").uri("/api/websocket/status").header("origin", origin);
        let (api, _engine) = api().await;
        let response = api.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{origin}");
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let expected = |text: &str| is_allowed.then(|| text.to_owned());
        assert_eq!(header("access-control-allow-origin"), expected(origin), "{origin}");
        assert_eq!(header("access-control-allow-methods"), expected("GET,POST"), "{origin}");
        assert_eq!(header("access-control-allow-headers"), expected("authorization"), "{origin}");
        assert_eq!(header("vary").as_deref(), Some("origin"));
    }
}

#[tokio::test]
async fn the_sample_is_a_request() {
    let sample = request::from_str(include_str!("../../../events/http-api.json")).unwrap();
    assert_eq!((sample.method(), sample.uri().path()), (&Method::GET, "/api/websocket/messages"));
    let (api, _engine) = api().await;
    let response = api.oneshot(sample).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "its token has no valid signature");
}

/// `Allow` says which methods a path has: those of the table of operations, and no others.
#[tokio::test]
async fn the_router_has_every_operation_of_the_table_and_no_other() {
    let mut table = BTreeMap::<_, BTreeSet<_>>::new();
    // Whop's webhooks have a function of their own.
    for operation in OPERATIONS.iter().filter(|operation| operation.auth != Auth::WhopSignature) {
        table.entry(operation.path).or_default().insert(operation.method.as_str().to_owned());
    }
    assert_eq!(
        table.keys().copied().collect::<BTreeSet<_>>(),
        routes().iter().map(|(path, _)| *path).collect()
    );
    for (path, methods) in table {
        let response = ask("PATCH", path, "", "").await;
        let allowed = response.headers()[ALLOW].to_str().unwrap().split(',').map(str::to_owned);
        assert_eq!(allowed.filter(|method| method != "HEAD").collect::<BTreeSet<_>>(), methods, "{path}");
    }
}
