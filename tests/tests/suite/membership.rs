//! A member stays a member until it leaves or is removed, and no longer. What was meant for an earlier membership, and frames
//! that cross on their way, change nothing about that.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::{Client, Stack, User, eventually, unique};
use tokio::time::sleep;

use crate::scene::{Pair, joined, pair};

/// Longer than the grace of a departure, and what is done after it.
const AFTER_GRACE: Duration = Duration::from_secs(13);

/// Whether the client's connection says that it has joined the channel.
async fn has_joined(client: &mut Client, channel: &str) -> Result<bool> {
    let status = client.call("status", json!({})).await?;
    Ok(status["channels"].as_array().is_some_and(|channels| channels.contains(&json!(channel))))
}

/// Sends a message, and makes sure that the other one hears it live.
async fn hears(speaker: &mut Client, listener: &mut Client, channel: &str) -> Result<()> {
    let content = unique("words");
    let sent = speaker.say(channel, &content).await?;
    ensure!(sent["recipients"] != 0, "posted to nobody: {sent}");
    while listener.event("chat.message").await?["data"]["content"] != json!(content) {}
    Ok(())
}

#[tokio::test]
async fn who_leaves_and_joins_again_as_their_other_device_goes_stays() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, bob_user, channel, .. } = pair(stack).await?;
    let phone = joined(stack, &bob_user, &channel).await?;
    phone.close().await?;
    eventually("the phone to be gone", async || {
        let typing = ann.send(&channel, "chat.typing", json!({"isTyping": true})).await?;
        Ok((typing["recipients"] == 1).then_some(()))
    })
    .await?;
    bob.leave(&channel).await?;
    bob.join(&channel).await?;
    sleep(AFTER_GRACE).await;
    hears(&mut ann, &mut bob, &channel).await?;
    bob.say(&channel, "still here").await?;
    Ok(())
}

#[tokio::test]
async fn who_is_kicked_as_their_other_device_goes_and_joins_again_stays() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, bob_user, channel, .. } = pair(stack).await?;
    joined(stack, &bob_user, &channel).await?.close().await?;
    stack.emit("Kick", json!({"channel": channel, "userId": bob_user.id, "reason": "by mistake"})).await?;
    bob.event("access.revoked").await?;
    bob.join(&channel).await?;
    sleep(AFTER_GRACE).await;
    hears(&mut ann, &mut bob, &channel).await
}

/// Sends these requests at once, and waits for all of their replies, whose only error may be `conflict`.
async fn at_once(client: &mut Client, requests: impl IntoIterator<Item = (&str, Value)>) -> Result<()> {
    let mut ids = Vec::new();
    for (action, fields) in requests {
        ids.push(client.request(action, fields).await?);
    }
    for id in ids {
        if let Err(refusal) = client.reply(&id).await? {
            ensure!(refusal == *"conflict", "{refusal:?}");
        }
    }
    Ok(())
}

/// The frames of one socket are handled side by side. The last one counts by its `order`; without it, frames of one millisecond
/// could not be told apart.
#[tokio::test]
async fn of_joins_and_leaves_that_cross_the_last_counts() -> Result<()> {
    const ROUNDS: u64 = 10;
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, channel, .. } = pair(stack).await?;
    let mut place = 1_u64 << 50; // above the time that orders the first `join`, which has no number
    let mut fields = || {
        place += 1;
        json!({"channel": channel, "order": place})
    };
    for _ in 0..ROUNDS {
        at_once(&mut bob, [("leave", fields()), ("join", fields())]).await?;
        ensure!(has_joined(&mut bob, &channel).await?, "the last frame was a join");
        hears(&mut ann, &mut bob, &channel).await?;
        at_once(&mut bob, [("join", fields()), ("leave", fields())]).await?;
        ensure!(!has_joined(&mut bob, &channel).await?, "the last frame was a leave");
        let typing = ann.send(&channel, "chat.typing", json!({"isTyping": true})).await?;
        ensure!(typing["recipients"] == 0, "the last frame was a leave, but it is still a member");
    }
    Ok(())
}

#[tokio::test]
async fn a_join_that_comes_after_the_leave_that_was_sent_after_it_is_refused() -> Result<()> {
    let stack = Stack::shared()?;
    let user = User::stranger();
    let mut client = stack.connect(&user).await?;
    let fields = |order: u64| json!({"channel": user.channel(), "order": order});
    client.call("leave", fields(2)).await?;
    assert_eq!(client.refused("join", fields(1)).await?, *"conflict");
    client.call("join", fields(3)).await?;
    client.call("leave", fields(2)).await?; // it was sent before the join, so it changes nothing
    assert!(has_joined(&mut client, &user.channel()).await?);
    Ok(())
}

/// Posts that the gateway throttles are made up for later, to those who are members then.
#[tokio::test]
async fn what_is_owed_goes_to_members_as_they_are_then() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let Pair { mut ann, mut bob, company, ann_user, channel, .. } = pair(&stack).await?;
    stack.set_faults(&json!({"throttled": 1})).await?;
    ann.say(&channel, "not for them any more").await?;
    let id = channel.trim_start_matches("conversation:");
    stack.set_faults(&json!({"throttled": 1})).await?;
    let only_ann = json!({"conversationId": id, "companyId": company, "participants": [ann_user.id]});
    stack.emit("Conversation", only_ann).await?;
    eventually("Bob to be out", async || {
        let typing = json!({"isTyping": true});
        let fields = json!({"channel": channel, "event": "chat.typing", "data": typing});
        let id = bob.request("send", fields).await?;
        Ok(bob.reply(&id).await?.is_err().then_some(()))
    })
    .await?;
    stack.set_faults(&json!({})).await?;
    // By then all that was owed has been delivered.
    sleep(Duration::from_secs(6)).await;
    let heard = bob.inbox();
    assert!(heard.iter().all(|frame| frame["event"] != "chat.message"), "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_expires_ends_what_its_connection_was_in() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann_user, bob_user) = (User::customer_of(&company), User::customer_of(&company));
    let channel = stack.conversation(&company, &[&ann_user, &bob_user]).await?;
    let mut ann = joined(stack, &ann_user, &channel).await?;
    let brief = bob_user.again().for_only("5s");
    let mut bob = joined(stack, &brief, &channel).await?;
    ann.event("presence.join").await?;
    bob.closed().await?; // it receives nothing any more, and must learn that
    let left = ann.event("presence.leave").await?;
    assert_eq!(left["data"]["userId"], json!(bob_user.id));
    Ok(())
}

/// Many devices join at once. In the end, members have been told what the roster says.
#[tokio::test]
async fn devices_that_come_together_are_told_of() -> Result<()> {
    const PAIRS: usize = 8;
    let stack = Stack::shared()?;
    let company = unique("biz");
    let ann_user = User::customer_of(&company);
    let users: Vec<_> = std::iter::repeat_with(|| User::customer_of(&company)).take(PAIRS).collect();
    let everybody: Vec<_> = users.iter().chain([&ann_user]).collect();
    let channel = stack.conversation(&company, &everybody).await?;
    let mut ann = joined(stack, &ann_user, &channel).await?;
    let devices = users.iter().flat_map(|user| [user, user]);
    let mut devices = try_join_all(devices.map(|user| stack.connect(user))).await?;
    try_join_all(devices.iter_mut().map(|device| device.join(&channel))).await?;
    for _ in &users {
        ann.event("presence.join").await?;
    }
    // Both devices of each user set the status `away` at once.
    let away = json!({"status": "away"});
    let says = devices.iter_mut().map(|device| device.send(&channel, "presence.update", away.clone()));
    try_join_all(says).await?;
    // An event may come twice; of two events about a user, the later one counts.
    let mut told = BTreeMap::new();
    while told.len() < users.len() || told.values().any(|(_, status)| *status != json!("away")) {
        let mut update = ann.event("presence.update").await?;
        let (at, mut data) = (update["at"].to_string(), update["data"].take());
        let known = told.entry(data["userId"].to_string()).or_insert((String::new(), Value::Null));
        if at > known.0 {
            *known = (at, data["status"].take());
        }
    }
    Ok(())
}

/// After a `join` has written the membership, it checks access once more. Where the table fails then, the outcome is unknown, so
/// the `join` fails and must leave no membership.
#[tokio::test]
async fn who_is_told_that_a_join_failed_is_no_member() -> Result<()> {
    const CLIENTS: usize = 16;
    let Some(stack) = Stack::private(&["--visibility-max", "200ms"])? else { return Ok(()) };
    let company = unique("biz");
    let channel = format!("company:{company}");
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = stack.connect(&User::admin_of(&company)).await?;
        client.join("system").await?; // so that the functions are warm
        clients.push(client);
    }
    stack.set_faults(&json!({"seed": 12, "dynamodb_before": 0.8})).await?;
    let joins = clients.iter_mut().map(async |client| {
        client.request("join", json!({"channel": channel})).await?;
        loop {
            let answer = client.frame().await?.context("an answer")?;
            if answer["type"] == "reply" {
                return anyhow::Ok(answer["ok"].as_bool());
            }
            if answer["requestId"].is_string() {
                return Ok(None); // the function ran out of time, so the client was told nothing
            }
        }
    });
    let outcomes = try_join_all(joins).await?;
    stack.set_faults(&json!({})).await?;

    let (mut members, mut failed) = (Vec::new(), Vec::new());
    for (client, outcome) in clients.into_iter().zip(outcomes) {
        match outcome {
            Some(true) => members.push(client),
            Some(false) => failed.push(client),
            None => {}
        }
    }
    assert!(failed.len() > CLIENTS / 4, "{} of {CLIENTS} joins failed", failed.len());
    let notice = json!({"id": "n1", "level": "info", "title": "t", "message": "m", "timestamp": "2026-11-23T10:00:00.123Z"});
    let mut observer = joined(&stack, &User::admin_of(&company), &channel).await?;
    eventually("clients whose joins failed to receive nothing", async || {
        stack
            .backend()
            .await?
            .put_into_outbox(&unique("key"), &channel, "system.notification", &notice)
            .await?;
        observer.event("system.notification").await?;
        let mut has_heard = false;
        for client in &mut failed {
            client.call("ping", json!({})).await?;
            has_heard |= client.inbox().iter().any(|frame| frame["event"] == "system.notification");
        }
        Ok((!has_heard).then_some(()))
    })
    .await?;
    for client in &mut members {
        client.event("system.notification").await?;
    }
    Ok(())
}
