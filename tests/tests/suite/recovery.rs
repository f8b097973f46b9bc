//! `since`: what was missed comes back whole and in order, or the reply says that it does not.

use anyhow::Result;
use serde_json::json;
use tests::{Stack, events, sequence};

use crate::scene::{joined, pair};

#[tokio::test]
async fn what_was_missed_comes_back_in_order() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    for content in ["one", "two"] {
        pair.ann.say(&pair.channel, content).await?;
    }
    let seen = pair.bob.event("chat.message").await?["seq"].as_u64().unwrap_or_default();
    assert_eq!(seen, 1);
    pair.bob.cut();
    for content in ["three", "four"] {
        pair.ann.say(&pair.channel, content).await?;
    }

    let mut bob = stack.connect(&pair.bob_user).await?;
    let joined = bob.join_since(&pair.channel, seen).await?;
    assert_eq!(
        (&joined["recovered"], &joined["more"], &joined["head"]),
        (&json!(true), &json!(false), &json!(4))
    );
    let missed = events(&joined, "events");
    assert_eq!(sequence(missed), [2, 3, 4]);
    let contents: Vec<_> = missed.iter().map(|event| event["data"]["content"].clone()).collect();
    assert_eq!(contents, ["two", "three", "four"]);

    pair.ann.say(&pair.channel, "five").await?;
    assert_eq!(bob.only("chat.message").await?["seq"], 5, "and from here on live");
    Ok(())
}

#[tokio::test]
async fn a_recovered_event_is_the_same_as_the_live_one() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    pair.ann.say(&pair.channel, "the same").await?;
    let live = pair.bob.event("chat.message").await?;
    let recovered = pair.bob.join_since(&pair.channel, 0).await?;
    assert_eq!(recovered["events"], json!([live]));
    Ok(())
}

#[tokio::test]
async fn who_missed_nothing_gets_nothing_and_is_told_so() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    assert_eq!(
        pair.bob.join_since(&pair.channel, 0).await?["recovered"],
        true,
        "an empty log has nothing to miss"
    );
    pair.ann.say(&pair.channel, "one").await?;
    let joined = pair.bob.join_since(&pair.channel, 1).await?;
    assert_eq!(
        (&joined["recovered"], &joined["events"], &joined["head"]),
        (&json!(true), &json!([]), &json!(1))
    );
    Ok(())
}

#[tokio::test]
async fn a_since_above_the_head_is_not_recovered() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    pair.ann.say(&pair.channel, "one").await?;
    for since in [2, 1_000_000] {
        let joined = pair.bob.join_since(&pair.channel, since).await?;
        assert_eq!((&joined["recovered"], &joined["head"]), (&json!(false), &json!(1)), "since {since}");
        assert_eq!(joined["events"], json!([]), "never a part passed off as the whole");
    }
    Ok(())
}

/// A reply is at most one WebSocket message of 128 KiB. Where it does not hold everything, it says so.
#[tokio::test]
async fn more_than_a_reply_holds_is_cut_and_said() -> Result<()> {
    const MESSAGES: u64 = 12;
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let content = "x".repeat(15 * 1024);
    for _ in 0..MESSAGES {
        pair.ann.say(&pair.channel, &content).await?;
    }
    let mut bob = joined(stack, &pair.bob_user, &pair.channel).await?;
    let mut seen = 0;
    let mut replies = 0;
    while seen < MESSAGES {
        let joined = bob.join_since(&pair.channel, seen).await?;
        let got = sequence(events(&joined, "events"));
        assert_eq!(got.first(), Some(&(seen + 1)), "the earliest come first");
        assert!(got.windows(2).all(|pair| pair[1] == pair[0] + 1), "a gap: {got:?}");
        assert_eq!((&joined["recovered"], &joined["head"]), (&json!(true), &json!(MESSAGES)));
        seen = got.last().copied().unwrap_or(MESSAGES);
        assert_eq!(joined["more"], seen < MESSAGES, "{got:?}");
        replies += 1;
    }
    assert!(replies > 1, "180 KiB do not fit into one reply");
    Ok(())
}
