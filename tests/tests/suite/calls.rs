//! Calls: a conversation has one at a time, each user is in it with one device, and it is logged once, whoever ends it.

mod access;
mod ends;
mod signals;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Client, Refusal, Stack, User, eventually, unique};

use crate::scene::{Pair, joined, pair};

/// A call in a conversation.
pub(crate) struct Call {
    pub(crate) channel: String,
    pub(crate) id: String,
}

impl Call {
    pub(crate) fn new(channel: &str) -> Self {
        Self { channel: channel.to_owned(), id: unique("call") }
    }

    fn fields(&self, change: &str, peer: &str) -> Value {
        let mut fields =
            json!({"channel": self.channel, "callId": self.id, "change": change, "peerId": peer});
        if change == "start" {
            fields["media"] = json!("video");
        }
        fields
    }

    pub(crate) async fn change(&self, client: &mut Client, change: &str, peer: &str) -> Result<Value> {
        client.call("call", self.fields(change, peer)).await
    }

    pub(crate) async fn refused(&self, client: &mut Client, change: &str, peer: &str) -> Result<Refusal> {
        client.refused("call", self.fields(change, peer)).await
    }

    /// The events of the call in the channel's log.
    pub(crate) async fn records(&self, client: &mut Client) -> Result<Vec<Value>> {
        let page = client.call("history", json!({"channel": self.channel, "limit": 100})).await?;
        let events = page["events"].as_array().context("events")?.iter();
        let is_it =
            |event: &&Value| event["event"] == "chat.call" && event["data"]["callId"] == json!(self.id);
        Ok(events.filter(is_it).cloned().collect())
    }

    /// Waits until the call is in the log, where it must be exactly once; returns the event's `data`.
    pub(crate) async fn record(&self, client: &mut Client) -> Result<Value> {
        let records = eventually("a chat.call in the log", async || {
            let records = self.records(client).await?;
            Ok((!records.is_empty()).then_some(records))
        });
        let records = records.await?;
        ensure!(records.len() == 1, "a call is in the log more than once: {records:?}");
        Ok(records[0]["data"].clone())
    }
}

/// Waits for the next `call.update` with this state; returns its `data`.
pub(crate) async fn update(client: &mut Client, state: &str) -> Result<Value> {
    loop {
        let data = client.event("call.update").await?["data"].clone();
        if data["state"] == state {
            return Ok(data);
        }
    }
}

/// The participants that a call lists, each as user id and state.
fn listed(call: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let users = call["participants"].as_array().into_iter().flatten();
    users.map(|user| (text(&user["userId"]), text(&user["state"]))).collect()
}

#[tokio::test]
async fn a_call_rings_is_accepted_and_ends() -> Result<()> {
    let Pair { channel, ann_user, bob_user, mut ann, mut bob, .. } = pair(Stack::shared()?).await?;
    ann.say(&channel, "may I call?").await?;
    bob.event("chat.message").await?;
    let call = Call::new(&channel);
    let started = call.change(&mut ann, "start", "a1").await?;
    assert_eq!((&started["state"], &started["media"]), (&json!("ringing"), &json!("video")));
    assert_eq!(started["startedBy"], json!(ann_user.id));
    let rings = bob.only("call.update").await?;
    assert_eq!((&rings["data"], &rings["channel"]), (&started, &json!(channel)));
    assert_eq!(rings["from"]["userId"], json!(ann_user.id));
    assert_eq!(call.change(&mut ann, "start", "a1").await?, started, "a repeat");

    let accepted = call.change(&mut bob, "accept", "b1").await?;
    assert_eq!(accepted["state"], "active");
    assert!(accepted["ringsUntil"].is_null() && accepted["acceptedAt"].is_string(), "{accepted}");
    assert_eq!(update(&mut ann, "active").await?, accepted);
    assert!(accepted["revision"].as_u64() > started["revision"].as_u64());
    assert_eq!(call.change(&mut bob, "accept", "b1").await?, accepted, "a repeat");

    let left = call.change(&mut ann, "leave", "a1").await?;
    assert_eq!((&left["state"], &left["outcome"]), (&json!("ended"), &json!("ended")));
    let parts = [&ann_user, &bob_user].map(|user| (user.id.clone(), "left".to_owned()));
    assert_eq!(listed(&left), parts);
    assert_eq!(update(&mut bob, "ended").await?, left);
    for device in [&mut ann, &mut bob] {
        let record = device.event("chat.call").await?;
        assert_eq!(record["seq"], 2, "after the message: {record}");
        assert_eq!(record["from"]["userId"], json!(ann_user.id));
        let data = &record["data"];
        assert_eq!((&data["callId"], &data["state"]), (&json!(call.id), &json!("ended")));
        assert!(data["durationMs"].as_u64().is_some(), "{data}");
    }

    // The call has ended, so hanging up once more changes nothing.
    assert_eq!(call.change(&mut bob, "leave", "b1").await?, left);
    assert_eq!(call.change(&mut ann, "leave", "a1").await?, left);
    assert_eq!(call.refused(&mut bob, "accept", "b2").await?.call, Some(left.clone()));
    assert_eq!(call.refused(&mut ann, "start", "a2").await?.code, "conflict", "the id is used up");
    assert_eq!(call.records(&mut ann).await?.len(), 1);
    ann.silence().await?;
    bob.silence().await?;
    let next = Call::new(&channel);
    let started = next.change(&mut bob, "start", "b3").await?;
    assert!(started["revision"].as_u64() > left["revision"].as_u64(), "revisions rise from call to call");
    let canceled = next.change(&mut bob, "leave", "b3").await?;
    let refused = call.refused(&mut ann, "start", "a3").await?;
    assert_eq!((&*refused.code, refused.call), ("conflict", Some(canceled)), "it stays used up");
    Ok(())
}

#[tokio::test]
async fn a_call_is_no_message() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, bob_user, mut ann, mut bob, .. } = pair(stack).await?;
    ann.say(&channel, "hello").await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    call.change(&mut ann, "leave", "a1").await?;
    call.record(&mut ann).await?;
    ann.say(&channel, "are you there?").await?;
    let inbox = eventually("an inbox", async || {
        let inbox = stack.ask_api(http::Method::GET, "conversations?limit=1").token(&bob_user.token()?);
        let entry = inbox.send().await?.done()?["conversations"][0].clone();
        Ok((entry["last"]["excerpt"] == "are you there?").then_some(entry))
    });
    assert_eq!(inbox.await?["unread"], 2);
    let page = json!({"channel": channel, "limit": 10, "only": "messages"});
    let page = bob.call("history", page).await?;
    let events = page["events"].as_array().into_iter().flatten();
    let names: Vec<_> = events.filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["chat.message", "chat.call", "chat.message"], "what a conversation shows");
    Ok(())
}

/// Five devices of one user accept at once. The first one is in the call, and the others are told so.
#[tokio::test(flavor = "multi_thread")]
async fn of_five_devices_that_accept_at_once_one_wins() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, bob_user, mut ann, bob, .. } = pair(stack).await?;
    let mut devices = vec![bob];
    for _ in 0..4 {
        devices.push(joined(stack, &bob_user, &channel).await?);
    }
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    let accepts = devices.iter_mut().enumerate().map(async |(n, device)| {
        let id = device.request("call", call.fields("accept", &format!("b{n}"))).await?;
        device.reply(&id).await
    });
    let outcomes: Vec<Result<Value, Refusal>> = join_all(accepts).await.into_iter().collect::<Result<_>>()?;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 4));
    let won = won[0].clone().map_err(|refusal| anyhow::anyhow!(refusal.message))?;
    for refusal in lost.into_iter().filter_map(Result::err) {
        assert_eq!(refusal.code, "conflict");
        assert_eq!(refusal.call, Some(won.clone()), "the refusal has the call that the winner is in");
    }
    for device in &mut devices {
        device.call("ping", json!({})).await?;
    }
    call.change(&mut ann, "leave", "a1").await?;
    call.record(&mut ann).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_call_each_other_one_wins_and_the_other_joins() -> Result<()> {
    let Pair { channel, mut ann, mut bob, .. } = pair(Stack::shared()?).await?;
    let (anns, bobs) = (Call::new(&channel), Call::new(&channel));
    let requests = [
        ann.request("call", anns.fields("start", "a1")).await?,
        bob.request("call", bobs.fields("start", "b1")).await?,
    ];
    let outcomes = [ann.reply(&requests[0]).await?, bob.reply(&requests[1]).await?];
    let winner = match &outcomes {
        [Ok(call), Err(refusal)] | [Err(refusal), Ok(call)] => {
            assert_eq!((&*refusal.code, refusal.call.as_ref()), ("conflict", Some(call)));
            Call { channel, id: call["callId"].as_str().unwrap_or_default().to_owned() }
        }
        _ => anyhow::bail!("{outcomes:?}"),
    };
    let (loser, peer) = if winner.id == anns.id { (&mut bob, "b1") } else { (&mut ann, "a1") };
    assert_eq!(winner.change(loser, "accept", peer).await?["state"], "active");
    assert_eq!(winner.change(loser, "leave", peer).await?["state"], "ended");
    winner.record(loser).await?;
    Ok(())
}

#[tokio::test]
async fn a_fifth_user_is_told_that_it_is_full() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let users: Vec<User> = (0..5).map(|_| User::customer_of(&company)).collect();
    let channel = stack.conversation(&company, &users.iter().collect::<Vec<_>>()).await?;
    let mut clients = Vec::new();
    for user in &users {
        clients.push(joined(stack, user, &channel).await?);
    }
    let call = Call::new(&channel);
    call.change(&mut clients[0], "start", "p0").await?;
    for (n, client) in clients.iter_mut().enumerate().take(4).skip(1) {
        call.change(client, "accept", &format!("p{n}")).await?;
    }
    let refusal = call.refused(&mut clients[4], "accept", "p4").await?;
    assert_eq!((&*refusal.code, &*refusal.message), ("conflict", "the call is full"));
    let stolen = call.refused(&mut clients[4], "accept", "p0").await?;
    assert_eq!(stolen.code, "conflict", "another user's device");
    let left = call.change(&mut clients[0], "leave", "p0").await?;
    assert_eq!(left["state"], "active", "the call goes on without the user who started it");
    assert_eq!(listed(&call.change(&mut clients[4], "accept", "p4").await?).len(), 5);
    for (n, client) in clients.iter_mut().enumerate().skip(1) {
        call.change(client, "leave", &format!("p{n}")).await?;
    }
    assert_eq!(call.record(&mut clients[0]).await?["state"], "ended");
    Ok(())
}

#[tokio::test]
async fn fields_that_do_not_go_together_are_refused() -> Result<()> {
    let Pair { channel, mut ann, .. } = pair(Stack::shared()?).await?;
    let call = Call::new(&channel);
    for (change, field, value, at) in [
        ("start", "media", json!(null), "media"),
        ("start", "media", json!("smell"), "media"),
        ("start", "reason", json!("busy"), "reason"),
        ("accept", "media", json!("audio"), "media"),
        ("decline", "reason", json!("failed"), "reason"),
        ("leave", "reason", json!("busy"), "reason"),
        ("start", "peerId", json!("a b"), "peerId"),
        ("start", "callId", json!(""), "callId"),
        ("start", "volume", json!(11), "volume"),
        ("hold", "media", json!(null), "change"),
    ] {
        let mut fields = call.fields(change, "a1");
        fields[field] = value;
        let refusal = ann.refused("call", fields).await?;
        assert_eq!((&*refusal.code, refusal.field.as_deref()), ("bad_request", Some(at)), "{change} {field}");
    }
    for change in ["accept", "decline", "leave"] {
        assert_eq!(call.refused(&mut ann, change, "a1").await?.code, "not_found", "{change}");
    }
    Ok(())
}
