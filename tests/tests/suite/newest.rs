//! The newest change or value wins, by its own time, even where the bus delivers late or twice, or a producer's clock is wrong.

use std::time::Duration;

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Stack, User, events, eventually, time_from_now, unique};

use crate::scene::{joined, pair};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const NOT_AHEAD: Duration = Duration::ZERO;

/// The time this many seconds from now.
fn seconds(from_now: i64) -> String {
    time_from_now(from_now * 1_000)
}

fn funnel(company: &str, kind: &str, progress: u8, timestamp: &str) -> Value {
    json!({"type": kind, "funnelId": "f1", "funnelName": "Spring", "progress": progress, "timestamp": timestamp,
        "userId": "user_1", "companyId": company})
}

#[tokio::test]
async fn a_late_update_does_not_take_a_funnel_back() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let channel = format!("funnel_updates:{company}");
    let mut client = joined(stack, &User::admin_of(&company), &channel).await?;
    let later = seconds(0);
    for (kind, progress, timestamp, latest) in [
        ("generation_completed", 100, later.as_str(), 100),
        ("generation_progress", 90, &seconds(-5), 100),
        ("deployed", 100, &later, 100), // of two with the same time, the one with the higher seq counts
    ] {
        stack.emit("FunnelUpdate", funnel(&company, kind, progress, timestamp)).await?;
        client.event("funnel.update").await?; // so it is in the log, and its value is kept
        let reply = client.join(&channel).await?;
        assert_eq!(events(&reply, "latest")[0]["data"]["progress"], latest, "{kind}");
    }
    let reply = client.join(&channel).await?;
    assert_eq!(events(&reply, "latest")[0]["data"]["type"], "deployed");
    assert_eq!(reply["head"], 3, "a late update is in the log all the same");
    Ok(())
}

/// Otherwise the value would stay the latest for an hour.
#[tokio::test]
async fn a_value_of_the_future_counts_as_now() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (funnels, metrics) = (format!("funnel_updates:{company}"), format!("analytics:{company}"));
    let mut client = joined(stack, &User::admin_of(&company), &funnels).await?;
    client.join(&metrics).await?;
    for (n, ahead) in [(1, 3_600), (2, 0)] {
        stack.emit("FunnelUpdate", funnel(&company, "generation_progress", n, &seconds(ahead))).await?;
        client.event("funnel.update").await?;
        let metric = json!({"metric": "m", "value": n, "timestamp": seconds(ahead), "companyId": company});
        stack.emit("AnalyticsUpdate", metric).await?;
        client.event("analytics.update").await?;
    }
    assert_eq!(events(&client.join(&funnels).await?, "latest")[0]["data"]["progress"], 2);
    assert_eq!(events(&client.join(&metrics).await?, "latest")[0]["data"]["value"], 2);
    Ok(())
}

/// A conversation change with these participants, and with the fields of `of`.
fn change(id: &str, company: &str, participants: &[&User], of: &Value) -> Value {
    let participants: Vec<_> = participants.iter().map(|user| &user.id).collect();
    let mut change = json!({"conversationId": id, "companyId": company, "participants": participants});
    for (name, value) in of.as_object().into_iter().flatten() {
        change[name] = value.clone();
    }
    change
}

/// Makes a backend's request about a conversation, with the change if the request sets it.
async fn ask(
    stack: &Stack,
    company: &str,
    method: Method,
    path: &str,
    change: Option<Value>,
) -> Result<Answer> {
    let path = format!("conversations/{path}");
    let mut request = stack.ask_api(method, &path).token(&User::backend_of(company).token()?);
    if let Some(Value::Object(mut body)) = change {
        body.remove("conversationId"); // it is in the path
        request = request.body(&Value::Object(body).to_string());
    }
    request.send().await
}

async fn wait_for(stack: &Stack, company: &str, id: &str, participants: &[&User]) -> Result<()> {
    let participants: Vec<_> = participants.iter().map(|user| &user.id).collect();
    eventually(&format!("{id} to have {participants:?}"), async || {
        let now = ask(stack, company, Method::GET, id, None).await?.done().ok();
        Ok(now.filter(|now| now["participants"] == json!(participants)).map(drop))
    })
    .await
}

/// Pairs of an older and a newer version of a conversation change: by their times, and by their revisions.
fn versions() -> [[Value; 2]; 2] {
    [
        [json!({"timestamp": seconds(-2)}), json!({"timestamp": seconds(-1)})],
        [json!({"revision": 7, "timestamp": seconds(-1)}), json!({"revision": 8, "timestamp": seconds(-2)})],
    ]
}

/// The bus keeps no order, and its times are whole seconds.
#[tokio::test]
async fn of_two_changes_in_one_call_the_newer_stands() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann, bob) = (User::customer_of(&company), User::customer_of(&company));
    for [older, newer] in [versions(), versions()].concat() {
        let id = unique("conv");
        let both = [change(&id, &company, &[&ann, &bob], &older), change(&id, &company, &[&ann], &newer)];
        stack.backend().await?.emit_all("Conversation", &both, NOT_AHEAD).await?;
        wait_for(stack, &company, &id, &[&ann]).await?;
    }
    Ok(())
}

/// The bus answers nobody, so a change that is refused goes to the dead-letter queue, with the reason.
#[tokio::test]
async fn a_change_that_comes_late_changes_nothing_and_is_refused() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    for [older, newer] in versions() {
        let (id, ann, late) = (unique("conv"), User::customer_of(&company), User::customer_of(&company));
        stack.emit("Conversation", change(&id, &company, &[&ann], &newer)).await?;
        wait_for(stack, &company, &id, &[&ann]).await?;
        stack.emit("Conversation", change(&id, &company, &[&late], &older)).await?;
        let letter = stack.backend().await?.dead_letter(&late.id).await?.to_string();
        assert!(letter.contains("a newer change has already been applied"), "{letter}");
        wait_for(stack, &company, &id, &[&ann]).await?;
    }
    Ok(())
}

/// A producer may take its local time for UTC, in a zone that is ahead.
#[tokio::test]
async fn a_producer_an_hour_ahead_keeps_nobody_from_changing_a_conversation() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let id = pair.channel.trim_start_matches("conversation:").to_owned();
    let (company, ann, bob) = (&pair.company, &pair.ann_user, &pair.bob_user);
    let backend = stack.backend().await?;
    let cy = User::customer_of(company);
    backend.emit_all("Conversation", &[change(&id, company, &[ann, bob, &cy], &json!({}))], HOUR).await?;
    let mut third = stack.connect(&cy).await?;
    eventually("the third to be let in", async || {
        let request = third.request("join", json!({"channel": pair.channel})).await?;
        Ok(third.reply(&request).await?.ok())
    })
    .await?;

    stack.emit("Conversation", change(&id, company, &[ann, bob], &json!({}))).await?;
    third.only("access.revoked").await?;
    let without_bob = change(&id, company, &[ann], &json!({}));
    ask(stack, company, Method::PUT, &id, Some(without_bob)).await?.done()?;
    pair.bob.only("access.revoked").await?;
    Ok(())
}

#[tokio::test]
async fn who_sends_a_stale_change_is_told_what_stands() -> Result<()> {
    let stack = Stack::shared()?;
    let (company, id) = (unique("biz"), unique("conv"));
    let put = async |of: Value| {
        let change = change(&id, &company, &[], &of);
        ask(stack, &company, Method::PUT, &id, Some(change)).await
    };
    for _ in 0..2 {
        put(json!({"revision": 8, "timestamp": seconds(-60)})).await?.done()?; // the same change again is no conflict
    }
    let delete = async |revision: u64| {
        ask(stack, &company, Method::DELETE, &format!("{id}?revision={revision}"), None).await
    };
    for stale in [put(json!({"revision": 7})).await?, delete(7).await?] {
        assert_eq!(stale.refused()?, (409, "conflict"));
        let message = stale.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("revision 8"), "{message}");
    }
    assert_eq!(put(json!({"timestamp": seconds(-3_600)})).await?.refused()?, (409, "conflict"));
    put(json!({})).await?.done()?; // it has neither a revision nor a time, so it is the newest
    assert_eq!(delete(8).await?.done()?, json!({"conversationId": id}));
    Ok(())
}

/// Every event is delivered twice, the second time after more events have come than an append looks back on by count.
#[tokio::test]
async fn repeats_by_a_clock_that_is_ahead_are_one_message() -> Result<()> {
    const MESSAGES: usize = 40;
    let options = ["--fault", "duplicated=1", "--fault", "delayed=1", "--delay-ms-max", "2000"];
    let Some(stack) = Stack::private(&options)? else { return Ok(()) };
    for ahead in [2 * MINUTE, HOUR] {
        let pair = pair(&stack).await?;
        let (mut ann, id) = (pair.ann, pair.channel.trim_start_matches("conversation:"));
        let messages: Vec<_> = (0..MESSAGES)
            .map(|n| json!({"conversationId": id, "type": "system", "content": n.to_string()}))
            .collect();
        for batch in messages.chunks(10) {
            stack.backend().await?.emit_all("ChatMessage", batch, ahead).await?;
        }
        // Every delivery posts to both members, even that of a repeat.
        for _ in 0..2 * MESSAGES {
            ann.event("chat.message").await?;
        }
        let log = ann.join_since(&pair.channel, 0).await?;
        assert_eq!(log["head"], MESSAGES, "{ahead:?}");
    }
    Ok(())
}
