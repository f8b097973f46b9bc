//! The app's own function is asked before a user's message is published, and may allow, change or refuse it.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Outside, Stack};

use crate::scene::{Pair, pair};

const PATH: &str = "/review";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:review";

/// A stack whose messages are reviewed by a function for which `app` answers.
fn reviewed(app: &Outside, on_failure: &str) -> Result<Option<Stack>> {
    let (function, failure) = (format!("ReviewFunction={ARN}"), format!("ReviewFailure={on_failure}"));
    let own = format!("review={}", app.url(PATH));
    Stack::private(&["--parameter", &function, "--parameter", &failure, "--function", &own])
}

#[tokio::test]
async fn a_message_is_kept_as_the_function_says() -> Result<()> {
    let app = Outside::start().await?;
    let Some(stack) = reviewed(&app, "closed")? else { return Ok(()) };
    let Pair { company, channel, ann_user, mut ann, mut bob, .. } = pair(&stack).await?;
    let answers = |verdict: Value| app.answers(PATH, 200, verdict);
    answers(json!({"allow": true}))?;
    let first = ann.say_as("k1", &channel, "hello").await?;
    assert_eq!(bob.event("chat.message").await?["data"]["content"], "hello");
    let mut question = app.last_asked(PATH).unwrap_or_default();
    assert_eq!(question["data"].take()["content"], "hello");
    let id = channel.trim_start_matches("conversation:");
    assert_eq!(
        question,
        json!({"conversationId": id, "companyId": company, "event": "chat.message", "userId": ann_user.id,
            "name": ann_user.name, "key": "k1", "data": null})
    );

    answers(json!({"change": {"content": "*****", "metadata": {"changed": true}}}))?;
    let changed = ann.say_as("k2", &channel, "darn!").await?;
    assert_eq!(changed["data"]["content"], "*****");
    let heard = bob.event("chat.message").await?;
    assert_eq!(
        (&heard["data"]["content"], &heard["data"]["metadata"]),
        (&json!("*****"), &json!({"changed": true}))
    );
    let asked = app.times_asked(PATH);
    assert_eq!(ann.say_as("k2", &channel, "darn!").await?["duplicate"], true);
    assert_eq!(app.times_asked(PATH), asked, "a duplicate is not reviewed again");

    answers(json!({"refuse": "no links"}))?;
    let refused = stack.post_chat(&ann_user, &channel, "k3", "http://a.example").await?;
    assert_eq!(
        (refused.refused()?, &refused.body["error"]["reason"]),
        ((403, "refused"), &json!("no links"))
    );
    let edit = json!({"channel": channel, "event": "chat.edit", "key": "k4",
        "data": {"target": first["seq"], "content": "http://a.example"}});
    assert_eq!(ann.refused("send", edit.clone()).await?.code, "refused");

    // The function fails, and the same message is sent again when it works.
    app.answers(PATH, 500, Value::Null)?;
    assert_eq!(ann.refused("send", edit.clone()).await?.code, "internal");
    answers(json!({"statusCode": 200}))?;
    assert_eq!(ann.refused("send", edit.clone()).await?.code, "internal", "not a valid answer");
    let asked = app.times_asked(PATH);
    ann.send(&channel, "chat.typing", json!({"isTyping": true})).await?;
    let reaction = json!({"channel": channel, "event": "chat.reaction", "key": "k5",
        "data": {"target": first["seq"], "emoji": "👍", "on": true}});
    ann.call("send", reaction).await?;
    let detail = json!({"conversationId": id, "type": "system", "content": "from the backend"});
    stack.emit("ChatMessage", detail).await?;
    bob.event("chat.message").await?;
    assert_eq!(app.times_asked(PATH), asked, "only what users write is reviewed");
    answers(json!({"allow": true}))?;
    ann.call("send", edit).await?;
    Ok(())
}

#[tokio::test]
async fn a_function_that_is_silent_lets_messages_pass_if_it_is_to() -> Result<()> {
    let app = Outside::start().await?;
    let Some(stack) = reviewed(&app, "open")? else { return Ok(()) };
    let Pair { channel, mut ann, mut bob, .. } = pair(&stack).await?;
    app.answers(PATH, 200, json!({"refuse": "too late"}))?;
    let _held = app.hold(PATH);
    ann.say(&channel, "hello?").await?;
    assert_eq!(bob.event("chat.message").await?["data"]["content"], "hello?");
    assert_eq!(app.times_asked(PATH), 1);
    Ok(())
}
