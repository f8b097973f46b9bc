//! Presence: which users join and leave, however many devices each has, who is told of it, and that no ghosts stay.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::{Client, Stack, User, eventually, unique};
use tokio::time::sleep;

use crate::scene::{Pair, joined, pair};

/// A lease so short that a test can wait for its end.
const SHORT_LEASE: &str = "LeaseSeconds=3";

/// Waits for the next event of this name, which must be about this user; returns its data.
async fn news(client: &mut Client, name: &str, user: &User) -> Result<Value> {
    let data = client.event(name).await?["data"].take();
    assert_eq!(data["userId"], json!(user.id), "{data}");
    Ok(data)
}

/// When the user was last seen, as text that sorts by time.
fn seen(presence: &Value) -> &str {
    assert!(tests::is_timestamp(&presence["lastSeen"]), "{presence}");
    presence["lastSeen"].as_str().unwrap_or_default()
}

/// The ids of the users whom `presence` names, in order.
async fn present(client: &mut Client, channel: &str) -> Result<Vec<String>> {
    let roster = client.call("presence", json!({"channel": channel})).await?;
    let users = roster["users"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<_> =
        users.iter().filter_map(|user| user["userId"].as_str().map(str::to_owned)).collect();
    ids.sort();
    Ok(ids)
}

/// What `presence` says of a user.
async fn presence_of(user: &User, client: &mut Client, channel: &str) -> Result<Value> {
    let roster = client.call("presence", json!({"channel": channel})).await?;
    let mut users = roster["users"].as_array().into_iter().flatten();
    let own = users.find(|presence| presence["userId"] == json!(user.id));
    own.cloned().with_context(|| format!("{} is not in {roster}", user.id))
}

/// A [`Pair`] in which Ann has been told that Bob has joined.
async fn acquainted(stack: &Stack) -> Result<Pair> {
    let mut pair = pair(stack).await?;
    let came = news(&mut pair.ann, "presence.join", &pair.bob_user).await?;
    assert_eq!((&came["name"], &came["status"]), (&json!(pair.bob_user.name), &json!("online")));
    Ok(pair)
}

#[tokio::test]
async fn a_user_comes_with_their_first_device_and_leaves_with_their_last() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, bob_user, channel, .. } = acquainted(stack).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    bob.leave(&channel).await?;
    assert_eq!(ann.presence_news().await?, [], "the phone came and the desk went: the user is still here");
    phone.leave(&channel).await?;
    let left = news(&mut ann, "presence.leave", &bob_user).await?;
    assert_eq!(left["status"], "offline");
    Ok(())
}

#[tokio::test]
async fn who_is_back_in_time_has_never_been_away() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, bob, bob_user, channel, .. } = acquainted(stack).await?;
    bob.close().await?;
    eventually("the connection to be lost", async || {
        let typing = json!({"isTyping": true});
        Ok((ann.send(&channel, "chat.typing", typing).await?["recipients"] == 0).then_some(()))
    })
    .await?;
    assert_eq!(present(&mut ann, &channel).await?.len(), 2, "nobody has been told that Bob left");
    let again = joined(stack, &bob_user, &channel).await?;

    // Another user's departure takes as long, so by then Ann would have been told that Bob has left.
    let cid_user = User::admin_of(&unique("biz"));
    let other = stack.conversation(&unique("biz"), &[&cid_user, &bob_user]).await?;
    let mut watcher = joined(stack, &bob_user, &other).await?;
    joined(stack, &cid_user, &other).await?.close().await?;
    news(&mut watcher, "presence.join", &cid_user).await?;
    news(&mut watcher, "presence.leave", &cid_user).await?;
    assert_eq!(ann.presence_news().await?, []);
    again.close().await
}

#[tokio::test]
async fn who_loses_their_connection_leaves_after_the_grace() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, bob, bob_user, ann_user, channel, .. } = acquainted(stack).await?;
    bob.cut();
    let left = news(&mut ann, "presence.leave", &bob_user).await?;
    assert_eq!(left["status"], "offline");
    assert_eq!(present(&mut ann, &channel).await?, [ann_user.id]);
    Ok(())
}

/// Of two events about a user the later one counts, so a leave that looked older than the join would leave a ghost.
#[tokio::test]
async fn a_leave_is_later_than_all_of_the_visit_however_short_that_was() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, bob, bob_user, channel, .. } = acquainted(stack).await?;
    bob.close().await?;
    news(&mut ann, "presence.leave", &bob_user).await?;
    let into_the_second = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_millis();
    sleep(Duration::from_millis(u64::from(1_000 - into_the_second))).await; // so that the visit fits into one
    let bob = joined(stack, &bob_user, &channel).await?;
    let came = news(&mut ann, "presence.join", &bob_user).await?;
    bob.close().await?;
    let left = news(&mut ann, "presence.leave", &bob_user).await?;
    assert!(seen(&left) > seen(&came), "{left} after {came}");
    Ok(())
}

#[tokio::test]
async fn a_leave_is_later_than_all_that_any_device_has_told() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, bob: desk, bob_user, channel, .. } = acquainted(stack).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    desk.cut();
    eventually("the desk to be lost", async || {
        let typing = json!({"isTyping": true});
        Ok((ann.send(&channel, "chat.typing", typing).await?["recipients"] == 1).then_some(()))
    })
    .await?;
    sleep(Duration::from_secs(2)).await; // the stream has the end of the desk's connection only to the second
    phone.send(&channel, "presence.update", json!({"status": "online"})).await?;
    let known = presence_of(&bob_user, &mut ann, &channel).await?;
    phone.leave(&channel).await?;
    while seen(&news(&mut ann, "presence.leave", &bob_user).await?) <= seen(&known) {}
    Ok(())
}

#[tokio::test]
async fn a_status_is_the_users_over_all_of_their_devices() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, bob_user, channel, .. } = acquainted(stack).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    let away = json!({"status": "away"});
    assert_eq!(bob.send(&channel, "presence.update", away.clone()).await?["recipients"], 0);
    assert_eq!(ann.presence_news().await?, [], "the phone is still online");
    phone.send(&channel, "presence.update", away.clone()).await?;
    assert_eq!(news(&mut ann, "presence.update", &bob_user).await?["status"], "away");
    assert_eq!(presence_of(&bob_user, &mut ann, &channel).await?["status"], "away");
    let tablet = joined(stack, &bob_user, &channel).await?;
    assert_eq!(present(&mut ann, &channel).await?.len(), 2);
    drop(tablet);
    bob.send(&channel, "presence.update", json!({"status": "asleep"})).await.unwrap_err();
    Ok(())
}

/// The laptop is online, and the phone away. When the laptop goes, the user is away.
#[tokio::test]
async fn what_is_left_of_a_user_is_told_when_the_most_present_device_goes() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, bob: laptop, bob_user, channel, .. } = acquainted(stack).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    phone.send(&channel, "presence.update", json!({"status": "away"})).await?;
    laptop.cut();
    assert_eq!(news(&mut ann, "presence.update", &bob_user).await?["status"], "away");
    assert_eq!(presence_of(&bob_user, &mut ann, &channel).await?["status"], "away");
    Ok(())
}

/// The user is away, reloads the page, and is back within the grace.
#[tokio::test]
async fn who_was_away_and_is_back_on_another_socket_is_told_to_be_online() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, bob_user, channel, .. } = acquainted(stack).await?;
    bob.send(&channel, "presence.update", json!({"status": "away"})).await?;
    assert_eq!(news(&mut ann, "presence.update", &bob_user).await?["status"], "away");
    bob.cut();
    let _back = joined(stack, &bob_user, &channel).await?;
    assert_eq!(news(&mut ann, "presence.update", &bob_user).await?["status"], "online");
    Ok(())
}

#[tokio::test]
async fn who_is_kicked_has_left_at_once() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, bob_user, ann_user, channel, .. } = acquainted(stack).await?;
    stack.emit("Kick", json!({"channel": channel, "userId": bob_user.id, "reason": "refunded"})).await?;
    bob.event("access.revoked").await?;
    news(&mut ann, "presence.leave", &bob_user).await?;
    assert_eq!(present(&mut ann, &channel).await?, [ann_user.id]);
    Ok(())
}

#[tokio::test]
async fn nobody_hears_of_a_stranger_who_leaves_what_they_never_joined() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, channel, .. } = acquainted(stack).await?;
    let mut stranger = stack.connect(&User::admin_of(&unique("biz"))).await?;
    assert_eq!(stranger.leave(&channel).await?, json!({"channel": channel}));
    assert_eq!(ann.presence_news().await?, []);
    Ok(())
}

#[tokio::test]
async fn a_ghost_is_gone_when_its_lease_ends_though_nobody_posts_to_it() -> Result<()> {
    let options = ["--parameter", SHORT_LEASE, "--fault", "lost_disconnect=1"];
    let Some(stack) = Stack::private(&options)? else { return Ok(()) };
    let Pair { mut ann, bob, bob_user, ann_user, channel, .. } = acquainted(&stack).await?;
    bob.cut();
    // Ann pings, as clients do, and so keeps the lease; Bob's leave comes one lease and a grace later.
    let left = eventually_within_leases(&mut ann).await?;
    assert_eq!((left.0.as_str(), &left.1["userId"]), ("presence.leave", &json!(bob_user.id)));
    assert_eq!(present(&mut ann, &channel).await?, [ann_user.id]);
    Ok(())
}

/// Where somebody posts to the ghost, it is gone before its lease ends.
#[tokio::test]
async fn a_ghost_is_gone_within_the_grace_where_somebody_posts_to_it() -> Result<()> {
    let Some(stack) = Stack::private(&["--fault", "lost_disconnect=1"])? else { return Ok(()) };
    let Pair { mut ann, bob, bob_user, ann_user, channel, .. } = acquainted(&stack).await?;
    bob.cut();
    eventually("a post to find Bob gone", async || {
        let sent = ann.send(&channel, "chat.typing", json!({"isTyping": true})).await?;
        Ok((sent["recipients"] == 0).then_some(()))
    })
    .await?;
    news(&mut ann, "presence.leave", &bob_user).await?;
    assert_eq!(present(&mut ann, &channel).await?, [ann_user.id]);
    Ok(())
}

/// Waits for a first presence event, twice as long as `eventually` does, with a ping at every look.
async fn eventually_within_leases(client: &mut Client) -> Result<(String, Value)> {
    for _ in 0..2 {
        let looked = eventually("news", async || Ok(client.presence_news().await?.into_iter().next())).await;
        if let Ok(news) = looked {
            return Ok(news);
        }
    }
    anyhow::bail!("no presence event within two leases and a grace")
}

#[tokio::test]
async fn who_says_nothing_for_a_lease_is_closed_and_knows_it() -> Result<()> {
    let Some(stack) = Stack::private(&["--parameter", SHORT_LEASE])? else { return Ok(()) };
    let mut silent = stack.connect(&User::stranger()).await?;
    let mut talker = stack.connect(&User::stranger()).await?;
    let code = tokio::select! {
        code = silent.closed() => code?,
        error = keep_pinging(&mut talker) => return Err(error),
    };
    assert!(code.is_some(), "closed without a close frame");
    let frames = silent.inbox();
    let told = frames.iter().any(|frame| {
        let error = &frame["error"];
        error["code"] == "unauthorized" && error["message"].as_str().is_some_and(|why| why.contains("ping"))
    });
    assert!(told, "the client has not been told why: {frames:?}");
    talker.call("status", json!({})).await?;
    Ok(())
}

/// Every frame is a sign of life, not only a `ping`.
#[tokio::test]
async fn who_talks_for_two_leases_without_a_ping_is_kept() -> Result<()> {
    let Some(stack) = Stack::private(&["--parameter", SHORT_LEASE])? else { return Ok(()) };
    let mut silent = stack.connect(&User::stranger()).await?;
    let talker_user = User::stranger();
    let mut talker = stack.connect(&talker_user).await?;
    let channel = talker_user.channel();
    talker.join(&channel).await?;
    // The second silent client connects when the first one's lease has ended, so at the end of its own, two leases have passed.
    for _ in 0..2 {
        tokio::select! {
            code = silent.closed() => code?,
            error = keep_asking(&mut talker, &channel) => return Err(error),
        };
        silent = stack.connect(&User::stranger()).await?;
    }
    talker.call("ping", json!({})).await?; // it is refused where the table does not have the connection
    assert_eq!(talker.call("status", json!({})).await?["channels"], json!([channel]));
    Ok(())
}

/// Reads the history again and again until that fails; returns the error.
async fn keep_asking(client: &mut Client, channel: &str) -> anyhow::Error {
    let mut interval = tokio::time::interval(tests::POLL_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = client.call("history", json!({"channel": channel, "limit": 1})).await {
            return error;
        }
    }
}

/// Pings again and again until that fails; returns the error.
async fn keep_pinging(client: &mut Client) -> anyhow::Error {
    let mut interval = tokio::time::interval(tests::POLL_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = client.call("ping", json!({})).await {
            return error;
        }
    }
}

#[tokio::test]
async fn a_connection_that_was_taken_for_dead_learns_it_by_its_ping() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let mut pair = acquainted(&stack).await?;
    pair.bob.call("ping", json!({})).await?;
    stack.set_faults(&json!({"gone": 1})).await?;
    let typing = json!({"isTyping": true});
    assert_eq!(pair.ann.send(&pair.channel, "chat.typing", typing).await?["recipients"], 0);
    stack.set_faults(&json!({})).await?;
    assert_eq!(pair.bob.refused("ping", json!({})).await?, *"unauthorized");
    Ok(())
}

#[tokio::test]
async fn of_many_only_the_number_is_told() -> Result<()> {
    const NAMED_MAX: usize = 100;
    let stack = Stack::shared()?;
    let company = unique("biz");
    let channel = format!("company:{company}");
    let first_user = User::admin_of(&company);
    let mut first = joined(stack, &first_user, &channel).await?;
    let crowd: Vec<_> = std::iter::repeat_with(|| User::admin_of(&company)).take(NAMED_MAX - 1).collect();
    let mut clients = Vec::new();
    for users in crowd.chunks(10) {
        clients.extend(try_join_all(users.iter().map(|user| joined(stack, user, &channel))).await?);
    }
    let named = first.presence_news().await?;
    assert_eq!(named.len(), NAMED_MAX - 1);

    let mut one_more = stack.connect(&User::admin_of(&company)).await?;
    let reply = one_more.join(&channel).await?;
    assert_eq!(reply["presence"], json!([]), "too many to name");
    let count = first.event("presence.count").await?;
    assert_eq!(count["data"], json!({"count": NAMED_MAX + 1}));
    let roster = first.call("presence", json!({"channel": channel})).await?;
    assert_eq!((&roster["users"], &roster["count"]), (&json!([]), &json!(NAMED_MAX + 1)));
    assert_eq!(first.presence_news().await?, []);
    Ok(())
}
