//! Deliveries by the table's stream: messages to channels that are too large to be posted to before the ack, and the outbox.

use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::json;
use tests::{Stack, User, events, eventually, unique};

use crate::scene::joined;

/// One member more than `send` itself posts to.
const MEMBERS: usize = 51;

#[tokio::test]
async fn a_message_to_a_large_conversation_reaches_all_of_it() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admins = [User::admin_of(&company), User::admin_of(&company)]; // one user may not have so many connections
    let channel = stack.conversation(&company, &[]).await?;
    let mut sender = joined(stack, &admins[0], &channel).await?;
    let others = admins.iter().cycle().take(MEMBERS - 1).map(|admin| joined(stack, admin, &channel));
    let mut others = try_join_all(others).await?;

    let sent = sender.say(&channel, "to all of you").await?;
    assert_eq!((&sent["seq"], &sent["recipients"]), (&json!(1), &json!(0)), "the stream posts");
    for client in &mut others {
        let event = client.event("chat.message").await?;
        assert_eq!((&event["seq"], &event["data"]["content"]), (&json!(1), &json!("to all of you")));
    }
    sender.silence().await?;

    // An ephemeral event is not in the table, so it cannot go by the stream, and is posted at once.
    let sent = sender.send(&channel, "chat.typing", json!({"isTyping": true})).await?;
    assert_eq!(sent["recipients"], MEMBERS - 1);
    Ok(())
}

#[tokio::test]
async fn an_item_of_the_outbox_becomes_an_event() -> Result<()> {
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let company = unique("biz");
    let channel = format!("funnel_updates:{company}");
    let mut client = joined(stack, &User::admin_of(&company), &channel).await?;
    let data = json!({"type": "deployed", "funnelId": "f1", "funnelName": "Spring sale",
        "timestamp": "2026-11-23T10:00:00.123Z", "userId": "user_1", "companyId": company});
    backend.put_into_outbox("key-1", &channel, "funnel.update", &data).await?;
    let event = client.only("funnel.update").await?;
    assert_eq!((&event["seq"], &event["key"], &event["data"]), (&json!(1), &json!("key-1"), &data));
    Ok(())
}

#[tokio::test]
async fn what_comes_together_for_a_channel_travels_together() -> Result<()> {
    const EVENTS: usize = 40;
    let stack = Stack::shared()?;
    let company = unique("biz");
    let channel = format!("resource_updates:{company}");
    let mut client = joined(stack, &User::admin_of(&company), &channel).await?;
    let update = |n: usize| {
        json!({"type": "updated", "resourceId": format!("r{n}"), "resourceType": "product",
            "resourceName": "E-book", "companyId": company})
    };
    let updates: Vec<_> = (0..EVENTS).map(update).collect();
    stack.backend().await?.put_all_into_outbox("key", &channel, "resource.update", &updates).await?;
    let mut seqs = Vec::new();
    for _ in 0..EVENTS {
        seqs.extend(client.event("resource.update").await?["seq"].as_u64());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=EVENTS as u64).collect::<Vec<_>>());
    assert!(client.event_frames() < EVENTS / 2, "{} frames", client.event_frames());
    Ok(())
}

/// A reply that cannot hold all last values has a cursor for the rest, and no reply is larger than API Gateway accepts.
#[tokio::test]
async fn last_values_that_fit_no_reply_are_read_page_by_page() -> Result<()> {
    const FUNNELS: usize = 12; // of 24 KiB on the wire each, as a control character is six bytes there
    const REPLY_BYTES_MAX: usize = 128 * 1024;
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let channel = format!("funnel_updates:{company}");
    let mut witness = joined(stack, &admin, &channel).await?;
    let update = |n: usize| {
        json!({"type": "deployed", "funnelId": format!("f{n:02}"), "funnelName": "Spring", "userId": "u",
            "message": "\u{1}".repeat(4 * 1024), "companyId": company})
    };
    let updates: Vec<_> = (0..FUNNELS).map(update).collect();
    stack.backend().await?.put_all_into_outbox("key", &channel, "funnel.update", &updates).await?;
    for _ in 0..FUNNELS {
        witness.event("funnel.update").await?;
    }
    let mut client = stack.connect(&admin).await?;
    let mut page = client.join(&channel).await?;
    let mut funnels: Vec<String> = Vec::new();
    let mut values = "latest";
    loop {
        assert!(page.to_string().len() < REPLY_BYTES_MAX, "{} bytes", page.to_string().len());
        let ids = events(&page, values).iter().filter_map(|event| event["data"]["funnelId"].as_str());
        funnels.extend(ids.map(str::to_owned));
        let Some(next) = page["latestNext"].as_str() else { break };
        page = client.call("history", json!({"channel": channel, "limit": 100, "latest": next})).await?;
        values = "events";
    }
    assert_eq!(funnels, (0..FUNNELS).map(|n| format!("f{n:02}")).collect::<Vec<_>>());
    let muddle = json!({"channel": channel, "limit": 1, "latest": "f", "after": 1});
    assert_eq!(client.refused("history", muddle).await?.field.as_deref(), Some("latest"));
    Ok(())
}

/// Many small values are too large for a reply, as a few large ones are. Neither API Gateway nor a local stack delivers a reply
/// above 128 KiB.
#[tokio::test]
async fn hundreds_of_small_last_values_come_in_replies_that_are_delivered() -> Result<()> {
    const MESSAGE_BYTES_MAX: usize = 128 * 1024;
    const ITEMS_MAX: usize = 100; // of a transaction
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let metric = |n: usize| {
        json!({"metric": format!("metric_{n:03}_{}", "m".repeat(40)), "value": n, "funnelId": format!("f{n}"), "companyId": company,
            "period": "day", "timestamp": "2026-11-23T10:00:00.123Z"})
    };
    let funnel = |n: usize| {
        json!({"type": "deployed", "funnelId": format!("f{n:03}"), "funnelName": "Spring", "userId": "u",
            "message": "m".repeat(600), "companyId": company})
    };
    let metrics: Vec<_> = (0..480).map(metric).collect();
    let funnels: Vec<_> = (0..150).map(funnel).collect();
    for (channel, event, data) in [
        (format!("analytics:{company}"), "analytics.update", metrics),
        (format!("funnel_updates:{company}"), "funnel.update", funnels),
    ] {
        let mut witness = joined(stack, &admin, &channel).await?;
        for (part, data) in data.chunks(ITEMS_MAX).enumerate() {
            let prefix = format!("part-{part}");
            stack.backend().await?.put_all_into_outbox(&prefix, &channel, event, data).await?;
        }
        for _ in 0..data.len() {
            witness.event(event).await?;
        }
        let mut client = stack.connect(&admin).await?;
        let first = client.join(&channel).await?;
        let (mut seen, mut next) = (events(&first, "latest").len(), first["latestNext"].clone());
        while let Some(cursor) = next.as_str() {
            let page =
                client.call("history", json!({"channel": channel, "limit": 100, "latest": cursor})).await?;
            seen += events(&page, "events").len();
            next = page["latestNext"].clone();
        }
        assert_eq!(seen, data.len(), "{channel}");
        let again = client.join_since(&channel, 0).await?;
        assert!(!events(&again, "latest").is_empty(), "{channel}");
        let largest = client.take_largest_frame();
        assert!(
            largest <= MESSAGE_BYTES_MAX && largest > MESSAGE_BYTES_MAX / 2,
            "{channel}: {largest} bytes"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_a_throttled_gateway_did_not_take_is_still_owed() -> Result<()> {
    let Some(stack) = Stack::private(&["--fault", "throttled=1"])? else { return Ok(()) };
    let company = unique("biz");
    let channel = format!("resource_updates:{company}");
    let admin = User::admin_of(&company);
    let mut clients = [joined(&stack, &admin, &channel).await?, joined(&stack, &admin, &channel).await?];
    stack
        .emit(
            "ResourceUpdate",
            json!({"type": "created", "resourceId": "r1", "resourceType": "product",
        "resourceName": "E-book", "companyId": company}),
        )
        .await?;
    eventually("a post to be refused", async || {
        Ok((stack.faults().await?["injected"]["throttled"] != json!(0)).then_some(()))
    })
    .await?;
    eventually("the delivery to be in the queue", async || {
        Ok((stack.usage().await?.of("broadcast").posts >= 8).then_some(()))
    })
    .await?;
    stack.set_faults(&json!({})).await?;
    for client in &mut clients {
        assert_eq!(client.only("resource.update").await?["seq"], 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_poison_item_of_the_outbox_blocks_nobody() -> Result<()> {
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let company = unique("biz");
    let channel = format!("resource_updates:{company}");
    let mut client = joined(stack, &User::admin_of(&company), &channel).await?;
    let good = json!({"type": "created", "resourceId": "r1", "resourceType": "product", "resourceName": "E-book",
        "companyId": company});
    backend.put_into_outbox("poison", &channel, "resource.update", &json!({"type": "exploded"})).await?;
    backend.put_into_outbox("good", &channel, "resource.update", &good).await?;
    assert_eq!(client.only("resource.update").await?["key"], "good");
    Ok(())
}
