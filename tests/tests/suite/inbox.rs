//! Inboxes: what they list, in which order, how much of it is unread, and which updates come live.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use http::Method;
use serde_json::{Value, json};
use tests::{Client, Stack, User, eventually, haunt, put_unreadable_message, shape, unique};

use crate::scene::{Pair, joined, pair};

const ENTRY: &str = "{companyId: string, conversationId: string, last: {at: string, excerpt: string, from: {name: string, \
                     userId: string}, seq: number}, n: number, participants: array, readN: number, unread: number}";

/// One more member than `digest` itself posts to.
const MEMBERS: usize = 51;

fn id(channel: &str) -> &str {
    channel.trim_start_matches("conversation:")
}

/// A user's own inbox by HTTP.
async fn own(stack: &Stack, user: &User) -> Result<Vec<Value>> {
    let request = stack.ask_api(Method::GET, "conversations?limit=50").token(&user.token()?);
    let page = request.send().await?.done()?;
    page["conversations"].as_array().cloned().context("conversations")
}

/// A user's own inbox, once its first conversation has this many messages.
async fn own_once(stack: &Stack, user: &User, n: u64) -> Result<Vec<Value>> {
    eventually(&format!("an inbox with {n} messages"), async || {
        let own = own(stack, user).await?;
        Ok(own.first().is_some_and(|first| first["n"] == n).then_some(own))
    })
    .await
}

/// Waits for an `inbox.update` of a conversation with this many messages.
async fn update_of(client: &mut Client, n: u64) -> Result<Value> {
    loop {
        let update = client.event("inbox.update").await?;
        if update["data"]["n"] == n {
            return Ok(update);
        }
    }
}

#[tokio::test]
async fn the_participants_and_the_team_see_what_was_said_last_and_how_much_is_unread() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, ann_user, bob_user, company, channel } = pair(stack).await?;
    let other = stack.conversation(&company, &[&ann_user]).await?;
    let admin = User::admin_of(&company);
    let inbox = format!("inbox:{company}");
    let mut team = joined(stack, &admin, &inbox).await?;
    let mut laptop = joined(stack, &bob_user, &bob_user.channel()).await?;
    bob.join(&bob_user.channel()).await?;
    ann.join(&ann_user.channel()).await?;

    ann.say(&channel, "one").await?;
    let sent = ann.say(&channel, "two").await?;
    let update = update_of(&mut team, 2).await?;
    assert_eq!((&update["channel"], &update["data"]["companyId"]), (&json!(inbox), &json!(company)));
    let update = update_of(&mut laptop, 2).await?;
    assert_eq!(update["channel"], bob_user.channel());
    assert_eq!(update["data"]["last"]["excerpt"], "two");
    assert_eq!(update["data"]["last"]["seq"], sent["seq"]);

    let of_bob = own_once(stack, &bob_user, 2).await?;
    assert_eq!(shape(&of_bob[0]), ENTRY);
    assert_eq!((&of_bob[0]["conversationId"], &of_bob[0]["unread"]), (&json!(id(&channel)), &json!(2)));
    let of_ann = own(stack, &ann_user).await?;
    let listed: Vec<_> =
        of_ann.iter().map(|entry| entry["conversationId"].as_str().unwrap_or_default()).collect();
    assert_eq!(listed, [id(&channel), id(&other)], "a conversation without messages comes last");
    assert_eq!(of_ann[0]["unread"], 0, "senders have read their own messages");
    let fields = json!({"companyId": company, "limit": 1});
    let page = team.call("inbox", fields.clone()).await?;
    assert_eq!((&page["conversations"][0]["n"], &page["conversations"][0]["unread"]), (&json!(2), &json!(2)));
    let by_http = format!("conversations?companyId={company}&limit=1");
    let by_http = stack.ask_api(Method::GET, &by_http).token(&admin.token()?).send().await?.done()?;
    assert_eq!(by_http, page);
    let next = page["next"].as_str().context("a next page")?;
    let rest = json!({"companyId": company, "limit": 9, "cursor": next});
    assert_eq!(team.call("inbox", rest).await?["conversations"][0]["conversationId"], id(&other));

    // The title is what the backend has set last.
    let named = json!({"conversationId": id(&other), "companyId": company, "participants": [ann_user.id], "title": "Refunds"});
    stack.emit("Conversation", named).await?;
    eventually("the new title", async || {
        let own = own(stack, &ann_user).await?;
        Ok(own
            .iter()
            .any(|entry| entry["conversationId"] == id(&other) && entry["title"] == "Refunds")
            .then_some(()))
    })
    .await?;

    // Users of the team cannot be restricted, so a ban leaves the conversation in the inbox of a participant of the team.
    let (chief, clerk) = (User::admin_of(&company), User::customer_of(&company));
    let staffed = stack.conversation(&company, &[&chief, &clerk]).await?;
    let of_clerk = json!({"conversationId": id(&staffed), "type": "user", "userId": clerk.id, "content": "by the backend"});
    stack.emit("ChatMessage", of_clerk).await?;
    assert_eq!(own_once(stack, &clerk, 1).await?[0]["unread"], 0, "the backend has sent it for them");
    assert_eq!(own_once(stack, &chief, 1).await?[0]["unread"], 1);
    for user in [&clerk, &chief] {
        let ban = json!({"conversationId": id(&staffed), "userId": user.id, "restriction": "ban"});
        stack.emit("Moderation", ban).await?;
    }
    eventually("the ban", async || Ok(own(stack, &clerk).await?.is_empty().then_some(()))).await?;
    assert_eq!(own(stack, &chief).await?.len(), 1);

    // The sender of a message has read it, and is told so.
    let third = stack.post_chat(&ann_user, &other, "k1", "three").await?;
    third.done()?;
    let update = eventually("an update with what Ann has read", async || {
        let update = ann.event("inbox.update").await?;
        Ok((update["data"]["conversationId"] == id(&other)).then_some(update))
    });
    assert_eq!(update.await?["data"]["readN"], 1);

    // What is read on one device is told to the user's other devices, and to nobody else.
    let acked = bob.call("ack", json!({"channel": channel, "seq": 2, "state": "read"})).await?;
    assert_eq!(acked, json!({"seq": 2, "readN": 2}));
    let read = laptop.event("inbox.update").await?;
    assert_eq!(read["data"], json!({"conversationId": id(&channel), "readN": 2}));
    assert_eq!(own(stack, &bob_user).await?[0]["unread"], 0);

    // An edit and a deletion of the last message change its excerpt, and no number.
    let change = |event: &str, data: Value| json!({"channel": channel, "event": event, "key": unique("k"), "data": data});
    ann.call("send", change("chat.edit", json!({"target": 2, "content": "two, edited"}))).await?;
    let update = laptop.event("inbox.update").await?;
    assert_eq!(
        (&update["data"]["last"]["excerpt"], &update["data"]["n"]),
        (&json!("two, edited"), &json!(2))
    );
    ann.call("send", change("chat.delete", json!({"target": 2}))).await?;
    let update = laptop.event("inbox.update").await?;
    assert_eq!((&update["data"]["last"]["excerpt"], &update["data"]["n"]), (&Value::Null, &json!(2)));
    let entry = own(stack, &bob_user).await?.swap_remove(0);
    assert!(!entry.to_string().contains("edited") && entry["unread"] == 0, "{entry}");

    // A device that has joined the conversation gets no `inbox.update` of it.
    ann.call("ping", json!({})).await?;
    bob.call("ping", json!({})).await?;
    let of_both = ann.inbox().into_iter().chain(bob.inbox());
    let told: Vec<_> = of_both.filter(|event| event["event"] == "inbox.update").collect();
    assert!(told.is_empty(), "{told:?}");
    assert!(team.refused("inbox", json!({"companyId": unique("biz"), "limit": 1})).await? == *"not_joined");
    Ok(())
}

/// However large the team is, it is told of a message, and members that are gone hold nobody up.
#[tokio::test]
async fn a_large_team_is_told_and_who_is_gone_is_forgotten() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, ann_user, bob_user, company, channel, .. } = pair(stack).await?;
    let inbox = format!("inbox:{company}");
    let mut team = joined(stack, &User::admin_of(&company), &inbox).await?;
    let mut laptop = joined(stack, &ann_user, &ann_user.channel()).await?;
    haunt(stack, &bob_user.channel(), &bob_user.id).await?;
    ann.say(&channel, "to a few").await?;
    update_of(&mut team, 1).await?;
    let ghosts: Vec<String> = (0..MEMBERS).map(|_| unique("ghost")).collect();
    try_join_all(ghosts.iter().map(|ghost| haunt(stack, &inbox, ghost))).await?;
    ann.say(&channel, "to many").await?;
    let update = update_of(&mut team, 2).await?;
    assert_eq!(update["data"]["last"]["excerpt"], "to many");
    assert_eq!(update_of(&mut laptop, 2).await?["data"]["companyId"], company);
    Ok(())
}

/// A message that cannot be read goes to the dead-letter queue, and holds nothing up.
#[tokio::test]
async fn a_message_that_cannot_be_read_stops_no_digest() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, bob_user, channel, .. } = pair(stack).await?;
    ann.say(&channel, "before").await?;
    let spoilt = stack.conversation(&unique("biz"), &[]).await?;
    put_unreadable_message(stack, &spoilt).await?;
    let letter = stack.backend().await?.dead_letter(&format!("no JSON, of {spoilt}")).await?;
    assert_eq!((&letter["source"], &letter["tries"]), (&json!("stream"), &json!(1)), "{letter}");
    ann.say(&channel, "after").await?;
    let own = own_once(stack, &bob_user, 2).await?;
    assert_eq!(own[0]["last"]["excerpt"], "after");
    Ok(())
}

/// The roster names absent participants too, with the time at which they were last seen.
#[tokio::test]
async fn who_is_absent_was_last_seen() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { mut ann, mut bob, bob_user, company, channel, .. } = pair(stack).await?;
    let fields = json!({"channel": channel});
    assert_eq!(ann.call("presence", fields.clone()).await?["absent"], Value::Null, "both are there");
    bob.leave(&channel).await?;
    let left = ann.event("presence.leave").await?;
    let roster = ann.call("presence", fields.clone()).await?;
    let expected =
        json!([{"userId": bob_user.id, "name": bob_user.name, "lastSeen": left["data"]["lastSeen"]}]);
    assert_eq!(roster["absent"], expected);
    bob.join(&channel).await?;
    assert_eq!(ann.call("presence", fields).await?["absent"], Value::Null);

    let never = User::customer_of(&company);
    let quiet = stack.conversation(&company, &[&never]).await?;
    let mut admin = joined(stack, &User::admin_of(&company), &quiet).await?;
    let roster = admin.call("presence", json!({"channel": quiet})).await?;
    assert_eq!((&roster["absent"], &roster["count"]), (&json!([{"userId": never.id}]), &json!(1)));
    Ok(())
}

#[tokio::test]
async fn an_inbox_that_makes_no_sense_is_refused() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    for (fields, field) in [
        (json!({}), "limit"),
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 51}), "limit"),
        (json!({"limit": 1, "cursor": "1.a b"}), "cursor"),
        (json!({"limit": 1, "companyId": "biz 1"}), "companyId"),
    ] {
        let refusal = client.refused("inbox", fields).await?;
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("bad_request", Some(field)));
    }
    assert_eq!(client.call("inbox", json!({"limit": 1})).await?, json!({"conversations": []}));
    Ok(())
}
