//! What the HTTP API refuses, and with which answer; and what a page of another origin may read.

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, future::try_join_all, stream};
use http::Method;
use serde_json::json;
use tests::{Answer, Stack, User, eventually};

use crate::scene::pair;

/// An origin of the template's `AllowedOrigins`.
const ORIGIN: &str = "http://localhost:5173";

#[tokio::test]
async fn without_a_valid_token_nothing_is_done() -> Result<()> {
    let stack = Stack::shared()?;
    let token = User::stranger().token()?;
    let forged = format!("{}x", &token[..token.len() - 1]);
    for (method, path) in [
        (Method::POST, "connect"),
        (Method::DELETE, "disconnect"),
        (Method::GET, "status"),
        (Method::GET, "channels"),
        (Method::POST, "channels"),
        (Method::DELETE, "channels"),
        (Method::GET, "messages"),
        (Method::POST, "messages"),
    ] {
        for headers in [
            vec![],
            vec![("authorization", "Bearer nonsense".to_owned())],
            vec![("authorization", format!("Bearer {forged}"))],
            vec![("authorization", format!("Basic {token}"))],
            vec![("x-whop-user-token", forged.clone())],
            vec![("cookie", format!("token={token}"))],
        ] {
            let mut request = stack.ask(method.clone(), path);
            for (name, value) in &headers {
                request = request.header(name, value);
            }
            let answer = request.send().await?;
            assert_eq!(answer.refused()?, (401, "unauthorized"), "{method} {path} {headers:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let whop = stack.ask(Method::GET, "status").header("x-whop-user-token", &token);
    whop.send().await?.done()?;
    Ok(())
}

#[tokio::test]
async fn an_expired_token_is_refused() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::stranger().for_only("1s");
    let refused = eventually("a refusal", async || {
        let answer = stack.get(&ann, "status").await?;
        Ok((answer.status != 200).then_some(answer))
    })
    .await?;
    assert_eq!(refused.refused()?, (401, "unauthorized"));
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_told() -> Result<()> {
    let stack = Stack::shared()?;
    let token = User::stranger().token()?;
    let large = json!({"channel": "conversation:c", "event": "chat.message", "key": "k",
        "data": {"content": "x".repeat(40_000)}});
    let long = json!({"channel": "conversation:c", "event": "chat.message", "key": "k",
        "data": {"content": "x".repeat(16 * 1024 + 1)}});
    for (method, path, body, status, code) in [
        (Method::POST, "messages", "{", 400, "bad_request"),
        (Method::POST, "messages", "\"text\"", 400, "bad_request"),
        (Method::POST, "messages", "", 400, "bad_request"),
        (Method::POST, "messages", "{}", 400, "bad_request"),
        (Method::POST, "messages", r#"{"channel":"chat:1"}"#, 400, "invalid_channel"),
        (
            Method::POST,
            "messages",
            r#"{"channel":"system","event":"chat.message","data":{}}"#,
            403,
            "forbidden",
        ),
        (
            Method::POST,
            "messages",
            r#"{"channel":"conversation:c","event":"chat.message","data":{"content":"a"}}"#,
            400,
            "bad_request",
        ),
        (Method::POST, "messages", &large.to_string(), 413, "too_large"),
        (Method::POST, "messages", &long.to_string(), 413, "too_large"),
        (Method::GET, "messages", "", 400, "bad_request"),
        (Method::GET, "messages?channel=chat:1&limit=1", "", 400, "invalid_channel"),
        (Method::GET, "messages?channel=system&limit=101", "", 400, "bad_request"),
        (Method::GET, "messages?channel=system&limit=1&before=3&after=1", "", 400, "bad_request"),
        (Method::GET, "messages?channel=system&limit=1&sort=up", "", 400, "bad_request"),
        (Method::POST, "channels", r#"{"channel":"system"}"#, 400, "bad_request"),
        (Method::POST, "channels", r#"{"connectionId":"c=","channel":"system"}"#, 404, "not_found"),
        (Method::POST, "channels", r#"{"connectionId":"c d","channel":"system"}"#, 400, "bad_request"),
        (Method::DELETE, "channels?channel=system", "", 400, "bad_request"),
        (Method::DELETE, "disconnect?connectionId=", "", 400, "bad_request"),
        (Method::DELETE, "disconnect?connectionId=none", "", 404, "not_found"),
        (Method::GET, "nothing", "", 404, "not_found"),
        (Method::GET, "messages/1", "", 404, "not_found"),
        (Method::PUT, "messages", "{}", 405, "unknown_action"),
        (Method::GET, "connect", "", 405, "unknown_action"),
        (Method::GET, "webhooks/whop", "", 405, "unknown_action"),
    ] {
        let answer = stack.ask(method.clone(), path).token(&token).body(body).send().await?;
        assert_eq!(answer.refused()?, (status, code), "{method} {path} {body:.80}: {}", answer.body);
        assert_eq!(answer.header("allow").is_empty(), status != 405, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_for_a_cache() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::stranger();
    for answer in [stack.post(&ann, "connect", &json!({})).await?, stack.get(&ann, "messages").await?] {
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    Ok(())
}

/// More requests than a user may make, however slow the machine is. The flood ends with the first refusal.
const FLOOD: usize = 2_000;
/// How many requests of a flood are under way at once. As many processes serve them, and each lets some pass uncounted.
const FLOOD_SIDE_BY_SIDE: usize = 5;

#[tokio::test]
async fn who_sends_too_fast_is_told_when_to_go_on() -> Result<()> {
    let stack = Stack::shared()?;
    let pair = pair(stack).await?;
    let typing = json!({"channel": pair.channel, "event": "chat.typing", "data": {"isTyping": true}});
    let mut answers = stream::iter(0..FLOOD)
        .map(|_| stack.post(&pair.ann_user, "messages", &typing))
        .buffer_unordered(FLOOD_SIDE_BY_SIDE);
    let refused = loop {
        let answer = answers.next().await.context("all of the flood got through")??;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refused.refused()?, (429, "rate_limited"));
    let (seconds, millis) =
        (refused.header("retry-after").parse::<u64>()?, &refused.body["error"]["retryAfterMs"]);
    assert_eq!(Some(seconds), millis.as_u64().map(|millis| millis.div_ceil(1_000)));
    Ok(())
}

#[tokio::test]
async fn over_the_apis_throttle_no_function_runs() -> Result<()> {
    const LIMITS: [&str; 3] = ["HttpThrottleBurst=2", "HttpThrottleRate=1", "ConnectThrottleRate=1000"];
    let options: Vec<_> = LIMITS.iter().flat_map(|limit| ["--parameter", limit]).collect();
    let Some(stack) = Stack::private(&options)? else { return Ok(()) };
    let ann = User::stranger();
    stack.get(&ann, "status").await?.done()?;
    // All at once, because on a slow machine the throttle would refill between requests.
    let answers = try_join_all((0..20).map(|_| stack.get(&ann, "status"))).await?;
    let throttled = answers.into_iter().find(|answer| answer.status.as_u16() == 429);
    let throttled = throttled.context("no request was throttled")?;
    assert_eq!(throttled.body, json!({"message": "Too Many Requests"}));
    for _ in 0..6 {
        stack.post(&ann, "connect", &json!({})).await?.done()?; // what every connection needs has a throttle of its own
    }
    Ok(())
}

// ---------------------------------------------------------------- CORS

/// The preflight that a browser sends before a request with a header or a method that a form cannot have.
async fn preflight(stack: &Stack, origin: &str) -> Result<Answer> {
    let request = stack.ask(Method::OPTIONS, "messages").header("origin", origin);
    let request = request.header("access-control-request-method", "DELETE");
    request.header("access-control-request-headers", "authorization,content-type").send().await
}

#[tokio::test]
async fn a_page_of_our_own_may_ask_and_read() -> Result<()> {
    let stack = Stack::shared()?;
    let allowed = preflight(stack, ORIGIN).await?;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), ORIGIN);
    for (header, values) in [
        ("access-control-allow-methods", ["GET", "POST", "DELETE"]),
        ("access-control-allow-headers", ["authorization", "content-type", "x-whop-user-token"]),
    ] {
        assert!(values.iter().all(|value| allowed.header(header).contains(value)), "{:?}", allowed.headers);
    }
    assert_eq!(allowed.header("access-control-allow-credentials"), "", "cookies are not used");

    let answer = stack.ask(Method::GET, "status").header("origin", ORIGIN).send().await?;
    assert_eq!(answer.header("access-control-allow-origin"), ORIGIN, "a refusal can be read too");
    assert_eq!(answer.header("access-control-expose-headers"), "retry-after");
    Ok(())
}

#[tokio::test]
async fn a_foreign_page_may_not() -> Result<()> {
    let stack = Stack::shared()?;
    let foreign = preflight(stack, "https://evil.example").await?;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    let request = stack.ask(Method::GET, "status").token(&User::stranger().token()?);
    let answer = request.header("origin", "https://evil.example").send().await?;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    Ok(())
}
