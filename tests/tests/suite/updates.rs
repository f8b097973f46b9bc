//! The backend's events: each detail type reaches its channel as its event, complete; one that is not valid goes to the
//! dead-letter queue, with the reason.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Stack, User, events, is_timestamp, shape, unique};

use crate::scene::joined;

const TIME: &str = "2026-11-23T10:00:00.123Z";

fn funnel_update(company: &str, funnel: &str, progress: u8) -> Value {
    json!({"type": "generation_progress", "funnelId": funnel, "funnelName": "Spring sale", "progress": progress,
        "message": "Writing the copy", "timestamp": TIME, "userId": "user_1", "companyId": company})
}

fn resource_update(company: &str) -> Value {
    json!({"type": "sync_completed", "resourceId": "res_1", "resourceType": "product", "resourceName": "E-book",
        "timestamp": TIME, "companyId": company})
}

fn analytics_update(company: &str, metric: &str, value: f64) -> Value {
    json!({"metric": metric, "value": value, "previous": 0.5, "period": "24h", "timestamp": TIME,
        "companyId": company})
}

fn user_notification(user: &User, title: &str) -> Value {
    json!({"id": unique("note"), "userId": user.id, "level": "success", "title": title, "message": "It is live.",
        "url": "https://example.com/f/1", "timestamp": TIME})
}

#[tokio::test]
async fn each_detail_type_reaches_its_channel_and_no_other() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let cases = [
        (
            "FunnelUpdate",
            "funnel.update",
            format!("funnel_updates:{company}"),
            funnel_update(&company, "f1", 40),
        ),
        (
            "ResourceUpdate",
            "resource.update",
            format!("resource_updates:{company}"),
            resource_update(&company),
        ),
        (
            "AnalyticsUpdate",
            "analytics.update",
            format!("analytics:{company}"),
            analytics_update(&company, "m", 1.5),
        ),
        ("UserNotification", "user.notification", admin.channel(), user_notification(&admin, "Deployed")),
    ];
    // One connection a channel, so that an event on the wrong one is seen. `company:` carries none of them.
    let mut clients = Vec::new();
    for (_, _, channel, _) in &cases {
        clients.push(joined(stack, &admin, channel).await?);
    }
    let mut bystander = joined(stack, &admin, &format!("company:{company}")).await?;

    for (detail_type, _, _, detail) in &cases {
        stack.emit(detail_type, detail.clone()).await?;
    }
    for ((_, name, channel, detail), client) in cases.iter().zip(&mut clients) {
        let event = client.only(name).await?;
        assert_eq!((&event["channel"], &event["data"]), (&json!(channel), detail));
        assert_eq!(event.get("from"), None, "the backend is no user");
        assert!(is_timestamp(&event["at"]), "{event}");
        let seq = if *name == "analytics.update" { Value::Null } else { json!(1) };
        assert_eq!(event["seq"], seq, "{name}");
    }
    for client in clients.iter_mut().chain([&mut bystander]) {
        client.silence().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_system_notification_reaches_everybody() -> Result<()> {
    let stack = Stack::shared()?;
    let mut clients = Vec::new();
    for user in [User::stranger(), User::admin_of(&unique("biz"))] {
        clients.push(joined(stack, &user, "system").await?);
    }
    let title = unique("Maintenance");
    let detail = json!({"level": "warning", "title": title, "message": "Back at ten.", "timestamp": TIME});
    stack.emit("SystemNotification", detail).await?;
    for client in &mut clients {
        // Other tests publish on `system` too.
        let event = loop {
            let event = client.event("system.notification").await?;
            if event["data"]["title"] == title {
                break event;
            }
        };
        assert_eq!(
            shape(&event["data"]),
            "{id: string, level: string, message: string, timestamp: string, title: string}",
            "the server sets the id"
        );
        assert!(event["seq"].is_u64(), "{event}");
    }
    Ok(())
}

#[tokio::test]
async fn durable_updates_count_by_one() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let channel = format!("resource_updates:{company}");
    let mut client = joined(stack, &User::admin_of(&company), &channel).await?;
    for seq in 1..=3 {
        stack.emit("ResourceUpdate", resource_update(&company)).await?;
        assert_eq!(client.only("resource.update").await?["seq"], seq);
    }
    let recovered = client.join_since(&channel, 0).await?;
    assert_eq!(tests::sequence(events(&recovered, "events")), [1, 2, 3]);
    Ok(())
}

#[tokio::test]
async fn what_the_backend_leaves_out_the_server_adds() -> Result<()> {
    let stack = Stack::shared()?;
    let ann = User::stranger();
    let mut client = joined(stack, &ann, &ann.channel()).await?;
    let detail = json!({"userId": ann.id, "level": "info", "title": "Hi", "message": "Welcome."});
    stack.emit("UserNotification", detail).await?;
    let data = &client.only("user.notification").await?["data"];
    assert_eq!(
        shape(data),
        "{id: string, level: string, message: string, timestamp: string, title: string, userId: string}"
    );
    assert!(is_timestamp(&data["timestamp"]), "{data}");
    Ok(())
}

#[tokio::test]
async fn a_notice_reaches_every_device_of_its_user_and_nobody_else() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann, bob) = (User::admin_of(&company), User::admin_of(&company));
    let mut desk = joined(stack, &ann, &ann.channel()).await?;
    let mut phone = joined(stack, &ann, &ann.channel()).await?;
    let mut other = joined(stack, &bob, &bob.channel()).await?;
    stack.emit("UserNotification", user_notification(&ann, "for Ann")).await?;
    for device in [&mut desk, &mut phone] {
        assert_eq!(device.only("user.notification").await?["data"]["title"], "for Ann");
    }
    stack.emit("UserNotification", user_notification(&bob, "for Bob")).await?;
    assert_eq!(other.only("user.notification").await?["data"]["title"], "for Bob");
    Ok(())
}

#[tokio::test]
async fn a_joiner_gets_the_latest_of_each_funnel() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let channel = format!("funnel_updates:{company}");
    let mut witness = joined(stack, &admin, &channel).await?;
    for (funnel, progress) in [("f1", 10), ("f2", 20), ("f1", 30)] {
        stack.emit("FunnelUpdate", funnel_update(&company, funnel, progress)).await?;
        witness.only("funnel.update").await?;
    }
    let reply = stack.connect(&admin).await?.join(&channel).await?;
    let mut latest: Vec<_> = events(&reply, "latest")
        .iter()
        .map(|event| {
            (event["data"]["funnelId"].to_string(), event["data"]["progress"].clone(), event["seq"].clone())
        })
        .collect();
    latest.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("f1", 30, 3), ("f2", 20, 2)];
    assert_eq!(latest, expected.map(|(id, progress, seq)| (format!("{id:?}"), json!(progress), json!(seq))));
    assert_eq!(reply["latest"][0]["event"], "funnel.update", "a whole event: {reply}");
    Ok(())
}

#[tokio::test]
async fn a_joiner_gets_the_latest_of_each_metric() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let channel = format!("analytics:{company}");
    let mut witness = joined(stack, &admin, &channel).await?;
    for (metric, value) in [("visits", 1.0), ("sales", 2.5), ("visits", 3.0)] {
        stack.emit("AnalyticsUpdate", analytics_update(&company, metric, value)).await?;
        witness.only("analytics.update").await?;
    }
    let reply = stack.connect(&admin).await?.join(&channel).await?;
    let mut latest: Vec<_> = events(&reply, "latest")
        .iter()
        .map(|event| (event["data"]["metric"].to_string(), event["data"]["value"].as_f64()))
        .collect();
    latest.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(latest, [("\"sales\"".to_owned(), Some(2.5)), ("\"visits\"".to_owned(), Some(3.0))]);
    assert_eq!((&reply["head"], &reply["events"]), (&json!(0), &json!([])), "it has no log");
    Ok(())
}

/// The bus keeps no order, and may deliver an event again. The event's own time counts, not when it came.
#[tokio::test]
async fn a_value_that_comes_late_does_not_pass_for_the_last() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let channel = format!("analytics:{company}");
    let mut witness = joined(stack, &admin, &channel).await?;
    for (value, timestamp) in [(2.0, "2026-11-23T10:00:02.000Z"), (1.0, "2026-11-23T10:00:01.000Z")] {
        let mut update = analytics_update(&company, "visits", value);
        update["timestamp"] = timestamp.into();
        stack.emit("AnalyticsUpdate", update).await?;
        assert_eq!(witness.only("analytics.update").await?["at"], timestamp);
    }
    let reply = stack.connect(&admin).await?.join(&channel).await?;
    assert_eq!(reply["latest"][0]["data"]["value"], 2.0, "{reply}");
    Ok(())
}

#[tokio::test]
async fn a_refused_event_lies_in_the_dead_letters_with_the_reason() -> Result<()> {
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let company = unique("biz");
    let mut client = joined(stack, &User::admin_of(&company), &format!("funnel_updates:{company}")).await?;

    let (too_far, nameless, homeless, unknown) = (unique("f"), unique("f"), unique("note"), unique("metric"));
    let mut without_a_name = funnel_update(&company, &nameless, 1);
    without_a_name.as_object_mut().and_then(|detail| detail.remove("funnelName"));
    let mut with_a_typo = analytics_update(&company, &unknown, 1.0);
    with_a_typo["valeu"] = json!(2);
    for (detail_type, detail, mark, reason) in [
        ("FunnelUpdate", funnel_update(&company, &too_far, 101), &too_far, "progress"),
        ("FunnelUpdate", without_a_name, &nameless, "funnelName"),
        (
            "UserNotification",
            json!({"id": homeless, "level": "info", "title": "t", "message": "m", "timestamp": TIME}),
            &homeless,
            "userId",
        ),
        ("AnalyticsUpdate", with_a_typo, &unknown, "valeu"),
    ] {
        stack.emit(detail_type, detail).await?;
        let letter = backend.dead_letter(mark).await?;
        assert_eq!(letter["field"], format!("detail.{reason}"), "{letter}");
        assert!(letter["reason"].as_str().is_some_and(|text| text.contains(reason)), "{letter}");
    }

    // Refused events hold up no others.
    stack.emit("FunnelUpdate", funnel_update(&company, "good", 100)).await?;
    assert_eq!(client.only("funnel.update").await?["seq"], 1);
    Ok(())
}

#[tokio::test]
async fn a_conversation_that_is_not_valid_lies_in_the_dead_letters_too() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    stack.emit("Conversation", json!({"companyId": company, "participants": ["user_1"]})).await?;
    let letter = stack.backend().await?.dead_letter(&company).await?;
    assert_eq!(letter["field"], "detail.conversationId", "{letter}");
    Ok(())
}
