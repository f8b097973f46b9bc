//! Messages by HTTP: they share one log, and the rules, with those of sockets.

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::{Stack, User, events, sequence, unique};

use crate::scene::{joined, pair};

#[tokio::test]
async fn what_is_sent_by_http_reaches_every_socket_and_what_sockets_send_is_read_by_http() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let sent = stack.post_chat(&pair.ann_user, &pair.channel, "k1", "by HTTP").await?.done()?;
    assert_eq!((&sent["seq"], &sent["duplicate"], &sent["key"]), (&json!(1), &json!(false), &json!("k1")));
    assert_eq!(sent["recipients"], 2, "the sender's own socket too: it did not send this");
    for client in [&mut pair.ann, &mut pair.bob] {
        let event = client.only("chat.message").await?;
        assert_eq!((&event["seq"], &event["key"]), (&json!(1), &json!("k1")));
        assert_eq!((&event["data"]["content"], &event["data"]["type"]), (&json!("by HTTP"), &json!("user")));
        assert_eq!(event["from"], json!({"userId": pair.ann_user.id, "name": pair.ann_user.name}));
    }
    pair.bob.say(&pair.channel, "by a socket").await?;
    let page =
        stack.get(&pair.ann_user, &format!("messages?channel={}&limit=9", pair.channel)).await?.done()?;
    assert_eq!(sequence(events(&page, "events")), [1, 2]);
    assert_eq!(page["events"][1]["data"]["content"], "by a socket");
    Ok(())
}

#[tokio::test]
async fn a_key_is_the_same_by_http_and_by_a_socket() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let first = pair.ann.say_as("k1", &pair.channel, "once").await?;
    let again = stack.post_chat(&pair.ann_user, &pair.channel, "k1", "once").await?.done()?;
    assert_eq!((&again["seq"], &again["duplicate"]), (&first["seq"], &json!(true)));

    let first = stack.post_chat(&pair.ann_user, &pair.channel, "k2", "twice").await?.done()?;
    let fields = json!({"channel": pair.channel, "event": "chat.message", "key": "k2", "base": 1,
        "data": {"content": "twice"}});
    let again = pair.ann.call("send", fields).await?;
    assert_eq!((&again["seq"], &again["duplicate"]), (&first["seq"], &json!(true)));
    assert_eq!(pair.bob.join_since(&pair.channel, 0).await?["head"], 2);
    Ok(())
}

#[tokio::test]
async fn a_client_polls_for_what_came_after_what_it_has() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    for n in 1..=5 {
        pair.bob.say(&pair.channel, &format!("message {n}")).await?;
    }
    // As a client does: it reads on from the last seq that it has, until there is no more.
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let path = format!("messages?channel={}&after={after}&limit=2", pair.channel);
        let page = stack.get(&pair.ann_user, &path).await?.done()?;
        seen.extend(sequence(events(&page, "events")));
        if page["more"] == false {
            break;
        }
        after = page["next"].as_u64().context("a page without `next`")?;
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    let last = format!("messages?channel={}&after=5&limit=2", pair.channel);
    assert_eq!(stack.get(&pair.ann_user, &last).await?.done()?, json!({"events": [], "more": false}));

    let found = format!("messages?channel={}&limit=9&contains=MESSAGE%203", pair.channel);
    assert_eq!(sequence(events(&stack.get(&pair.ann_user, &found).await?.done()?, "events")), [3]);
    let before = format!("messages?channel={}&limit=2&before=3", pair.channel);
    assert_eq!(sequence(events(&stack.get(&pair.ann_user, &before).await?.done()?, "events")), [1, 2]);
    Ok(())
}

#[tokio::test]
async fn typing_passes_by_and_a_status_needs_a_connection() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let typing = json!({"channel": pair.channel, "event": "chat.typing", "data": {"isTyping": true}});
    let sent = stack.post(&pair.ann_user, "messages", &typing).await?.done()?;
    assert!(sent.get("seq").is_none(), "{sent}");
    assert_eq!(pair.bob.only("chat.typing").await?["data"]["userId"], pair.ann_user.id);

    let status = json!({"channel": pair.channel, "event": "presence.update", "data": {"status": "away"}});
    let refused = stack.post(&pair.ann_user, "messages", &status).await?;
    assert_eq!(refused.refused()?, (403, "forbidden"));
    Ok(())
}

#[tokio::test]
async fn the_backends_updates_are_polled_too() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let channel = format!("funnel_updates:{company}");
    let mut client = joined(stack, &admin, &channel).await?;
    let update =
        json!({"type": "deployed", "funnelId": "f", "funnelName": "F", "userId": "u", "companyId": company});
    stack.emit("FunnelUpdate", update).await?;
    client.event("funnel.update").await?;
    let page = stack.get(&admin, &format!("messages?channel={channel}&limit=9")).await?.done()?;
    assert_eq!(page["events"][0]["event"], "funnel.update", "{page}");
    Ok(())
}

#[tokio::test]
async fn who_may_not_join_may_neither_read_nor_send() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    pair.ann.say(&pair.channel, "between us").await?;
    let other = unique("biz");
    let (stranger, customer) = (User::admin_of(&other), User::customer_of(&pair.company));
    for outsider in [&stranger, &customer] {
        let read = stack.get(outsider, &format!("messages?channel={}&limit=9", pair.channel)).await?;
        assert_eq!(read.refused()?, (403, "forbidden"));
        let sent = stack.post_chat(outsider, &pair.channel, "k", "let me in").await?;
        assert_eq!(sent.refused()?, (403, "forbidden"));
        let typing = json!({"channel": pair.channel, "event": "chat.typing", "data": {"isTyping": true}});
        assert_eq!(stack.post(outsider, "messages", &typing).await?.refused()?, (403, "forbidden"));
    }
    let ours = ["company", "funnel_updates", "resource_updates", "analytics"]
        .map(|k| format!("{k}:{}", pair.company));
    for channel in ours.iter().chain([&pair.ann_user.channel(), &format!("conversation:{}", unique("conv"))])
    {
        let read = stack.get(&stranger, &format!("messages?channel={channel}&limit=9")).await?;
        assert_eq!(read.refused()?, (403, "forbidden"), "{channel}");
    }
    // The channels of the user's own company are open to them, and have no events of the other company.
    let own =
        stack.get(&stranger, &format!("messages?channel=funnel_updates:{other}&limit=9")).await?.done()?;
    assert_eq!(own["events"], json!([]));
    pair.bob.only("chat.message").await?;
    pair.bob.silence().await
}

#[tokio::test]
async fn who_is_taken_out_of_a_conversation_is_out_by_http_too() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let id = pair.channel.trim_start_matches("conversation:");
    let without_ann =
        json!({"conversationId": id, "companyId": pair.company, "participants": [pair.bob_user.id]});
    stack.emit("Conversation", without_ann).await?;
    pair.ann.event("access.revoked").await?;
    let sent = stack.post_chat(&pair.ann_user, &pair.channel, "k", "still here?").await?;
    assert_eq!(sent.refused()?, (403, "forbidden"));
    stack.post_chat(&pair.bob_user, &pair.channel, "k", "I am").await?.done()?;
    Ok(())
}
