//! Connections that end: cut without a close frame, closed by the client, or deleted by the server.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use tests::{Client, Delivery, Stack, eventually, haunt, unique};

use crate::scene::{Pair, joined, pair};

/// Sends until only one recipient is counted, because the other connection has been found to be gone.
async fn wait_until_forgotten(pair: &mut Pair) -> Result<()> {
    let (ann, channel) = (&mut pair.ann, pair.channel.as_str());
    eventually("the dead connection to be forgotten", async || {
        let sent = ann.send(channel, "chat.typing", json!({"isTyping": true})).await?;
        Ok((sent["recipients"] == 1).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_connection_that_is_cut_stands_in_nobodys_way() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.ann_user, &pair.channel).await?;
    std::mem::replace(&mut pair.bob, stack.connect(&pair.bob_user).await?).cut();
    pair.ann.say(&pair.channel, "still here?").await?;
    assert_eq!(phone.only("chat.message").await?["data"]["content"], "still here?");
    wait_until_forgotten(&mut pair).await
}

#[tokio::test]
async fn a_connection_that_the_server_deletes_is_closed_and_forgotten() -> Result<()> {
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.ann_user, &pair.channel).await?;
    let id = pair.bob.connection_id().await?;
    assert_eq!(backend.get(&id).await?, Delivery::Sent);
    assert_eq!(backend.delete(&id).await?, Delivery::Sent);
    pair.bob.closed().await?;

    pair.ann.say(&pair.channel, "and on").await?;
    assert_eq!(phone.only("chat.message").await?["data"]["content"], "and on");
    assert_eq!(backend.post(&id, "{}").await?, Delivery::Gone);
    assert_eq!(backend.get(&id).await?, Delivery::Gone);
    wait_until_forgotten(&mut pair).await
}

/// A post may find a member gone whose connection has no row left. Then no deletion of a row leads to a clean-up, so whoever
/// posts must remove the member.
#[tokio::test]
async fn a_member_without_a_connection_is_forgotten_whoever_posts_to_them() -> Result<()> {
    let stack = Stack::shared()?;
    let gone = async |call: &str| -> Result<()> {
        let mut pair = pair(stack).await?;
        let Pair { ann, bob, channel, .. } = &mut pair;
        ann.say(channel, "one").await?;
        let ghost = unique("ghost");
        haunt(stack, channel, &ghost).await?;
        match call {
            "ack" => drop(bob.call("ack", json!({"channel": channel, "seq": 1, "state": "read"})).await?),
            "leave" => drop(bob.leave(channel).await?),
            _ => drop(bob.say(channel, "two").await?),
        }
        let left = ann.event("presence.leave").await?;
        let left = if left["data"]["userId"] == *ghost { left } else { ann.event("presence.leave").await? };
        ensure!(left["data"]["userId"] == *ghost, "{call}: {left}");
        Ok(())
    };
    try_join_all(["ack", "leave", "send"].map(gone)).await?;
    Ok(())
}

#[tokio::test]
async fn a_post_through_the_sdk_arrives_as_it_is() -> Result<()> {
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let mut client: Client = stack.connect(&tests::User::stranger()).await?;
    let id = client.connection_id().await?;
    let frame = json!({"any": ["thing", 1, "ü"]});
    assert_eq!(backend.post(&id, &frame.to_string()).await?, Delivery::Sent);
    assert_eq!(client.raw().await?, frame);

    client.close().await?;
    eventually("the post to find the connection gone", async || {
        Ok((backend.post(&id, "{}").await? == Delivery::Gone).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_connection_that_closes_leaves_its_channels() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let _phone = joined(stack, &pair.ann_user, &pair.channel).await?;
    std::mem::replace(&mut pair.bob, stack.connect(&pair.bob_user).await?).close().await?;
    wait_until_forgotten(&mut pair).await
}
