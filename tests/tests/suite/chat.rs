//! Messages, typing and signals in a conversation: what a client sends, and what the members receive.

use anyhow::Result;
use serde_json::json;
use tests::{Stack, User, events, is_timestamp, shape};

use crate::scene::{joined, pair};

#[tokio::test]
async fn a_message_arrives_whole() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let fields = json!({"channel": pair.channel, "event": "chat.message", "key": "k1", "base": 0,
        "data": {"content": "Hello 👋\n\"you\"", "type": "user", "metadata": {"funnel": {"id": "f1"}}}});
    let sent = pair.ann.call("send", fields).await?;

    let event = pair.bob.only("chat.message").await?;
    assert_eq!(
        shape(&event),
        "{at: string, channel: string, data: {content: string, conversationId: string, id: string, isRead: boolean, \
         metadata: {funnel: {id: string}}, n: number, timestamp: string, type: string, userId: string}, event: string, \
         from: {name: string, userId: string}, key: string, seq: number, type: string}"
    );
    assert_eq!(event["channel"], pair.channel);
    assert_eq!((&event["seq"], &event["at"], &event["key"]), (&sent["seq"], &sent["at"], &json!("k1")));
    assert_eq!(event["from"], json!({"userId": pair.ann_user.id, "name": pair.ann_user.name}));

    let data = &event["data"];
    assert_eq!(data["conversationId"], pair.channel.trim_start_matches("conversation:"));
    assert_eq!((&data["type"], &data["isRead"]), (&json!("user"), &json!(false)));
    assert_eq!((&data["userId"], &data["content"]), (&json!(pair.ann_user.id), &json!("Hello 👋\n\"you\"")));
    assert_eq!(data["metadata"], json!({"funnel": {"id": "f1"}}));
    assert!(is_timestamp(&data["timestamp"]), "{data}");
    assert_ne!(data["id"], "");
    Ok(())
}

#[tokio::test]
async fn a_message_without_metadata_has_none() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    pair.ann.say(&pair.channel, "plain").await?;
    let data = &pair.bob.event("chat.message").await?["data"];
    assert!(data.get("metadata").is_none(), "{data}");
    assert_eq!(data["type"], "user", "the default");
    Ok(())
}

#[tokio::test]
async fn the_sender_gets_the_reply_and_no_copy_and_their_other_device_gets_one() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.ann_user, &pair.channel).await?;
    assert_eq!(pair.ann.say(&pair.channel, "from the desk").await?["recipients"], 2);
    assert_eq!(phone.only("chat.message").await?["data"]["content"], "from the desk");
    pair.bob.only("chat.message").await?;
    pair.ann.silence().await
}

/// The suite relies on `silence` and `only`, so both must fail where an event does come.
#[tokio::test]
async fn silence_is_not_deafness() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    pair.ann.send(&pair.channel, "chat.typing", json!({"isTyping": true})).await?;
    assert!(pair.bob.silence().await.is_err());
    assert!(pair.bob.only("chat.message").await.is_err());
    pair.bob.silence().await
}

#[tokio::test]
async fn typing_and_signals_pass_by_and_are_not_kept() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    pair.ann.send(&pair.channel, "chat.typing", json!({"isTyping": true})).await?;
    let typing = pair.bob.only("chat.typing").await?;
    assert_eq!(
        shape(&typing),
        "{at: string, channel: string, data: {conversationId: string, isTyping: boolean, timestamp: string, \
         userId: string, userName: string}, event: string, from: {name: string, userId: string}, type: string}"
    );
    assert_eq!(typing["data"]["isTyping"], true);
    assert_eq!(typing["data"]["userId"], pair.ann_user.id);
    assert_eq!(typing["data"]["userName"], pair.ann_user.name);

    pair.bob.send(&pair.channel, "signal", json!({"name": "wave", "payload": {"hands": 2}})).await?;
    let signal = pair.ann.only("signal").await?;
    assert_eq!((&signal["data"]["name"], &signal["data"]["payload"]), (&json!("wave"), &json!({"hands": 2})));
    assert_eq!(signal["from"]["userId"], pair.bob_user.id);

    let again = pair.bob.join_since(&pair.channel, 0).await?;
    assert_eq!((&again["head"], &again["events"]), (&json!(0), &json!([])));
    Ok(())
}

#[tokio::test]
async fn a_retried_send_is_the_same_send() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let first = pair.ann.say_as("k1", &pair.channel, "once").await?;
    pair.bob.say(&pair.channel, "meanwhile").await?;
    let retry = json!({"channel": pair.channel, "event": "chat.message", "key": "k1", "base": 0,
        "data": {"content": "once"}});
    let second = pair.ann.call("send", retry).await?;
    assert_eq!((&second["seq"], &second["duplicate"]), (&first["seq"], &json!(true)));
    assert_eq!((&second["key"], &second["id"]), (&json!("k1"), &first["id"]));

    // A message that arrives twice has the same seq, by which the client recognises it.
    pair.ann.say(&pair.channel, "next").await?;
    let mut seen = Vec::new();
    while !seen.iter().any(|(_, content)| content == "next") {
        let event = pair.bob.event("chat.message").await?;
        seen.push((event["seq"].as_u64(), event["data"]["content"].clone()));
    }
    for (seq, content) in seen {
        assert_eq!(content == "once", seq == first["seq"].as_u64(), "{content} with seq {seq:?}");
    }
    let log = pair.bob.join_since(&pair.channel, 0).await?;
    assert_eq!(log["head"], 3, "{log}");
    Ok(())
}

#[tokio::test]
async fn a_key_counts_per_user() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let of_ann = pair.ann.say_as("same", &pair.channel, "mine").await?;
    let of_bob = pair.bob.say_as("same", &pair.channel, "mine, too").await?;
    assert_eq!((&of_ann["seq"], &of_bob["seq"]), (&json!(1), &json!(2)));
    assert_eq!(of_bob["duplicate"], false);
    Ok(())
}

#[tokio::test]
async fn the_bots_message_comes_by_the_bus() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let conversation = pair.channel.trim_start_matches("conversation:");
    let detail = json!({"conversationId": conversation, "type": "bot", "content": "How can I help?"});
    stack.emit("ChatMessage", detail).await?;
    for client in [&mut pair.ann, &mut pair.bob] {
        let event = client.only("chat.message").await?;
        assert_eq!(
            shape(&event),
            "{at: string, channel: string, data: {content: string, conversationId: string, id: string, \
             isRead: boolean, n: number, timestamp: string, type: string}, event: string, key: string, seq: number, \
             type: string}"
        );
        assert_eq!((&event["seq"], &event["data"]["type"]), (&json!(1), &json!("bot")));
        assert_eq!(event["data"]["content"], "How can I help?");
    }
    assert_eq!(pair.ann.say(&pair.channel, "like this").await?["seq"], 2, "all senders share one log");
    Ok(())
}

#[tokio::test]
async fn the_team_sees_what_was_said_before_it_came() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    pair.ann.say(&pair.channel, "is anybody there?").await?;
    let mut support = stack.connect(&User::admin_of(&pair.company)).await?;
    let joined = support.join_since(&pair.channel, 0).await?;
    assert_eq!(events(&joined, "events").len(), 1, "{joined}");
    assert_eq!(joined["events"][0]["data"]["content"], "is anybody there?");
    support.say(&pair.channel, "yes").await?;
    assert_eq!(pair.ann.event("chat.message").await?["seq"], 2);
    Ok(())
}
