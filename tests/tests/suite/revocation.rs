//! Access that is taken away ends at once, on live connections too, and the user who loses it is told why.

use anyhow::Result;
use futures_util::future::try_join_all;
use http::Method;
use serde_json::{Value, json};
use tests::{Crowd, Stack, User, unique};
use tokio::time::Instant;

use crate::scene::{Pair, joined, pair};

/// A `Conversation` event's detail that leaves these participants in a channel.
fn conversation(channel: &str, company: &str, participants: &[&User]) -> Value {
    let participants: Vec<_> = participants.iter().map(|user| &user.id).collect();
    json!({"conversationId": channel.trim_start_matches("conversation:"), "companyId": company,
        "participants": participants})
}

#[tokio::test]
async fn who_takes_part_no_longer_hears_no_more() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut team = joined(stack, &User::admin_of(&pair.company), &pair.channel).await?;
    let without_bob = conversation(&pair.channel, &pair.company, &[&pair.ann_user]);
    stack.emit("Conversation", without_bob).await?;

    let revoked = pair.bob.only("access.revoked").await?;
    assert_eq!(revoked["channel"], json!(pair.channel));
    let data = &revoked["data"];
    assert_eq!(
        (&data["userId"], &data["reason"]),
        (&json!(pair.bob_user.id), &json!("no longer a participant"))
    );
    pair.ann.say(&pair.channel, "are they gone?").await?;
    assert_eq!(team.only("chat.message").await?["data"]["content"], "are they gone?", "the team stays");
    pair.bob.silence().await?;
    let say =
        json!({"channel": pair.channel, "event": "chat.message", "key": "k", "data": {"content": "no"}});
    assert_eq!(pair.bob.refused("send", say).await?.code, "not_joined");
    assert_eq!(pair.bob.refused("join", json!({"channel": pair.channel})).await?.code, "forbidden");
    assert_eq!(pair.bob.call("status", json!({})).await?["channels"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_conversation_that_changes_hands_loses_its_old_team() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let old_admin = User::admin_of(&pair.company);
    let mut old_team = joined(stack, &old_admin, &pair.channel).await?;
    let company = unique("biz");
    let new_admin = User::admin_of(&company);
    let mut moved = conversation(&pair.channel, &company, &[&pair.ann_user, &pair.bob_user]);
    moved["keepLog"] = json!(true);
    stack.emit("Conversation", moved).await?;

    old_team.only("access.revoked").await?;
    let mut new_team = joined(stack, &new_admin, &pair.channel).await?;
    pair.ann.say(&pair.channel, "hello").await?;
    new_team.only("chat.message").await?;
    pair.bob.only("chat.message").await?;
    old_team.silence().await
}

#[tokio::test]
async fn a_kick_reaches_every_device_of_its_user_and_nobody_else() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.bob_user, &pair.channel).await?;
    let kick = json!({"channel": pair.channel, "userId": pair.bob_user.id, "reason": "refunded"});
    stack.emit("Kick", kick).await?;
    for device in [&mut pair.bob, &mut phone] {
        assert_eq!(device.only("access.revoked").await?["data"]["reason"], "refunded");
    }
    assert_eq!(pair.ann.say(&pair.channel, "alone?").await?["recipients"], 0);
    pair.ann.silence().await?;
    pair.bob.join(&pair.channel).await?;
    assert_eq!(pair.ann.say(&pair.channel, "not now").await?["recipients"], 1, "a kick is no ban");
    Ok(())
}

/// Sets the participants of a conversation, as the backend does; returns when the change has taken effect.
async fn set(stack: &Stack, company: &str, channel: &str, participants: &[&str]) -> Result<()> {
    let path = format!("conversations/{}", channel.trim_start_matches("conversation:"));
    let body = json!({"companyId": company, "participants": participants});
    let backend = User::backend_of(company).token()?;
    let request = stack.ask_api(Method::PUT, &path).token(&backend).body(&body.to_string());
    request.send().await?.done().map(drop)
}

/// The user has as many connections as a user may have.
#[tokio::test]
async fn all_connections_of_a_user_are_out_when_the_change_is_answered() -> Result<()> {
    const CONNECTIONS: usize = 50;
    let stack = Stack::shared()?;
    let Pair { company, channel, ann_user, bob_user, mut ann, bob } = pair(stack).await?;
    let others = (1..CONNECTIONS).map(|_| joined(stack, &bob_user, &channel));
    let mut devices = try_join_all(others).await?;
    devices.push(bob);
    ann.presence_news().await?;

    set(stack, &company, &channel, &[&ann_user.id]).await?;
    let said = ann.say(&channel, "are they gone?").await?;
    assert_eq!(said["recipients"], 0);
    try_join_all(devices.iter_mut().map(async |device| {
        assert_eq!(device.only("access.revoked").await?["data"]["reason"], "no longer a participant");
        device.silence().await
    }))
    .await?;
    let news = ann.presence_news().await?;
    let left: Vec<_> = news.iter().map(|(event, data)| (event.as_str(), &data["userId"])).collect();
    assert_eq!(left, [("presence.leave", &json!(bob_user.id))], "told of once");
    Ok(())
}

/// Several users with as many connections as each may have lose a conversation by one request.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_are_taken_out_by_one_request() -> Result<()> {
    const USERS: usize = 6;
    const CONNECTIONS: usize = 50;
    const MEMBERS: usize = USERS * CONNECTIONS;
    const WRITES_A_MEMBER: usize = 3;
    /// Reads of their connections, of another right that they may have, of their present state, of what was last told of them,
    /// and of the members who are told.
    const READS_A_USER: usize = 5;
    /// Reads of the conversation before and after the change, and of its members.
    const READS_OF_THE_CHANGE: usize = 3;
    /// The row of what is told of a user is put, and deleted.
    const WRITES_A_USER: usize = 2;
    /// The conversation and each participant who leaves count twice, because they are written in a transaction. For each
    /// participant, their place is written too, and once more in the index.
    const WRITES_OF_THE_CHANGE: usize = 2 + 2 * USERS + 2 * USERS;
    let crowd = Crowd::gather().await?;
    let Some(stack) = Stack::private(&["--parameter", &crowd.parameter(), "--quiet-functions"])? else {
        return Ok(());
    };
    let (company, channel) = (unique("biz"), format!("conversation:{}", unique("conv")));
    let users: Vec<String> = (0..USERS).map(|number| format!("user-{number}")).collect();
    let everybody: Vec<&str> = users.iter().map(String::as_str).collect();
    set(&stack, &company, &channel, &everybody).await?;
    crowd.join_as(&stack, &channel, &everybody, CONNECTIONS).await?;

    stack.forget_usage().await?;
    let begun = Instant::now();
    set(&stack, &company, &channel, &[]).await?;
    let (took, cost) = (begun.elapsed(), stack.usage().await?.of("http"));
    println!("{MEMBERS} members of {USERS} users taken out in {took:?} by {cost:?}");
    let told = crowd.told("access.revoked", &channel, &everybody, CONNECTIONS)?;
    assert_eq!((told.once, told.more, told.never), (MEMBERS, 0, 0));
    let writes = MEMBERS * WRITES_A_MEMBER + USERS * WRITES_A_USER + WRITES_OF_THE_CHANGE;
    assert!(cost.write_units <= f64::from(u32::try_from(writes)?), "{cost:?}");
    assert!(cost.reads <= u64::try_from(USERS * READS_A_USER + READS_OF_THE_CHANGE)?, "{cost:?}");
    crowd.left(&stack, &channel, 0).await
}
