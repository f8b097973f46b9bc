//! Rooms and experiences: the app's own events, from members and from its backend, exactly once and recovered like messages.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Client, Stack, User, unique};

fn vote(channel: &str, key: &str, option: u32) -> Value {
    json!({"channel": channel, "event": "app.event", "key": key,
           "data": {"name": "poll.vote", "payload": {"option": option}}})
}

async fn guest(stack: &Stack, room: &str) -> Result<(User, Client)> {
    let mut user = User::stranger();
    user.enter_room(room);
    let mut client = stack.connect(&user).await?;
    client.join(&format!("room:{room}")).await?;
    Ok((user, client))
}

#[tokio::test]
async fn in_a_room_the_apps_own_events_are_kept_once_and_its_signals_are_not() -> Result<()> {
    let stack = Stack::shared()?;
    let room = unique("room");
    let channel = format!("room:{room}");
    let (ann_user, mut ann) = guest(stack, &room).await?;
    let (_, mut bob) = guest(stack, &room).await?;
    assert_eq!(ann.event("presence.join").await?["channel"], channel);

    let sent = ann.call("send", vote(&channel, "vote-1", 2)).await?;
    let again = ann.call("send", vote(&channel, "vote-1", 2)).await?;
    assert_eq!((&sent["seq"], &sent["duplicate"], &again["seq"]), (&json!(1), &json!(false), &json!(1)));
    assert_eq!(again["duplicate"], true);
    let heard = bob.event("app.event").await?;
    assert_eq!(heard["data"], json!({"name": "poll.vote", "payload": {"option": 2}}));
    assert_eq!(heard["from"]["userId"], ann_user.id);
    let signal =
        json!({"channel": channel, "event": "app.signal", "data": {"name": "cursor", "payload": [1, 2]}});
    ann.call("send", signal).await?;
    assert_eq!(bob.event("app.signal").await?["data"]["payload"], json!([1, 2]));

    // Events of the backend, on the bus and through the outbox.
    let cue = json!({"channel": channel, "name": "stage.cue", "payload": {"slide": 4}});
    stack.emit("AppEvent", cue).await?;
    assert_eq!(ann.event("app.event").await?["data"]["name"], "stage.cue");
    let data = json!({"name": "stage.end"});
    stack.backend().await?.put_into_outbox(&unique("key"), &channel, "app.event", &data).await?;
    assert_eq!(ann.event("app.event").await?["data"], data);

    let (_, mut late) = guest(stack, &room).await?;
    let recovered = late.join_since(&channel, 0).await?;
    let names: Vec<_> =
        recovered["events"].as_array().unwrap().iter().map(|event| &event["data"]["name"]).collect();
    assert_eq!(names, ["poll.vote", "stage.cue", "stage.end"], "signals are not recovered");
    Ok(())
}

#[tokio::test]
async fn what_is_no_event_of_the_app_is_refused_with_its_field() -> Result<()> {
    let stack = Stack::shared()?;
    let room = unique("room");
    let channel = format!("room:{room}");
    let (_, mut ann) = guest(stack, &room).await?;
    let mut without_key = vote(&channel, "k", 1);
    without_key.as_object_mut().unwrap().remove("key");
    let with_data = |data: Value| {
        let mut event = vote(&channel, &unique("key"), 1);
        event["data"] = data;
        event
    };
    for (fields, code, field) in [
        (without_key, "bad_request", "key"),
        (with_data(json!({"payload": 1})), "bad_request", "data.name"),
        (with_data(json!({"name": ""})), "bad_request", "data.name"),
        (with_data(json!({"name": "a", "more": 1})), "bad_request", "data.more"),
        (with_data(json!({"name": "a", "payload": "x".repeat(16 * 1024)})), "too_large", "data.payload"),
    ] {
        let refusal = ann.refused("send", fields).await?;
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), (code, Some(field)), "{refusal:?}");
    }
    // The backend, too, publishes such events only on channels that have them.
    let mark = unique("mark");
    stack.emit("AppEvent", json!({"channel": "system", "name": mark})).await?;
    let letter = stack.backend().await?.dead_letter(&mark).await?;
    assert!(letter.to_string().contains("detail.channel"), "{letter}");
    Ok(())
}

/// Only a grant would open such a room, as it opens any other channel.
#[tokio::test]
async fn a_room_that_the_token_does_not_name_is_closed() -> Result<()> {
    let stack = Stack::shared()?;
    let mut client = stack.connect(&User::stranger()).await?;
    for channel in [format!("room:{}", unique("room")), format!("experience:{}", unique("exp"))] {
        assert_eq!(client.refused("join", json!({"channel": channel})).await?.code, "forbidden");
    }
    Ok(())
}
