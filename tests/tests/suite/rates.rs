//! How fast one user may send, over all of their connections.

use anyhow::Result;
use serde_json::json;
use tests::{Client, Stack};

use crate::scene::{joined, pair};

/// More than a user may send in one window and the next, by any number of processes of a local stack.
const FLOOD: usize = 500;

/// Types so many times at once; returns how many got through, and the waits that the others were told.
async fn flood(client: &mut Client, channel: &str) -> Result<(usize, Vec<Option<u64>>)> {
    let mut requests = Vec::new();
    for _ in 0..FLOOD {
        let fields = json!({"channel": channel, "event": "chat.typing", "data": {"isTyping": true}});
        requests.push(client.request("send", fields).await?);
    }
    let (mut sent, mut waits) = (0, Vec::new());
    for request in requests {
        match client.reply(&request).await? {
            Ok(_) => sent += 1,
            Err(refusal) => {
                assert_eq!(refusal, *"rate_limited");
                waits.push(refusal.retry_after_ms);
            }
        }
    }
    Ok((sent, waits))
}

#[tokio::test]
async fn a_flood_is_cut_and_told_when_to_go_on() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.ann_user, &pair.channel).await?;
    let (sent, waits) = flood(&mut pair.ann, &pair.channel).await?;
    assert!(sent >= 100, "only {sent} of {FLOOD} got through");
    assert!(!waits.is_empty(), "all of {FLOOD} got through");
    assert!(waits.iter().all(|wait| wait.is_some_and(|ms| (1..=10_000).contains(&ms))), "{waits:?}");
    pair.bob.say(&pair.channel, "others are not held up").await?;
    phone.call("ping", json!({})).await?;
    Ok(())
}
