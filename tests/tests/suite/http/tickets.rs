//! Tickets: what a browser connects with instead of its token, once and within half a minute.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use tests::{Outcome, Stack, User, is_timestamp};

/// An origin of the template's `AllowedOrigins`.
const ORIGIN: &str = "http://localhost:3000";
const SUBPROTOCOL: &str = "funnelcast.v1";

/// A new ticket of a user.
async fn ticket(stack: &Stack, user: &User) -> Result<String> {
    let ticket = stack.post(user, "connect", &serde_json::json!({})).await?.done()?;
    assert_eq!(ticket["url"], stack.addresses.websocket, "the URL that clients connect to");
    assert!(is_timestamp(&ticket["expiresAt"]), "{ticket}");
    Ok(ticket["ticket"].as_str().context("a ticket")?.to_owned())
}

#[tokio::test]
async fn a_browser_connects_by_its_ticket() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::admin_of("biz_tickets");
    let ticket = ticket(stack, &ann).await?;
    let handshake = stack.handshake().ticket(&ticket).origin(ORIGIN).offer(SUBPROTOCOL);
    let (mut client, chosen) = handshake.send().await?.connected()?;
    assert_eq!(chosen.as_deref(), Some(SUBPROTOCOL));
    client.join(&ann.channel()).await?;
    client.join("company:biz_tickets").await?; // the connection has the companies of the token
    let status = client.call("status", serde_json::json!({})).await?;
    assert_eq!(status["user"], ann.id);
    Ok(())
}

#[tokio::test]
async fn a_ticket_may_come_in_the_subprotocols_and_is_never_echoed() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::stranger();
    let offer = format!("ticket.{}", ticket(stack, &ann).await?);
    let handshake = stack.handshake().origin(ORIGIN).offer(SUBPROTOCOL).offer(&offer);
    let (mut client, chosen) = handshake.send().await?.connected()?;
    assert_eq!(chosen.as_deref(), Some(SUBPROTOCOL));
    client.join(&ann.channel()).await?;
    Ok(())
}

#[tokio::test]
async fn of_two_hundred_who_use_a_ticket_at_once_one_gets_in() -> Result<()> {
    let stack = Stack::shared()?;
    let ticket = ticket(stack, &User::stranger()).await?;
    let uses = try_join_all((0..200).map(|_| stack.handshake().ticket(&ticket).send())).await?;
    let connected = uses.iter().filter(|outcome| matches!(outcome, Outcome::Connected(..))).count();
    let refused = uses.iter().filter(|outcome| matches!(outcome, Outcome::Refused(401))).count();
    assert_eq!((connected, refused), (1, 199));
    assert_eq!(stack.handshake().ticket(&ticket).send().await?.refused()?, 401, "nor can it be used later");
    Ok(())
}

#[tokio::test]
async fn what_is_no_ticket_opens_nothing() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::stranger();
    let (token, guess) = (ann.token()?, "A".repeat(43));
    for wrong in ["", "nonsense", token.as_str(), guess.as_str()] {
        assert_eq!(stack.handshake().ticket(wrong).send().await?.refused()?, 401, "{wrong}");
    }
    let real = ticket(stack, &ann).await?;
    assert_eq!(stack.handshake().token(&real).send().await?.refused()?, 401, "a ticket is no token");
    Ok(())
}

#[tokio::test]
async fn a_foreign_page_does_not_even_use_a_ticket_up() -> Result<()> {
    let stack = Stack::shared()?;
    let ticket = ticket(stack, &User::stranger()).await?;
    let foreign = stack.handshake().ticket(&ticket).origin("https://evil.example");
    assert_eq!(foreign.send().await?.refused()?, 403);
    let (mut client, _) = stack.handshake().ticket(&ticket).origin(ORIGIN).send().await?.connected()?;
    client.silence().await
}
