//! Chat events: what the app's backend hears of conversations, here at a URL of its own.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Asked, Client, Outside, Stack, User, eventually, unique};

use crate::scene::{Pair, joined, pair};

const PATH: &str = "/api/chat-events";
const SECRET: &str = "funnelcast/test/chat-events";

/// A stack that posts its chat events to `app`.
fn heard_by(app: &Outside) -> Result<Option<Stack>> {
    let parameters = [
        "ChatEvents=on".to_owned(),
        format!("ChatEventsUrl={}", app.url(PATH)),
        format!("ChatEventsKeySecret={SECRET}"),
    ];
    let secret = format!("{SECRET}=open sesame");
    let mut options = vec!["--secret", &secret];
    options.extend(parameters.iter().flat_map(|parameter| ["--parameter", parameter]));
    Stack::private(&options)
}

/// Waits for the first event of this type, in this conversation, with data that `is_it` accepts.
async fn heard(app: &Outside, of: &str, channel: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
    let conversation = channel.trim_start_matches("conversation:");
    eventually(of, async || {
        let mut all = app.asked(PATH).into_iter().map(|asked| asked.body);
        Ok(all.find(|body| {
            let detail = &body["detail"];
            body["detail-type"] == of
                && detail["conversationId"] == conversation
                && is_it(&detail["event"]["data"])
        }))
    })
    .await
}

/// Sends a durable event, under a key of its own.
async fn log(client: &mut Client, channel: &str, event: &str, data: Value) -> Result<()> {
    let fields = json!({"channel": channel, "event": event, "key": unique("key"), "data": data});
    client.call("send", fields).await.map(drop)
}

#[tokio::test]
async fn the_backend_hears_what_happens_in_conversations() -> Result<()> {
    let app = Outside::start().await?;
    let Some(stack) = heard_by(&app)? else { return Ok(()) };
    app.answers(PATH, 500, Value::Null)?; // the app is down at first
    let Pair { company, channel, ann_user, bob_user, mut ann, mut bob, .. } = pair(&stack).await?;
    let sent = ann.say_as("k1", &channel, "hello").await?;
    let received = bob.event("chat.message").await?;
    eventually("a first try", async || Ok((app.times_asked(PATH) > 0).then_some(()))).await?;
    app.answers(PATH, 204, Value::Null)?;
    let again = eventually("a second try", async || Ok(app.asked(PATH).into_iter().nth(1))).await?;
    let Asked { headers, body, .. } = again;
    assert_eq!(headers["funnelcast-key"], "open sesame");
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(
        (&body["source"], &body["detail-type"]),
        (&json!("funnelcast.chat"), &json!("MessageCreated"))
    );
    let mut participants = [&*ann_user.id, &*bob_user.id];
    participants.sort_unstable();
    let detail = json!({"conversationId": channel.trim_start_matches("conversation:"), "companyId": company,
        "participants": participants, "event": received});
    assert_eq!(body["detail"], detail, "the event as members receive it");

    let reply = json!({"content": "hi", "replyTo": sent["seq"]});
    log(&mut bob, &channel, "chat.message", reply).await?;
    let quoting = heard(&app, "MessageCreated", &channel, |data| data["content"] == "hi").await?;
    assert_eq!(quoting["detail"]["event"]["data"]["replyTo"]["excerpt"], "hello");
    let target = &sent["seq"];
    log(&mut bob, &channel, "chat.reaction", json!({"target": target, "emoji": "👍", "on": true})).await?;
    heard(&app, "ReactionChanged", &channel, |data| data["emoji"] == "👍").await?;
    log(&mut ann, &channel, "chat.edit", json!({"target": target, "content": "hello!"})).await?;
    heard(&app, "MessageEdited", &channel, |data| data["content"] == "hello!").await?;
    log(&mut ann, &channel, "chat.delete", json!({"target": target})).await?;
    heard(&app, "MessageDeleted", &channel, |data| data["target"] == *target).await?;
    stack
        .emit(
            "ChatMessage",
            json!({"conversationId": detail["conversationId"], "type": "bot", "content": "beep",
            "userId": "bot"}),
        )
        .await?;
    heard(&app, "MessageCreated", &channel, |data| data["content"] == "beep").await?;
    let types = app.asked(PATH).into_iter().map(|asked| asked.body["detail-type"].clone());
    assert!(!types.into_iter().any(|of| of == "MessageUnanswered"), "both are connected");

    // An event that the app refuses for good goes to the dead-letter queue.
    app.answers(PATH, 422, Value::Null)?;
    ann.say(&channel, "refused").await?;
    let letter = stack.backend().await?.dead_letter("refused").await?;
    assert_eq!(letter["detail-type"], "MessageCreated");
    Ok(())
}

/// Of several messages, only those that nobody has seen are reported: none of their recipients was connected then or soon
/// afterwards.
#[tokio::test]
async fn the_backend_hears_of_messages_that_nobody_has_seen() -> Result<()> {
    let app = Outside::start().await?;
    let Some(stack) = heard_by(&app)? else { return Ok(()) };
    app.answers(PATH, 204, Value::Null)?;
    let company = unique("biz");
    let users = ["ann", "bob", "eve", "kim"].map(|_| User::customer_of(&company));
    let [ann_user, bob_user, eve_user, kim_user] = &users;
    let absent = stack.conversation(&company, &[ann_user, bob_user]).await?;
    let elsewhere = stack.conversation(&company, &[ann_user, eve_user]).await?;
    let back = stack.conversation(&company, &[ann_user, kim_user]).await?;
    let support = stack.conversation(&company, &[ann_user]).await?;
    let read = stack.conversation(&company, &[ann_user, kim_user]).await?;
    // Sam is of the team, and joins its inbox later; the bot is a participant whose messages the backend sends.
    let (sam_user, bot) = (User::admin_of(&company), User::customer_of(&company));
    let staffed = stack.conversation(&company, &[ann_user, &sam_user]).await?;
    let by_bot = stack.conversation(&company, &[ann_user, &bot]).await?;
    let spoken = stack.conversation(&company, &[eve_user, bob_user]).await?;
    // Pip has no socket, and sends a receipt by HTTP.
    let pip_user = User::customer_of(&company);
    let polled = stack.conversation(&company, &[ann_user, &pip_user]).await?;
    // Mel is connected but banned, and Nat is not connected, so nobody sees the message to them.
    let (mel_user, nat_user) = (User::customer_of(&company), User::customer_of(&company));
    let banned = stack.conversation(&company, &[ann_user, &mel_user, &nat_user]).await?;
    let ban = json!({"conversationId": banned.trim_start_matches("conversation:"), "userId": mel_user.id, "restriction": "ban"});
    stack.emit("Moderation", ban).await?;
    let mut ann = stack.connect(ann_user).await?;
    for channel in [&absent, &elsewhere, &back, &support, &read, &staffed, &by_bot, &polled, &banned] {
        ann.join(channel).await?;
    }
    let mut mel = joined(&stack, &mel_user, &mel_user.channel()).await?;
    eventually("the ban", async || {
        let request = mel.request("join", json!({"channel": banned})).await?;
        Ok(mel.reply(&request).await?.is_err().then_some(()))
    })
    .await?;
    for (channel, text) in
        [(&support, "for the team"), (&staffed, "for sam"), (&by_bot, "for the bot"), (&banned, "for nat")]
    {
        ann.say(channel, text).await?;
    }
    // Sam connects only now. The team was not there when the first message came, but soon afterwards, so that it counts as seen.
    eventually("the chat events of these messages", async || {
        Ok(app
            .asked(PATH)
            .iter()
            .any(|asked| asked.body["detail"]["event"]["data"]["content"] == "for nat")
            .then_some(()))
    })
    .await?;
    let mut sam = joined(&stack, &sam_user, &format!("inbox:{company}")).await?;
    ann.say(&support, "for the team, which is here").await?;
    sam.event("inbox.update").await?;
    let said = |channel: &str, user: &User, kind: &str, text: &str| json!({"conversationId": channel.trim_start_matches("conversation:"), "type": kind, "userId": user.id, "content": text});
    stack.emit("ChatMessage", said(&by_bot, &bot, "bot", "an answer")).await?;
    let _eve = joined(&stack, eve_user, &eve_user.channel()).await?;
    // The backend sends a message of Eve's, who is connected, to Bob, who is not.
    stack.emit("ChatMessage", said(&spoken, eve_user, "user", "for bob by eve")).await?;
    for (channel, text) in [
        (&absent, "for bob"),
        (&elsewhere, "for eve"),
        (&back, "for kim"),
        (&read, "kim, too"),
        (&polled, "for pip"),
    ] {
        ann.say(channel, text).await?;
    }
    let received = json!({"channel": polled, "seq": 1, "state": "delivered"});
    stack.post(&pip_user, "receipts", &received).await?.done()?;
    let deleted = ann.say(&absent, "deleted").await?;
    let edited = ann.say(&absent, "edited").await?;
    log(&mut ann, &absent, "chat.delete", json!({"target": deleted["seq"]})).await?;
    log(&mut ann, &absent, "chat.edit", json!({"target": edited["seq"], "content": "edited!"})).await?;
    // Kim acks one message and disconnects, and replies to the other one by HTTP: both count as seen without a connection.
    let mut kim = joined(&stack, kim_user, &back).await?;
    let ack = json!({"channel": back, "seq": 1, "state": "read"});
    kim.call("ack", ack).await?;
    kim.close().await?;
    let answer = stack.post_chat(kim_user, &read, "k1", "got it").await?;
    answer.done()?;

    // Recipients have half a minute, which is longer than `eventually` waits.
    let is_told = async || {
        Ok(app.asked(PATH).iter().any(|asked| asked.body["detail-type"] == "MessageUnanswered").then_some(()))
    };
    while eventually("a first MessageUnanswered", is_told).await.is_err() {}
    let told = heard(&app, "MessageUnanswered", &absent, |data| data["content"] == "edited!").await?;
    assert_eq!(told["detail"]["event"]["from"]["userId"], *ann_user.id);
    let told = heard(&app, "MessageUnanswered", &absent, |data| data["content"] == "for bob").await?;
    assert_eq!(told["detail"]["recipients"], json!([bob_user.id]));
    heard(&app, "MessageUnanswered", &spoken, |data| data["content"] == "for bob by eve").await?;
    let told = heard(&app, "MessageUnanswered", &banned, |data| data["content"] == "for nat").await?;
    assert_eq!(told["detail"]["recipients"], json!([nat_user.id]), "a banned user may not read the message");
    let unanswered = app.asked(PATH).into_iter().map(|asked| asked.body);
    let unanswered = unanswered.filter(|body| body["detail-type"] == "MessageUnanswered");
    let mut texts: Vec<_> =
        unanswered.map(|body| body["detail"]["event"]["data"]["content"].clone()).collect();
    texts.sort_by_key(ToString::to_string);
    texts.dedup();
    assert_eq!(texts, ["edited!", "for bob by eve", "for bob", "for nat"]);
    Ok(())
}
