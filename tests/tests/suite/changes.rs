//! Edits, deletions, reactions and replies: what members receive, what the history shows afterwards, and who may make them.

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::{Client, Stack, User, events, unique};

use crate::scene::{joined, pair};

async fn history(client: &mut Client, channel: &str) -> Result<Vec<Value>> {
    let page = client.call("history", json!({"channel": channel, "limit": 100})).await?;
    Ok(page["events"].as_array().cloned().unwrap_or_default())
}

/// Sends a durable event, under a key of its own.
async fn write(client: &mut Client, channel: &str, event: &str, data: Value) -> Result<Value> {
    let fields = json!({"channel": channel, "event": event, "key": unique("k"), "data": data});
    client.call("send", fields).await
}

fn edit(target: u64, content: &str) -> Value {
    json!({"target": target, "content": content})
}

fn reaction(target: u64, emoji: &str, on: bool) -> Value {
    json!({"target": target, "emoji": emoji, "on": on})
}

#[tokio::test]
async fn a_changed_message_is_shown_as_it_is_now_and_its_changes_are_recovered() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let channel = pair.channel.clone();
    pair.ann.say(&channel, "helo").await?;
    pair.bob.only("chat.message").await?;

    let sent = write(&mut pair.ann, &channel, "chat.edit", edit(1, "hello")).await?;
    let edited = pair.bob.only("chat.edit").await?;
    assert_eq!((&sent["seq"], &edited["seq"], &edited["data"]), (&json!(2), &json!(2), &edit(1, "hello")));
    assert_eq!((&sent["data"], &sent["from"]), (&edited["data"], &edited["from"]), "what the sender is told");

    let sent = write(&mut pair.bob, &channel, "chat.reaction", reaction(1, "👍", true)).await?;
    let reacted = pair.ann.only("chat.reaction").await?;
    let of_bob = json!({"target": 1, "on": true, "emoji": "👍", "count": 1, "users": [pair.bob_user.id]});
    assert_eq!((&reacted["data"], &sent["data"]), (&of_bob, &of_bob));

    let message = &history(&mut pair.bob, &channel).await?[0];
    assert_eq!((&message["seq"], &message["data"]["content"]), (&json!(1), &json!("hello")));
    assert_eq!(message["data"]["editedAt"], edited["at"]);
    assert_eq!(
        message["data"]["reactions"],
        json!([{"emoji": "👍", "count": 1, "users": [pair.bob_user.id]}])
    );
    let again = pair.bob.join_since(&channel, 0).await?;
    assert_eq!(again["events"][0]["data"], message["data"], "a join shows it in the same way");
    assert_eq!(events(&again, "events").len(), 3);

    write(&mut pair.ann, &channel, "chat.delete", json!({"target": 1})).await?;
    let deleted = pair.bob.only("chat.delete").await?;
    let all = history(&mut pair.ann, &channel).await?;
    let data = &all[0]["data"];
    assert_eq!((&data["content"], &data["deletedAt"], &data["n"]), (&json!(""), &deleted["at"], &json!(1)));
    assert_eq!(data.get("reactions"), None);
    assert_eq!(all[1]["data"], json!({"target": 1}), "the content of the edit is gone as well");
    let refusal =
        json!({"channel": channel, "event": "chat.edit", "key": unique("k"), "data": edit(1, "back")});
    assert_eq!(pair.ann.refused("send", refusal).await?.code, "not_found");
    Ok(())
}

#[tokio::test]
async fn who_may_edit_and_delete_whose_messages() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let channel = pair.channel.clone();
    let (admin, outsider) = (User::admin_of(&pair.company), User::customer_of(&pair.company));
    let mut team = joined(stack, &admin, &channel).await?;
    let mut stranger = stack.connect(&outsider).await?;
    for content in ["one", "two", "three"] {
        pair.ann.say(&channel, content).await?;
    }
    let change = |event: &str, data: Value| json!({"channel": channel, "event": event, "key": unique("k"), "data": data});
    for (event, data) in [("chat.edit", edit(1, "x")), ("chat.delete", json!({"target": 1}))] {
        assert_eq!(pair.bob.refused("send", change(event, data.clone())).await?.code, "forbidden", "{event}");
        assert_eq!(stranger.refused("send", change(event, data)).await?.code, "not_joined", "{event}");
    }
    assert_eq!(
        team.refused("send", change("chat.edit", edit(1, "x"))).await?.code,
        "forbidden",
        "only the author may edit a message"
    );
    let nothing = stranger.refused("send", change("chat.delete", json!({"target": 99}))).await?;
    assert_eq!(nothing.code, "not_joined", "a stranger does not learn whether a message exists");
    assert_eq!(pair.ann.refused("send", change("chat.edit", edit(99, "x"))).await?.code, "not_found");

    write(&mut team, &channel, "chat.delete", json!({"target": 1})).await?;
    let by_http = change("chat.delete", json!({"target": 2}));
    stack.post(&admin, "messages", &by_http).await?.done()?;
    let refused =
        stack.post(&pair.bob_user, "messages", &change("chat.delete", json!({"target": 3}))).await?;
    assert_eq!(refused.refused()?.1, "forbidden");
    stack.post(&pair.ann_user, "messages", &change("chat.edit", edit(3, "by HTTP"))).await?.done()?;
    let all = history(&mut pair.bob, &channel).await?;
    let contents: Vec<_> = all.iter().take(3).map(|event| event["data"]["content"].clone()).collect();
    assert_eq!(contents, ["", "", "by HTTP"]);
    Ok(())
}

#[tokio::test]
async fn a_change_that_is_repeated_is_made_once() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    pair.ann.say(&pair.channel, "hello").await?;
    pair.bob.only("chat.message").await?;
    let fields = json!({"channel": pair.channel, "event": "chat.delete", "key": "k1", "base": 1, "data": {"target": 1}});
    let first = pair.ann.call("send", fields.clone()).await?;
    let again = pair.ann.call("send", fields).await?;
    assert_eq!((&first["seq"], &first["duplicate"]), (&json!(2), &json!(false)));
    assert_eq!((&again["seq"], &again["duplicate"]), (&json!(2), &json!(true)));
    let last = pair.ann.say(&pair.channel, "the end").await?;
    assert_eq!(last["seq"], 3);
    Ok(())
}

#[tokio::test]
async fn reactions_of_all_count_and_have_their_limits() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let channel = pair.channel.clone();
    pair.ann.say(&channel, "vote").await?;
    pair.bob.only("chat.message").await?;
    for n in 0..10 {
        let (by_ann, by_bob) = (reaction(1, &format!("a{n}"), true), reaction(1, &format!("b{n}"), true));
        tokio::try_join!(
            write(&mut pair.ann, &channel, "chat.reaction", by_ann),
            write(&mut pair.bob, &channel, "chat.reaction", by_bob),
        )?;
    }
    let one_more =
        json!({"channel": channel, "event": "chat.reaction", "key": "k1", "data": reaction(1, "more", true)});
    let refusal = pair.ann.refused("send", one_more).await?;
    assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("bad_request", Some("data.emoji")));
    let share =
        json!({"channel": channel, "event": "chat.reaction", "key": "k2", "data": reaction(1, "b0", true)});
    let refusal = pair.ann.refused("send", share.clone()).await?;
    assert_eq!(refusal.field.as_deref(), Some("data.emoji"), "one user has 10 at most");
    write(&mut pair.ann, &channel, "chat.reaction", reaction(1, "a0", false)).await?;
    pair.ann.call("send", share).await?;
    write(&mut pair.bob, &channel, "chat.reaction", reaction(1, "b0", false)).await?;
    let message = history(&mut pair.ann, &channel).await?.swap_remove(0);
    let reactions = message["data"]["reactions"].as_array().cloned().unwrap_or_default();
    assert_eq!(reactions.len(), 19);
    let of_ann = reactions.iter().find(|reaction| reaction["emoji"] == "b0");
    assert_eq!(of_ann, Some(&json!({"emoji": "b0", "count": 1, "users": [pair.ann_user.id]})));
    Ok(())
}

#[tokio::test]
async fn a_reply_quotes_and_a_mention_names_who_takes_part() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let channel = pair.channel.clone();
    pair.ann.say(&channel, "Which plan?").await?;
    let draft = json!({"content": "The large one", "replyTo": 1, "mentions": [pair.ann_user.id]});
    let sent = write(&mut pair.bob, &channel, "chat.message", draft).await?;
    let heard = pair.ann.event("chat.message").await?;
    let quote = json!({"seq": 1, "userId": pair.ann_user.id, "excerpt": "Which plan?"});
    assert_eq!((&heard["data"]["replyTo"], &heard["data"]["n"]), (&quote, &json!(2)));
    assert_eq!(heard["data"]["mentions"], json!([pair.ann_user.id]));
    assert_eq!(sent["data"], heard["data"], "the sender is told what the others hear");

    let refused = async |client: &mut Client, data: Value| {
        let fields = json!({"channel": channel, "event": "chat.message", "key": unique("k"), "data": data});
        client.refused("send", fields).await
    };
    for (data, field) in [
        (json!({"content": "x", "replyTo": 9}), "data.replyTo"),
        (json!({"content": "x", "mentions": [pair.bob_user.id, "user_nobody"]}), "data.mentions[1]"),
    ] {
        let refusal = refused(&mut pair.ann, data).await?;
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("bad_request", Some(field)));
    }
    // A user of the team is not a participant, but has been in the conversation, and so may be mentioned.
    let admin = User::admin_of(&pair.company);
    let _team = joined(stack, &admin, &channel).await?;
    write(&mut pair.ann, &channel, "chat.message", json!({"content": "help", "mentions": [admin.id]}))
        .await?;

    write(&mut pair.ann, &channel, "chat.edit", edit(1, "Which of the plans?")).await?;
    let all = history(&mut pair.bob, &channel).await?;
    assert_eq!(all[1]["data"]["replyTo"]["excerpt"], "Which of the plans?", "the quote follows the edit");
    let page = json!({"channel": channel, "limit": 2, "only": "messages"});
    let messages = pair.bob.call("history", page).await?;
    let seqs: Vec<_> = events(&messages, "events").iter().map(|event| event["seq"].clone()).collect();
    assert_eq!((seqs, &messages["more"]), (vec![json!(2), json!(3)], &json!(true)));
    Ok(())
}

#[tokio::test]
async fn the_backend_edits_its_own_and_deletes_anything() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let id = pair.channel.trim_start_matches("conversation:");
    pair.ann.say(&pair.channel, "hello").await?;
    pair.bob.only("chat.message").await?;
    let detail = |kind: &str, detail: Value| {
        let mut detail = detail;
        detail["conversationId"] = json!(id);
        json!({"type": kind, "detail": detail})
    };
    let events = json!([
        detail("ChatMessage", json!({"type": "system", "content": "Genrating"})),
        detail("ChatEdit", json!({"target": 2, "content": "Generating"})),
        detail("ChatReaction", json!({"target": 1, "emoji": "👀", "on": true, "userId": pair.bob_user.id})),
        detail("ChatEdit", json!({"target": 1, "content": "not its own"})),
        detail("ChatDelete", json!({"target": 9})),
        detail("ChatDelete", json!({"target": 1})),
        detail("ChatReaction", json!({"target": 1, "emoji": "", "on": true})),
    ]);
    let request = stack.ask_api(Method::POST, "publish").token(&User::publisher().token()?);
    let reply = request.body(&json!({"events": events}).to_string()).send().await?.done()?;
    let outcomes: Vec<_> = reply["results"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|result| {
            let error = &result["error"];
            if error.is_null() { result["seq"].clone() } else { json!([error["code"], error["field"]]) }
        })
        .collect();
    assert_eq!(
        json!(outcomes),
        json!([2, 3, 4, ["forbidden", null], ["not_found", null], 5, ["bad_request", "detail.emoji"]])
    );
    for event in ["chat.message", "chat.edit", "chat.reaction", "chat.delete"] {
        assert_eq!(pair.bob.event(event).await?.get("from"), None, "{event} has no sender");
    }
    stack.emit("ChatDelete", json!({"conversationId": id, "target": 2})).await?;
    assert_eq!(pair.bob.event("chat.delete").await?["data"], json!({"target": 2}));
    let key = unique("undeletable");
    stack
        .backend()
        .await?
        .put_into_outbox(&key, &pair.channel, "chat.delete", &json!({"conversationId": id, "target": 2}))
        .await?;
    let letter = stack.backend().await?.dead_letter(&key).await?;
    assert!(letter.to_string().contains("not_found"), "{letter}");
    Ok(())
}

/// In a large channel, the stream delivers the events that are marked for it, each once: a change of a message does not mark
/// the message again.
#[tokio::test]
async fn in_a_large_channel_a_message_and_its_changes_come_once_each() -> Result<()> {
    const MEMBERS: usize = 51;
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let channel = pair.channel.clone();
    let mut devices = Vec::new();
    for user in [&pair.bob_user, &pair.ann_user].into_iter().cycle().take(MEMBERS - 2) {
        devices.push(joined(stack, user, &channel).await?);
    }
    pair.ann.say(&channel, "helo").await?;
    write(&mut pair.ann, &channel, "chat.edit", edit(1, "hello")).await?;
    write(&mut pair.ann, &channel, "chat.reaction", reaction(1, "👍", true)).await?;
    let draft = json!({"content": "the end", "replyTo": 1});
    write(&mut pair.ann, &channel, "chat.message", draft).await?;
    for device in devices.iter_mut().take(2).chain([&mut pair.bob]) {
        let mut seqs = Vec::new();
        for event in ["chat.message", "chat.edit", "chat.reaction", "chat.message"] {
            seqs.push(device.event(event).await?["seq"].clone());
        }
        assert_eq!(seqs, [1, 2, 3, 4]);
    }
    Ok(())
}
