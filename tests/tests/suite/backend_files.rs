//! Files that the app's backend uploads, with its token to publish, for its own messages and those of its bot.

use anyhow::{Context as _, Result};
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Stack, User, eventually, file_draft, unique};

use crate::scene::{Pair, pair};

/// Publishes a message of the bot with these files; returns the result.
async fn publish(stack: &Stack, conversation: &str, detail: &Value) -> Result<Value> {
    let mut detail = detail.clone();
    detail["conversationId"] = conversation.into();
    detail["type"] = "bot".into();
    let body =
        json!({"events": [{"type": "ChatMessage", "key": unique("key"), "detail": detail}]}).to_string();
    let request = stack.ask_api(Method::POST, "publish").token(&User::publisher().token()?).body(&body);
    Ok(request.send().await?.done()?["results"][0].clone())
}

#[tokio::test]
async fn a_message_of_the_backend_brings_its_files_and_nobody_elses() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, ann_user, bob_user, mut ann, mut bob, .. } = pair(stack).await?;
    let conversation = channel.strip_prefix("conversation:").context("a conversation")?;
    let backend = User::publisher();
    let id = stack.put_file(&backend, &channel, "text/plain", b"the invoice").await?;
    let own = stack.put_file(&ann_user, &channel, "text/plain", b"ann's own").await?;

    // Until a message has the file, nobody but the backend has access to it.
    for user in [&ann_user, &bob_user] {
        assert_eq!(stack.file_link(user, &id, "original").await?.refused()?, (404, "not_found"));
        assert_eq!(stack.complete_file(user, &id).await?.refused()?, (404, "not_found"));
    }
    let stolen =
        json!({"channel": channel, "event": "chat.message", "key": "k", "data": {"attachments": [id]}});
    assert_eq!(ann.refused("send", stolen).await?, *"bad_request");
    let examined = eventually("the file to be examined", async || {
        let answer: Answer = stack.complete_file(&backend, &id).await?;
        Ok((answer.done()?["state"] == "ready").then_some(()))
    });
    examined.await?;

    for (attachments, place) in [(json!([own]), 0), (json!([id, "file_of_nobody"]), 1)] {
        let result = publish(stack, conversation, &json!({"attachments": attachments})).await?;
        assert_eq!(result["error"]["code"], "bad_request", "{result}");
        let field = result["error"]["field"].as_str().unwrap_or_default();
        assert!(field.ends_with(&format!("attachments[{place}]")), "{result}");
    }
    let result = publish(stack, conversation, &json!({"attachments": []})).await?;
    assert_eq!(result["error"]["code"], "bad_request", "a message without files needs a text: {result}");

    let result =
        publish(stack, conversation, &json!({"content": "Your invoice", "attachments": [id]})).await?;
    let seq = &result["seq"];
    for client in [&mut ann, &mut bob] {
        let heard = client.event("chat.message").await?;
        assert_eq!(heard["seq"], *seq, "{result}");
        assert_eq!(heard["data"]["attachments"][0]["id"], json!(id));
    }
    let link = stack.file_link(&bob_user, &id, "original").await?.done()?;
    assert!(link["url"].is_string());
    let again = publish(stack, conversation, &json!({"attachments": [id]})).await?;
    assert_eq!(again["error"]["code"], "bad_request", "a file can be in only one message: {again}");
    Ok(())
}

#[tokio::test]
async fn what_becomes_of_a_file_of_the_backend_is_told_in_the_conversation() -> Result<()> {
    let Some(stack) = Stack::private(&["--parameter", "MalwareScan=on"])? else { return Ok(()) };
    let Pair { channel, ann_user, mut ann, .. } = pair(&stack).await?;
    let conversation = channel.strip_prefix("conversation:").context("a conversation")?;
    let id = stack.put_file(&User::publisher(), &channel, "text/plain", b"the invoice").await?;
    let backend = stack.backend().await?;
    // This message comes by the bus; those of the test above come by HTTP.
    let detail = json!({"conversationId": conversation, "type": "bot", "content": "", "attachments": [id]});
    stack.emit("ChatMessage", detail).await?;
    let heard = ann.event("chat.message").await?;
    assert_eq!(heard["data"]["attachments"][0]["state"], "checking");
    let scanned = json!({"detail-type": "GuardDuty Malware Protection Object Scan Result", "detail": {
        "s3ObjectDetails": {"bucketName": "b", "objectKey": format!("upload/{id}")},
        "scanResultDetails": {"scanResultStatus": "NO_THREATS_FOUND"}}});
    backend.put_into_queue("FilesQueue", &scanned.to_string()).await?;
    let ready = ann.event("file.ready").await?;
    assert_eq!((&ready["data"]["target"], &ready["data"]["file"]["id"]), (&heard["seq"], &json!(id)));
    assert!(stack.file_link(&ann_user, &id, "original").await?.done()?["url"].is_string());

    // Nobody is told that a file is ready that is in no message.
    let unused = stack.put_file(&User::publisher(), &channel, "text/plain", b"a draft").await?;
    let scanned = scanned.to_string().replace(&id, &unused);
    backend.put_into_queue("FilesQueue", &scanned).await?;
    eventually("the file to be examined", async || {
        let answer = stack.complete_file(&User::publisher(), &unused).await?;
        Ok((answer.done()?["state"] == "ready").then_some(()))
    })
    .await?;
    ann.silence().await?;
    let draft = file_draft("conversation:of-nobody", "text/plain", b"x");
    stack.create_file(&User::publisher(), &draft).await?.done()?;
    Ok(())
}
