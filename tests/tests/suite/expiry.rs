//! A token is valid until the very moment at which it expires; a `ping` may bring a fresh one.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Client, Role, Stack, User, eventually, unique};

use crate::scene::joined;

/// Waits until the server's clock has passed a point in time.
async fn until(client: &mut Client, at: &Value) -> Result<()> {
    eventually("a point in time", async || {
        let now = client.call("ping", json!({})).await?["at"].take();
        Ok((now.as_str() > at.as_str()).then_some(()))
    })
    .await
}

#[tokio::test]
async fn who_has_expired_hears_no_more() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann, bob) = (User::customer_of(&company), User::customer_of(&company).for_only("3s"));
    let channel = stack.conversation(&company, &[&ann, &bob]).await?;
    let mut ann = joined(stack, &ann, &channel).await?;
    let mut bob = joined(stack, &bob, &channel).await?;
    let expires_at = bob.call("status", json!({})).await?["expiresAt"].take();
    assert_eq!(ann.say(&channel, "still here?").await?["recipients"], 1);
    until(&mut ann, &expires_at).await?;
    assert_eq!(ann.say(&channel, "and now?").await?["recipients"], 0);
    Ok(())
}

#[tokio::test]
async fn a_token_that_ends_earlier_changes_nothing() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::stranger();
    let mut client = stack.connect(&ann).await?;
    let until = client.call("status", json!({})).await?["expiresAt"].take();
    client.call("join", json!({"channel": ann.channel()})).await?;
    let short = ann.again().for_only("2s");
    let pong = client.call("ping", json!({"token": short.token()?})).await?;
    assert_eq!(pong["expiresAt"], until, "the connection is valid as long as before");
    assert_eq!(client.call("status", json!({})).await?["expiresAt"], until);
    Ok(())
}

#[tokio::test]
async fn a_fresh_token_keeps_the_connection_and_its_channels_alive() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann, bob) = (User::customer_of(&company), User::customer_of(&company).for_only("6s"));
    let channel = stack.conversation(&company, &[&ann, &bob]).await?;
    let mut ann = joined(stack, &ann, &channel).await?;
    let mut client = joined(stack, &bob, &channel).await?;
    let later = stack.conversation(&company, &[&bob]).await?;
    let old = client.call("status", json!({})).await?["expiresAt"].take();
    let pong = client.call("ping", json!({"token": bob.again().token()?})).await?;
    assert!(pong["expiresAt"].as_str() > old.as_str(), "{pong}");
    client.join(&later).await?;
    let mut team = joined(stack, &User::admin_of(&company), &later).await?;

    until(&mut ann, &old).await?;
    assert_eq!(ann.say(&channel, "still here?").await?["recipients"], 1);
    client.only("chat.message").await?;
    client.say(&channel, "yes").await?;
    assert_eq!(
        team.say(&later, "here too?").await?["recipients"],
        1,
        "a channel joined after the renewal lasts as long as the new token"
    );
    assert_eq!(client.call("status", json!({})).await?["expiresAt"], pong["expiresAt"]);
    Ok(())
}

#[tokio::test]
async fn only_the_same_word_of_the_same_user_renews() -> Result<()> {
    let bob = User::customer_of(&unique("biz"));
    let mut client = Stack::shared()?.connect(&bob).await?;
    let promoted = bob.again().and(&unique("biz"), Role::Admin);
    for (token, code) in [
        (User::stranger().token()?, "conflict"),
        (promoted.token()?, "conflict"),
        ("no.token.atall".to_owned(), "unauthorized"),
        (String::new(), "unauthorized"),
    ] {
        assert_eq!(client.refused("ping", json!({"token": token})).await?, *code);
    }
    client.call("ping", json!({})).await?;
    Ok(())
}
