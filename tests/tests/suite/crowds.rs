//! Large channels: every member receives an event once, members that are gone are removed, and memory does not grow with the
//! channel.

use anyhow::Result;
use serde_json::json;
use tests::{Crowd, Stack, User, unique};

/// The shards of a channel's members, by its kind.
const SYSTEM_SHARDS: u32 = 16;
const UPDATES_SHARDS: u32 = 1;

/// By which factor `broadcast` may use more memory for a crowd than for a few members. Nothing in it grows with the channel,
/// but an allocator keeps memory that it has had once.
const MEMORY_GROWTH_MAX: u64 = 2;

/// A character that no message of SQS has, and the fan-out queue brings nevertheless.
const REFUSED: char = '\u{ffff}';

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_20000_members_once_each() -> Result<()> {
    const MEMBERS: usize = 20_000;
    let crowd = Crowd::gather().await?;
    let Some(stack) = Stack::private(&["--parameter", &crowd.parameter(), "--quiet-functions"])? else {
        return Ok(());
    };
    let notice =
        json!({"level": "info", "title": "Maintenance", "message": format!("Tonight at ten.{REFUSED}")});
    let ann = User::stranger();
    crowd.join(&stack, &ann.channel(), 100, UPDATES_SHARDS).await?;
    let mut to_ann = notice.clone();
    to_ann["userId"] = json!(ann.id);
    stack.emit("UserNotification", to_ann).await?;
    crowd.heard(&ann.channel(), 1, 100).await?;
    let few = stack.memory_peak("broadcast")?;

    crowd.join(&stack, "system", MEMBERS, SYSTEM_SHARDS).await?;
    stack.emit("SystemNotification", notice).await?;
    let heard = crowd.heard("system", 1, MEMBERS).await?;
    assert_eq!((heard.once, heard.more), (MEMBERS - MEMBERS / 100, 0));
    crowd.forgotten(&stack, "system", MEMBERS, SYSTEM_SHARDS).await?;
    let many = stack.memory_peak("broadcast")?;
    println!("broadcast's memory: {few} bytes at most for 100 members, {many} for {MEMBERS}");
    assert!(many <= few * MEMORY_GROWTH_MAX, "{few} bytes for 100 members, {many} for {MEMBERS}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_one_shard_is_served_part_by_part() -> Result<()> {
    const MEMBERS: usize = 7_000; // of which an invocation serves 3,000
    let crowd = Crowd::gather().await?;
    let Some(stack) = Stack::private(&["--parameter", &crowd.parameter(), "--quiet-functions"])? else {
        return Ok(());
    };
    let company = unique("biz");
    let channel = format!("resource_updates:{company}");
    crowd.join(&stack, &channel, MEMBERS, UPDATES_SHARDS).await?;
    let update = json!({"type": "created", "resourceId": "r1", "resourceType": "product", "resourceName": "E-book",
        "companyId": company});
    stack.emit("ResourceUpdate", update).await?;
    let heard = crowd.heard(&channel, 1, MEMBERS).await?;
    assert_eq!((heard.once, heard.more), (MEMBERS - MEMBERS / 100, 0));
    crowd.forgotten(&stack, &channel, MEMBERS, UPDATES_SHARDS).await
}

/// `ack` and `send` post receipts and typing themselves, and hand on to the fan-out queue the members that one invocation cannot
/// serve; `broadcast` does so with messages.
#[tokio::test(flavor = "multi_thread")]
async fn messages_receipts_and_typing_reach_a_conversation_of_any_size() -> Result<()> {
    const MEMBERS: usize = 3_200; // of which an invocation serves 3,000
    let crowd = Crowd::gather().await?;
    let Some(stack) = Stack::private(&["--parameter", &crowd.parameter(), "--quiet-functions"])? else {
        return Ok(());
    };
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let channel = stack.conversation(&company, &[]).await?;
    let mut client = stack.connect(&admin).await?;
    client.join(&channel).await?;
    client.say(&channel, "hello").await?;
    crowd.join(&stack, &channel, MEMBERS, UPDATES_SHARDS).await?;
    client.call("ack", json!({"channel": channel, "seq": 1, "state": "read"})).await?;
    crowd.heard_of(&channel, "chat.receipt", MEMBERS).await?;
    client.send(&channel, "chat.typing", json!({"isTyping": true})).await?;
    crowd.heard_of(&channel, "chat.typing", MEMBERS).await?;
    client.say(&channel, &format!("a{REFUSED}")).await?;
    crowd.heard_of(&channel, "chat.message", MEMBERS).await
}
