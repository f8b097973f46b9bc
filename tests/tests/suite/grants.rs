//! Grants: what the app's own backend lets one user do in one channel for a limited time.

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::Client;

use crate::identities::{WHOP, World, refusal};

/// A grant of the app's backend for `user_3`.
fn grant(world: &World, ttl_secs: u64, channel: &str, caps: &[&str]) -> Result<String> {
    world.app.sign(
        ttl_secs,
        &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3", "channel": channel, "caps": caps}),
    )
}

pub(crate) async fn grantee(world: &World) -> Result<Client> {
    world.connect(&world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?).await
}

pub(crate) async fn join_by(client: &mut Client, channel: &str, grant: &str) -> Result<Value> {
    client.call("join", json!({"channel": channel, "grant": grant})).await
}

#[tokio::test]
async fn a_grant_opens_what_it_names_until_it_ends() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let mut host = world.stack.connect(&host).await?;
    host.join(&channel).await?;

    let mut guest = grantee(&world).await?;
    assert_eq!(refusal(&mut guest, &channel).await?, "forbidden");
    join_by(&mut guest, &channel, &grant(&world, 600, &channel, &["join"])?).await?;
    host.event("presence.join").await?;
    host.say(&channel, "welcome").await?;
    assert_eq!(guest.only("chat.message").await?["data"]["content"], "welcome");
    guest.call("history", json!({"channel": channel, "limit": 10})).await?;
    for event in [
        json!({"channel": channel, "event": "chat.message", "key": "k1", "data": {"content": "hi"}}),
        json!({"channel": channel, "event": "chat.typing", "data": {"isTyping": true}}),
    ] {
        assert_eq!(guest.refused("send", event).await?, *"forbidden", "the grant lets them join, not send");
    }

    // The next grant lets them send, and ends soon.
    join_by(&mut guest, &channel, &grant(&world, 4, &channel, &["join", "send"])?).await?;
    guest.say(&channel, "thanks").await?;
    assert_eq!(host.only("chat.message").await?["data"]["content"], "thanks");
    let revoked = guest.only("access.revoked").await?;
    let data = &revoked["data"];
    assert_eq!((&data["userId"], &data["reason"]), (&json!("user_3"), &json!("the grant has ended")));
    assert_eq!(host.say(&channel, "gone?").await?["recipients"], 0);
    assert_eq!(guest.refused("history", json!({"channel": channel, "limit": 10})).await?, *"not_joined");
    assert_eq!(guest.call("status", json!({})).await?["channels"], json!([]));
    Ok(())
}

/// A participant who also has a grant stays by the grant once they are no longer a participant.
#[tokio::test]
async fn a_grant_is_kept_beside_a_right_of_ones_own() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let guest_user = tests::User::called("user_3");
    let channel = world.stack.conversation("biz_1", &[&host, &guest_user]).await?;
    let mut host_socket = world.stack.connect(&host).await?;
    host_socket.join(&channel).await?;
    let mut guest = grantee(&world).await?;
    join_by(&mut guest, &channel, &grant(&world, 20, &channel, &["join"])?).await?;
    guest.say(&channel, "they take part").await?;
    host_socket.event("chat.message").await?;

    let path = format!("conversations/{}", channel.trim_start_matches("conversation:"));
    let (body, backend) =
        (json!({"companyId": "biz_1", "participants": [host.id]}), tests::User::backend_of("biz_1").token()?);
    world.stack.ask_api(Method::PUT, &path).token(&backend).body(&body.to_string()).send().await?.done()?;
    let say = json!({"channel": channel, "event": "chat.message", "key": "k", "data": {"content": "hi"}});
    assert_eq!(guest.refused("send", say).await?, *"forbidden", "the limits of the grant hold");
    host_socket.say(&channel, "still there?").await?;
    assert_eq!(guest.only("chat.message").await?["data"]["content"], "still there?");
    let revoked = guest.only("access.revoked").await?;
    assert_eq!(revoked["data"]["reason"], "the grant has ended");
    Ok(())
}

#[tokio::test]
async fn a_grant_is_bound_to_its_user_and_channel() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let claims = |changes: Value| {
        let mut claims = json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3", "channel": "company:biz_1",
                                "caps": ["join"]});
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        claims
    };
    let mut guest = grantee(&world).await?;
    let whops = claims(json!({"iss": WHOP, "aud": "app_1"}));
    for (what, wrong) in [
        ("another's", world.app.sign(600, &claims(json!({"sub": "user_4"})))?),
        ("of another channel", world.app.sign(600, &claims(json!({"channel": "company:biz_2"})))?),
        ("for longer than grants last", world.app.sign(700, &claims(json!({})))?),
        ("expired", world.app.sign(0, &claims(json!({})))?),
        ("to send, and not to join", world.app.sign(600, &claims(json!({"caps": ["send"]})))?),
        ("of an issuer that gives none", world.whop.sign(600, &whops)?),
        (
            "their own token",
            world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?,
        ),
        ("nothing", String::new()),
    ] {
        let join = json!({"channel": "company:biz_1", "grant": wrong});
        assert_eq!(guest.refused("join", join).await?, *"forbidden", "{what}");
    }
    // A grant also lets a connection join by HTTP.
    let good = world.app.sign(600, &claims(json!({})))?;
    let id = guest.connection_id().await?;
    let token = world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?;
    let join = json!({"connectionId": id, "channel": "company:biz_1", "grant": good});
    let answer = world.stack.ask(Method::POST, "channels").token(&token).body(&join.to_string());
    answer.send().await?.done()?;
    assert_eq!(guest.call("presence", json!({"channel": "company:biz_1"})).await?["count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_grant_counts_by_http_for_who_has_no_socket() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let mut host = world.stack.connect(&host).await?;
    host.join(&channel).await?;
    host.say(&channel, "welcome").await?;

    let token = world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?;
    let page = format!("messages?channel={channel}&limit=9");
    let message =
        json!({"channel": channel, "event": "chat.message", "key": "k1", "data": {"content": "hi"}});
    let read = || world.stack.ask(Method::GET, &page).token(&token);
    let send = || world.stack.ask(Method::POST, "messages").token(&token).body(&message.to_string());
    let forbidden = (403, "forbidden");
    assert_eq!(read().send().await?.refused()?, forbidden);

    let [listens, speaks] = [&["join"][..], &["join", "send"]].map(|caps| grant(&world, 600, &channel, caps));
    let (listens, speaks) = (listens?, speaks?);
    let answer = read().header("funnelcast-grant", &listens).send().await?.done()?;
    assert_eq!(answer["events"][0]["data"]["content"], "welcome");
    assert_eq!(send().header("funnelcast-grant", &listens).send().await?.refused()?, forbidden);
    send().header("funnelcast-grant", &speaks).send().await?.done()?;
    assert_eq!(host.only("chat.message").await?["from"]["userId"], "user_3");

    for wrong in
        [grant(&world, 0, &channel, &["join"])?, grant(&world, 600, "system", &["join"])?, "\u{e9}".into()]
    {
        assert_eq!(read().header("funnelcast-grant", &wrong).send().await?.refused()?, forbidden, "{wrong}");
    }
    Ok(())
}

#[tokio::test]
async fn a_guest_is_no_participant_and_goes_by_a_kick() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let (host, other) = (tests::User::customer_of("biz_1"), tests::User::customer_of("biz_1"));
    let channel = world.stack.conversation("biz_1", &[&host, &other]).await?;
    let mut host_client = world.stack.connect(&host).await?;
    host_client.join(&channel).await?;
    let mut other_client = world.stack.connect(&other).await?;
    other_client.join(&channel).await?;
    let mut guest = grantee(&world).await?;
    join_by(&mut guest, &channel, &grant(&world, 600, &channel, &["join", "send"])?).await?;

    let id = channel.trim_start_matches("conversation:");
    let without_other = json!({"conversationId": id, "companyId": "biz_1", "participants": [host.id]});
    world.stack.emit("Conversation", without_other).await?;
    other_client.only("access.revoked").await?;
    guest.say(&channel, "still here").await?;
    world.stack.emit("Kick", json!({"channel": channel, "userId": "user_3", "reason": "closed"})).await?;
    assert_eq!(guest.only("access.revoked").await?["data"]["reason"], "closed");
    Ok(())
}

#[tokio::test]
async fn no_grant_lets_anybody_into_a_conversation_that_is_over() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let good = grant(&world, 600, &channel, &["join", "send"])?;
    let token = world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?;
    let mut guest = grantee(&world).await?;
    join_by(&mut guest, &channel, &good).await?;
    guest.say(&channel, "hello").await?;

    let path = format!("conversations/{}", channel.trim_start_matches("conversation:"));
    let backend = tests::User::backend_of("biz_1");
    world.stack.ask_api(Method::DELETE, &path).token(&backend.token()?).send().await?.done()?;
    assert_eq!(guest.only("access.revoked").await?["data"]["reason"], "the conversation has ended");
    let message =
        json!({"channel": channel, "event": "chat.message", "key": "k2", "data": {"content": "still?"}});
    assert_eq!(guest.refused("send", message.clone()).await?, *"not_joined");
    assert_eq!(guest.refused("history", json!({"channel": channel, "limit": 1})).await?, *"not_joined");
    let join = json!({"channel": channel, "grant": good});
    assert_eq!(guest.refused("join", join.clone()).await?, *"forbidden");
    let forbidden = (403, "forbidden");
    let by_http = |method, path: &str| world.stack.ask(method, path).token(&token);
    let read = by_http(Method::GET, &format!("messages?channel={channel}&limit=1"));
    assert_eq!(read.header("funnelcast-grant", &good).send().await?.refused()?, forbidden);
    let send = by_http(Method::POST, "messages").body(&message.to_string());
    assert_eq!(send.header("funnelcast-grant", &good).send().await?.refused()?, forbidden);
    let mut join = join;
    join["connectionId"] = json!(guest.connection_id().await?);
    let join = by_http(Method::POST, "channels").body(&join.to_string());
    assert_eq!(join.send().await?.refused()?, forbidden);
    Ok(())
}
