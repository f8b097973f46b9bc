//! Access that is taken away ends at once, on live connections, and the one who loses it is told why.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Stack, User, unique};

use crate::scene::{joined, pair};

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
    pair.ann.say(&pair.channel, "is he gone?").await?;
    assert_eq!(team.only("chat.message").await?["data"]["content"], "is he gone?", "the team stays");
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
