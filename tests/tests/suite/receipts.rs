//! `ack`: two watermarks for each user, which never go back, and what the others see of them.

use anyhow::Result;
use http::Method;
use serde_json::json;
use tests::{Stack, User, eventually, unique};

use crate::scene::pair;

#[tokio::test]
async fn the_others_hear_of_a_receipt_once() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for content in ["one", "two"] {
        pair.ann.say(&pair.channel, content).await?;
    }
    let ack = |seq: u64, state: &str| json!({"channel": pair.channel, "seq": seq, "state": state});
    assert_eq!(pair.bob.call("ack", ack(2, "delivered")).await?, json!({"seq": 2}));
    let receipt = pair.ann.only("chat.receipt").await?;
    assert_eq!(receipt["data"], json!({"userId": pair.bob_user.id, "seq": 2, "state": "delivered"}));
    assert_eq!(receipt["seq"], json!(null), "a receipt is not in the log");

    assert_eq!(pair.bob.call("ack", ack(1, "delivered")).await?, json!({"seq": 2}), "it never goes back");
    assert_eq!(pair.bob.call("ack", ack(2, "delivered")).await?, json!({"seq": 2}));
    pair.ann.silence().await?;
    let read = pair.bob.call("ack", ack(1, "read")).await?;
    assert_eq!(read, json!({"seq": 1, "readN": 1}), "read is a watermark of its own");
    assert_eq!(pair.ann.only("chat.receipt").await?["data"]["state"], "read");

    // What is read has been delivered.
    for content in ["three", "four"] {
        pair.ann.say(&pair.channel, content).await?;
    }
    pair.bob.call("ack", ack(4, "read")).await?;
    pair.ann.only("chat.receipt").await?;
    assert_eq!(pair.bob.call("ack", ack(3, "delivered")).await?, json!({"seq": 4}));
    pair.ann.silence().await?;
    Ok(())
}

#[tokio::test]
async fn an_ack_by_http_is_one_of_a_socket() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    for content in ["one", "two"] {
        pair.ann.say(&pair.channel, content).await?;
    }
    pair.bob.join(&pair.bob_user.channel()).await?;
    let unread = async || {
        let inbox = stack.ask_api(Method::GET, "conversations?limit=1").token(&pair.bob_user.token()?);
        Ok::<_, anyhow::Error>(inbox.send().await?.done()?["conversations"][0]["unread"].as_u64())
    };
    eventually("an inbox with both", async || Ok((unread().await? == Some(2)).then_some(()))).await?;

    let ack = |seq: u64, state: &str| json!({"channel": pair.channel, "seq": seq, "state": state});
    let post = async |user, body| stack.post(user, "receipts", &body).await;
    assert_eq!(post(&pair.bob_user, ack(1, "read")).await?.done()?, json!({"seq": 1, "readN": 1}));
    let receipt = pair.ann.only("chat.receipt").await?;
    assert_eq!(receipt["data"], json!({"userId": pair.bob_user.id, "seq": 1, "state": "read"}));
    assert_eq!(pair.bob.event("chat.receipt").await?["data"], receipt["data"], "it was no socket's ack");
    assert_eq!(pair.bob.event("inbox.update").await?["data"]["readN"], 1);
    assert_eq!(unread().await?, Some(1));

    let read = pair.bob.call("ack", ack(2, "read")).await?;
    assert_eq!(read, json!({"seq": 2, "readN": 2}));
    assert_eq!(post(&pair.bob_user, ack(1, "read")).await?.done()?, read, "it never goes back");
    assert_eq!(unread().await?, Some(0));

    assert_eq!(post(&pair.bob_user, ack(9, "read")).await?.refused()?, (404, "not_found"));
    assert_eq!(post(&pair.bob_user, ack(1, "eaten")).await?.refused()?, (400, "bad_request"));
    let system = json!({"channel": "system", "seq": 1, "state": "read"});
    assert_eq!(post(&pair.bob_user, system).await?.refused()?, (403, "forbidden"));
    let stranger = User::admin_of(&unique("biz"));
    assert_eq!(post(&stranger, ack(1, "read")).await?.refused()?, (403, "forbidden"));
    Ok(())
}

#[tokio::test]
async fn history_says_what_has_been_read() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for content in ["one", "two"] {
        pair.ann.say(&pair.channel, content).await?;
    }
    let ack = json!({"channel": pair.channel, "seq": 2, "state": "read"});
    pair.ann.call("ack", ack).await?;
    let page = pair.ann.call("history", json!({"channel": pair.channel, "limit": 9})).await?;
    assert_eq!(page["events"][0]["data"]["isRead"], false, "an author does not read for others");

    pair.bob.call("ack", json!({"channel": pair.channel, "seq": 1, "state": "read"})).await?;
    let page = pair.ann.call("history", json!({"channel": pair.channel, "limit": 9})).await?;
    let read: Vec<_> = [0, 1].map(|n| page["events"][n]["data"]["isRead"].clone()).into();
    assert_eq!(read, [json!(true), json!(false)]);
    Ok(())
}

#[tokio::test]
async fn nobody_reads_what_was_not_written() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    pair.ann.say(&pair.channel, "one").await?;
    let ack = |seq: u64| json!({"channel": pair.channel, "seq": seq, "state": "read"});
    for seq in [0, 2, 1_000_000] {
        assert_eq!(pair.bob.refused("ack", ack(seq)).await?.code, "not_found", "{seq}");
    }
    let system = json!({"channel": "system", "seq": 1, "state": "read"});
    assert_eq!(pair.bob.refused("ack", system).await?.code, "forbidden");
    let state = json!({"channel": pair.channel, "seq": 1, "state": "eaten"});
    assert_eq!(pair.bob.refused("ack", state).await?.code, "bad_request");
    pair.bob.leave(&pair.channel).await?;
    assert_eq!(pair.bob.refused("ack", ack(1)).await?.code, "not_joined");
    Ok(())
}

#[tokio::test]
async fn who_has_not_had_a_message_yet() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for content in ["one", "two"] {
        pair.ann.say(&pair.channel, content).await?;
    }
    pair.bob.call("ack", json!({"channel": pair.channel, "seq": 2, "state": "delivered"})).await?;
    pair.bob.call("ack", json!({"channel": pair.channel, "seq": 1, "state": "read"})).await?;
    let here = json!({"channel": pair.channel});
    let book = pair.ann.call("receipts", here.clone()).await?;
    let mut expected = [
        json!({"userId": pair.ann_user.id, "delivered": 0, "read": 0}),
        json!({"userId": pair.bob_user.id, "delivered": 2, "read": 1}),
    ];
    expected.sort_by_key(|user| user["userId"].to_string());
    assert_eq!(book, json!({"users": expected}));
    pair.bob.leave(&pair.channel).await?;
    assert_eq!(pair.bob.refused("receipts", here).await?, *"not_joined");
    assert_eq!(pair.bob.refused("receipts", json!({"channel": "system"})).await?, *"forbidden");
    Ok(())
}
