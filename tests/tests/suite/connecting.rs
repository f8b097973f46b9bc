//! The handshake: who may connect, and how the others are refused.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::{Outcome, Stack, User, eventually};

use crate::scene::joined;

/// The most connections that a user may have.
const CONNECTIONS_MAX: usize = 50;

/// An origin of the template's `AllowedOrigins`.
const ORIGIN: &str = "http://localhost:3000";

/// The only subprotocol that the server speaks.
const SUBPROTOCOL: &str = "funnelcast.v1";

#[tokio::test]
async fn without_a_token_nobody_gets_in() -> Result<()> {
    let stack = Stack::shared()?;
    assert_eq!(stack.handshake().send().await?.refused()?, 401);
    assert_eq!(stack.handshake().token("").send().await?.refused()?, 401);
    Ok(())
}

#[tokio::test]
async fn a_token_that_nobody_signed_is_refused() -> Result<()> {
    let stack = Stack::shared()?;
    let (ann, bob) = (User::stranger().token()?, User::stranger().token()?);
    let (claims, _) = ann.rsplit_once('.').unwrap_or_default();
    let (_, signature) = bob.rsplit_once('.').unwrap_or_default();
    // {"alg":"none"} over Ann's own claims
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", claims.split('.').nth(1).unwrap_or_default());
    let forged = format!("{claims}.{signature}");
    for token in ["nonsense", "a.b.c", unsigned.as_str(), forged.as_str(), claims] {
        assert_eq!(stack.handshake().token(token).send().await?.refused()?, 401, "{token}");
    }
    Ok(())
}

#[tokio::test]
async fn an_expired_token_is_refused() -> Result<()> {
    let stack = Stack::shared()?;
    let token = User::stranger().for_only("1s").token()?;
    let status = eventually("a refusal", async || {
        Ok(match stack.handshake().token(&token).send().await? {
            Outcome::Refused(status) => Some(status),
            _ => None,
        })
    })
    .await?;
    assert_eq!(status, 401);
    Ok(())
}

#[tokio::test]
async fn an_origin_that_is_sent_must_be_on_the_list() -> Result<()> {
    let stack = Stack::shared()?;
    let token = User::stranger().token()?;
    for wrong in [
        "https://evil.example",
        "http://localhost:3000.evil.example",
        "http://localhost",
        "null",
        "https://\u{e9}vil.example",
    ] {
        let refused = stack.handshake().token(&token).origin(wrong).send().await?.refused()?;
        assert_eq!(refused, 403, "{wrong}");
    }
    let (mut client, _) = stack.handshake().token(&token).origin(ORIGIN).send().await?.connected()?;
    client.silence().await
}

/// Many clients other than browsers make their origin of the URL that they connect to, so that origin is accepted.
#[tokio::test]
async fn the_apis_own_origin_is_that_of_no_page() -> Result<()> {
    let stack = Stack::shared()?;
    let token = User::stranger().token()?;
    let url = &stack.addresses.websocket;
    let host = url.split('/').nth(2).context("a host")?;
    let scheme = url.split(':').next().context("a scheme")?;
    for origin in [format!("{scheme}://{host}"), format!("{}://{host}", scheme.replacen("ws", "http", 1))] {
        let (mut client, _) = stack.handshake().token(&token).origin(&origin).send().await?.connected()?;
        client.silence().await?;
    }
    Ok(())
}

#[test]
fn no_stack_is_made_with_origins_that_are_not_exact() {
    for origins in
        ["*", "https://*", "https://*.shop.example", "https://shop.example/", "shop.example", "null"]
    {
        let stack = Stack::private(&["--parameter", &format!("AllowedOrigins={origins}")]);
        assert!(!matches!(stack, Ok(Some(_))), "{origins}");
    }
}

#[tokio::test]
async fn only_the_known_subprotocol_is_chosen() -> Result<()> {
    let stack = Stack::shared()?;
    let token = User::stranger().token()?;

    let handshake = stack.handshake().token(&token).offer("graphql-ws").offer(SUBPROTOCOL);
    let (mut client, chosen) = handshake.send().await?.connected()?;
    assert_eq!(chosen.as_deref(), Some(SUBPROTOCOL));
    client.silence().await?;

    let (_, chosen) = stack.handshake().token(&token).send().await?.connected()?;
    assert_eq!(chosen, None, "a server must not choose what was not offered");

    // RFC 6455: the server must not echo a subprotocol that it does not speak. Whether it then accepts the connection is up to it.
    match stack.handshake().token(&token).offer("graphql-ws").send().await? {
        Outcome::NoSubprotocol | Outcome::Refused(_) => Ok(()),
        Outcome::Connected(_, chosen) => anyhow::bail!("chose {chosen:?}"),
    }
}

#[tokio::test]
async fn a_token_may_come_in_the_subprotocols_and_is_never_echoed() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::stranger();
    let offer = format!("token.{}", ann.token()?);
    let handshake = stack.handshake().offer(SUBPROTOCOL).offer(&offer);
    let (mut client, chosen) = handshake.send().await?.connected()?;
    assert_eq!(chosen.as_deref(), Some(SUBPROTOCOL));
    client.join(&ann.channel()).await?;

    let bad = stack.handshake().offer(SUBPROTOCOL).offer("token.nonsense");
    assert_eq!(bad.send().await?.refused()?, 401);

    // A list may be sent as several headers (RFC 9110, 5.3).
    let lines = stack.handshake().offer(SUBPROTOCOL).offer(&offer).next_line().offer("other.v1");
    let (mut client, chosen) = lines.send().await?.connected()?;
    assert_eq!(chosen.as_deref(), Some(SUBPROTOCOL));
    client.join(&ann.channel()).await?;
    Ok(())
}

/// A frame may name any route; some gateways let it select `$connect` and `$disconnect` too.
#[tokio::test]
async fn a_frame_is_no_handshake() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let ann = User::stranger();
    let mut client = stack.connect(&ann).await?;
    client.join(&ann.channel()).await?;
    for action in ["$connect", "$disconnect"] {
        assert_eq!(client.refused(action, json!({})).await?, *"unknown_action");
    }

    // The events with which such gateways would invoke the functions.
    let id = client.connection_id().await?;
    let authorizer = json!({"userId": ann.id, "name": ann.name, "companies": "[]", "companiesBy": "token",
        "expiresAt": "4102444800"});
    let event = |route: &str, event_type: &str, frame: Value| {
        json!({"requestContext": {"routeKey": route, "eventType": event_type, "connectionId": id,
            "connectedAt": 1, "requestTimeEpoch": 1, "authorizer": authorizer}, "body": frame.to_string()})
    };
    for (function, route, event_type) in [
        ("connect", "$connect", "MESSAGE"),
        ("connect", "$connect", "DISCONNECT"),
        ("disconnect", "$disconnect", "MESSAGE"),
        ("disconnect", "$disconnect", "CONNECT"),
        ("leave", "leave", "CONNECT"),
        ("leave", "leave", "DISCONNECT"),
        ("default", "$default", "CONNECT"),
    ] {
        let frame = json!({"action": route, "channel": ann.channel(), "order": 1_000});
        let frame = if function == "leave" { frame } else { json!({"action": route}) };
        let answer = stack.invoke(function, &event(route, event_type, frame)).await?;
        assert_eq!(answer, json!({"statusCode": 400}), "{function} {event_type}");
    }
    assert_eq!(client.call("status", json!({})).await?["channels"], json!([ann.channel()]));
    let notice = json!({"userId": ann.id, "level": "info", "title": "t", "message": "m"});
    stack.emit("UserNotification", notice).await?;
    client.only("user.notification").await?;
    Ok(())
}

#[tokio::test]
async fn one_connection_too_many_takes_the_place_of_the_oldest_which_is_told() -> Result<()> {
    const TOO_MANY: usize = 3;
    let stack = Stack::shared()?;
    let ann = User::stranger();
    let channel = ann.channel();
    let mut old = Vec::new();
    for _ in 0..TOO_MANY {
        old.push(joined(stack, &ann, &channel).await?);
    }
    let _others = try_join_all((TOO_MANY..CONNECTIONS_MAX).map(|_| stack.connect(&ann))).await?;
    let mut kept = try_join_all((0..TOO_MANY).map(|_| joined(stack, &ann, &channel))).await?;

    for client in &mut old {
        let (id, refusal) = client.any_reply().await?;
        assert_eq!((id, refusal.unwrap_err().code.as_str()), (None, "conflict"), "it answers no request");
        client.closed().await?;
    }
    let connections = stack.get(&ann, "status").await?.done()?["connections"].take();
    assert_eq!(connections.as_array().map(Vec::len), Some(CONNECTIONS_MAX));
    // The connections that came last are members and receive events; the oldest ones are members no longer.
    let note = json!({"userId": ann.id, "level": "info", "title": "Hello", "message": "Who is here?"});
    stack.emit("UserNotification", note).await?;
    for client in &mut kept {
        client.event("user.notification").await?;
    }
    Ok(())
}
