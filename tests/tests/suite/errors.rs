//! Every error code that can be reached from outside, and how.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Client, Stack, User, eventually, unique};

use crate::scene::{joined, pair};

/// The most bytes of a chat message's content.
const CONTENT_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of a chat message's metadata, as JSON.
const METADATA_BYTES_MAX: usize = 4 * 1024;

/// Sends a frame as it is; returns the code and message of its refusal.
async fn refusal_of(client: &mut Client, frame: &str) -> Result<(String, String)> {
    client.text(frame).await?;
    match client.any_reply().await? {
        (_, Ok(data)) => anyhow::bail!("{frame} was not refused: {data}"),
        (_, Err(refusal)) => {
            assert!(!refusal.message.is_empty(), "{frame}: the refusal has no message");
            Ok((refusal.code, refusal.message))
        }
    }
}

#[tokio::test]
async fn a_frame_that_is_no_request_is_a_bad_request() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    let too_long = json!({"action": "ping", "id": "i".repeat(65)}).to_string();
    for frame in [
        "hello",
        "{",
        "[]",
        "null",
        "7",
        "{}",
        r#"{"action":7}"#,
        r#"{"id":"1","channel":"system"}"#,
        r#"{"action":"ping","id":7}"#,
        r#"{"action":"ping","id":""}"#,
        r#"{"action":"join"}"#,
        r#"{"action":"join","channel":7}"#,
        r#"{"action":"join","channel":"system","since":-1}"#,
        r#"{"action":"join","channel":"system","since":"1"}"#,
        too_long.as_str(),
    ] {
        assert_eq!(refusal_of(&mut client, frame).await?.0, "bad_request", "{frame}");
    }
    client.silence().await
}

/// A caller waits for the reply with its `id`, so a refusal has the `id` wherever it can be read.
#[tokio::test]
async fn a_frame_that_cannot_be_read_is_refused_by_its_id() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    let deep = format!(r#"{{"action":"send","data":{}{},"id":"7"}}"#, "[".repeat(130), "]".repeat(130));
    for frame in [
        r#"{"action":"send","channel":"system","data":{"content":"\ud83c"},"id":"7"}"#,
        r#"{"action":"join","id":"7","channel":"\ud83c"}"#,
        r#"{"action":"ping","id":"7""#,
        r#"{"action":"ping" "id":"7"}"#,
        r#"{"action":"ping","id":"7"}}"#,
        r#"{"action":"status","id":"1","id":"7","now":true}"#,
        r#"[{"action":"ping","id":"7"}]"#,
        r#"{"id":"7"}"#,
        deep.as_str(),
    ] {
        client.text(frame).await?;
        let (id, outcome) = client.any_reply().await?;
        let refusal = outcome.expect_err(frame);
        assert_eq!((id.as_deref(), refusal.code.as_str()), (Some("7"), "bad_request"), "{frame:.80}");
    }
    client.silence().await
}

#[tokio::test]
async fn a_refusal_names_the_field_and_what_it_must_be() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let chat =
        |data: Value| json!({"channel": pair.channel, "event": "chat.message", "key": "k", "data": data});
    let known = "user, bot, system";
    for (action, fields, field, message) in [
        (
            "history",
            json!({"channel": "system", "limit": 300}),
            "limit",
            "must be a whole number from 1 to 100".to_owned(),
        ),
        ("history", json!({"channel": "system"}), "limit", "is missing".to_owned()),
        ("join", json!({"channel": null}), "channel", "must be a string, not null".to_owned()),
        (
            "join",
            json!({"channel": "system", "sinse": 1}),
            "sinse",
            "is not a known field; known are channel".to_owned(),
        ),
        ("send", chat(json!({"content": null})), "data.content", "must be a string, not null".to_owned()),
        (
            "send",
            chat(json!({"content": "hi", "type": "human"})),
            "data.type",
            format!("must be one of {known}"),
        ),
        ("send", chat(json!({"content": ""})), "data.content", "must not be empty".to_owned()),
        (
            "send",
            chat(json!({"content": "x".repeat(CONTENT_BYTES_MAX + 1)})),
            "data.content",
            "must be at most".to_owned(),
        ),
    ] {
        let refusal = pair.ann.refused(action, fields.clone()).await?;
        assert_eq!(refusal.field.as_deref(), Some(field), "{fields:.99}");
        assert!(refusal.message.starts_with(&format!("{field} {message}")), "{}", refusal.message);
    }
    Ok(())
}

#[tokio::test]
async fn a_field_that_does_not_exist_is_named() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    for frame in [
        r#"{"action":"ping","sinse":1}"#,
        r#"{"action":"status","sinse":1}"#,
        r#"{"action":"join","channel":"system","sinse":1}"#,
        r#"{"action":"leave","channel":"system","sinse":1}"#,
        r#"{"action":"send","channel":"conversation:c","event":"chat.typing","data":{"isTyping":true},"sinse":1}"#,
    ] {
        let (code, message) = refusal_of(&mut client, frame).await?;
        assert_eq!(code, "bad_request", "{frame}");
        assert!(message.contains("sinse"), "{frame}: {message}");
    }
    Ok(())
}

#[tokio::test]
async fn a_draft_that_is_not_what_it_should_be_is_a_bad_request() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let chat = |key: Value, data: Value| json!({"event": "chat.message", "key": key, "data": data});
    let other = |event: &str, data: Value| json!({"event": event, "data": data});
    for mut fields in [
        json!({"event": "chat.message", "data": {"content": "no key"}}),
        chat(json!(""), json!({"content": "hi"})),
        chat(json!("a key"), json!({"content": "hi"})),
        chat(json!("k".repeat(65)), json!({"content": "hi"})),
        chat(json!(7), json!({"content": "hi"})),
        chat(json!("k"), json!({"content": ""})),
        chat(json!("k"), json!({"content": 7})),
        chat(json!("k"), json!({})),
        chat(json!("k"), json!("hi")),
        chat(json!("k"), json!({"content": "hi", "userId": "user_1"})),
        chat(json!("k"), json!({"content": "hi", "type": "human"})),
        chat(json!("k"), json!({"content": "hi", "metadata": [1]})),
        other("chat.typing", json!({})),
        other("chat.typing", json!({"isTyping": "yes"})),
        other("signal", json!({"payload": 1})),
        other("presence.update", json!({"status": "asleep"})),
        other("chat.shout", json!({})),
    ] {
        fields["channel"] = pair.channel.as_str().into();
        assert_eq!(pair.ann.refused("send", fields.clone()).await?, *"bad_request", "{fields}");
    }
    pair.bob.silence().await
}

#[tokio::test]
async fn an_action_that_does_not_exist_is_unknown() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    for action in ["dance", "$connect", "$disconnect", "$default", "PING", ""] {
        assert_eq!(client.refused(action, json!({})).await?, *"unknown_action", "{action}");
    }
    client.silence().await
}

#[tokio::test]
async fn a_channel_that_cannot_exist_is_invalid() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    let too_long = format!("user:{}", "u".repeat(65));
    for channel in [
        "",
        "system:",
        "system:x",
        "company",
        "company:",
        "Company:a",
        "user:a:b",
        "user:ü",
        "chat:a",
        &too_long,
    ] {
        for action in ["join", "leave"] {
            assert_eq!(
                client.refused(action, json!({"channel": channel})).await?,
                *"invalid_channel",
                "{channel}"
            );
        }
        let send = json!({"channel": channel, "event": "chat.typing", "data": {"isTyping": true}});
        assert_eq!(client.refused("send", send).await?, *"invalid_channel", "{channel}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_expires_stops_counting_on_a_live_connection() -> Result<()> {
    let ann = User::stranger().for_only("2s");
    let mut client = Stack::shared()?.connect(&ann).await?;
    let refusal = eventually("the token to expire", async || {
        let id = client.request("join", json!({"channel": ann.channel()})).await?;
        Ok(client.reply(&id).await?.err())
    })
    .await?;
    assert_eq!(refusal, *"unauthorized");
    let send = json!({"channel": "conversation:c", "event": "chat.typing", "data": {"isTyping": true}});
    assert_eq!(client.refused("send", send).await?, *"unauthorized");
    Ok(())
}

#[tokio::test]
async fn nobody_claims_to_be_the_bot() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for kind in ["bot", "system"] {
        let data = json!({"content": "I am no human", "type": kind});
        let fields = json!({"channel": pair.channel, "event": "chat.message", "key": "k", "data": data});
        assert_eq!(pair.ann.refused("send", fields).await?, *"forbidden", "{kind}");
    }
    pair.bob.silence().await
}

#[tokio::test]
async fn who_has_not_joined_may_not_send() -> Result<()> {
    let stack = Stack::shared()?;
    let pair = pair(stack).await?;
    let mut again = stack.connect(&pair.ann_user).await?;
    for (event, data) in
        [("chat.message", json!({"content": "hi"})), ("chat.typing", json!({"isTyping": true}))]
    {
        let fields = json!({"channel": pair.channel, "event": event, "key": "k", "data": data});
        assert_eq!(
            again.refused("send", fields).await?,
            *"not_joined",
            "{event}: another device of the user has joined, not this one"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_largest_message_is_taken_and_one_byte_more_is_too_large() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let largest = "x".repeat(CONTENT_BYTES_MAX);
    pair.ann.say(&pair.channel, &largest).await?;
    assert_eq!(pair.bob.event("chat.message").await?["data"]["content"], largest);

    let metadata = json!({"m": "x".repeat(METADATA_BYTES_MAX)});
    for data in [json!({"content": largest + "x"}), json!({"content": "hi", "metadata": metadata})] {
        let fields =
            json!({"channel": pair.channel, "event": "chat.message", "key": unique("key"), "data": data});
        assert_eq!(pair.ann.refused("send", fields).await?, *"too_large");
    }
    pair.bob.silence().await
}

/// An honest client's `base` is the last `seq` that it knew. A client that is far behind must catch up first, because the
/// server would have to read everything after its `base` to know whether the `key` is there.
#[tokio::test]
async fn a_base_too_far_behind_is_a_conflict() -> Result<()> {
    const EVENTS: u64 = 300; // of 15 KiB: more than the 4 MB that the server looks back
    const SENDERS: usize = 4; // each below the rate that one user may send at
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    pair.bob.leave(&pair.channel).await?;
    let mut team = Vec::new();
    for _ in 0..SENDERS {
        team.push(joined(stack, &User::admin_of(&pair.company), &pair.channel).await?);
    }
    for seq in 0..EVENTS {
        let data = json!({"content": "x".repeat(15 * 1024)});
        let fields = json!({"channel": pair.channel, "event": "chat.message", "key": unique("key"), "base": seq,
            "data": data});
        let sender = &mut team[usize::try_from(seq)? % SENDERS];
        assert_eq!(sender.call("send", fields).await?["seq"], seq + 1);
    }
    let fields = json!({"channel": pair.channel, "event": "chat.message", "key": unique("key"), "base": 1,
        "data": {"content": "where was I?"}});
    assert_eq!(pair.ann.refused("send", fields).await?, *"conflict");
    Ok(())
}
