//! Refused items go to the dead-letter queue at once: in full, with reason, field and id, in one shape whichever way they came.
//! Items beside them are handled as if the refused ones were not there.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{Stack, User, eventually, unique};

use crate::scene::joined;

/// A funnel update, for the outbox or for the bus.
fn funnel(company: &str, funnel: &str, name: impl Into<Value>) -> Value {
    let name = name.into();
    json!({"type": "deployed", "funnelId": funnel, "funnelName": name, "userId": "user_1", "companyId": company})
}

/// Waits for the dead letter about the item `id`, and checks what all such letters have in common.
async fn letter(stack: &Stack, id: &str, source: &str) -> Result<Value> {
    let letter = stack.backend().await?.dead_letter(&format!("\"id\":\"{id}\"")).await?;
    assert_eq!((&letter["source"], &letter["id"]), (&json!(source), &json!(id)), "{letter}");
    assert_eq!((&letter["code"], &letter["tries"]), (&json!("bad_request"), &json!(1)), "{letter}");
    assert!(tests::is_timestamp(&letter["at"]), "{letter}");
    assert_eq!(refusals(stack, id).await?, 1, "one try, and one line of the log");
    Ok(letter)
}

/// Waits until the log says that the item `id` was refused; returns how often it does, or 1 where there is no log to read.
async fn refusals(stack: &Stack, id: &str) -> Result<usize> {
    let Some(log) = stack.log() else { return Ok(1) };
    eventually("the line of a refusal", async || {
        let log = std::fs::read_to_string(log).with_context(|| log.display().to_string())?;
        let is_refusal = |line: &&str| line.contains("in the dead letters") && line.contains(id);
        Ok(Some(log.lines().filter(is_refusal).count()).filter(|count| *count > 0))
    })
    .await
}

#[tokio::test]
async fn bad_items_of_the_outbox_hold_up_no_good_ones() -> Result<()> {
    const BAD: [usize; 6] = [0, 1, 3, 4, 7, 8];
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let (company, other, run) = (unique("biz"), unique("biz"), unique("run"));
    let channel = |company: &str| format!("funnel_updates:{company}");
    let mut client = joined(stack, &User::admin_of(&company), &channel(&company)).await?;
    let mut neighbour = joined(stack, &User::admin_of(&other), &channel(&other)).await?;

    let name = |n: usize| if BAD.contains(&n) { Value::Null } else { json!("Spring sale") };
    let items: Vec<_> = (0..9).map(|n| funnel(&company, &format!("{run}-f{n}"), name(n))).collect();
    backend.put_all_into_outbox(&run, &channel(&company), "funnel.update", &items).await?;
    let good = funnel(&other, "f", json!("Another's"));
    backend.put_into_outbox(&unique("key"), &channel(&other), "funnel.update", &good).await?;

    assert_eq!(neighbour.only("funnel.update").await?["data"]["funnelName"], "Another's");
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.extend(client.only("funnel.update").await?["key"].as_str().map(str::to_owned));
    }
    keys.sort();
    assert_eq!(keys, [2, 5, 6].map(|n| format!("{run}-{n}")));
    for n in BAD {
        let id = format!("{run}-{n}");
        let letter = letter(stack, &id, "outbox").await?;
        assert_eq!(letter["field"], "data.funnelName", "{letter}");
        assert_eq!(letter["reason"], "data.funnelName must be a string, not null");
        let item = &letter["item"];
        assert_eq!((&item["pk"], &item["sk"]), (&json!(format!("OUTBOX#{}", channel(&company))), &json!(id)));
        assert_eq!((&item["channel"], &item["event"]), (&json!(channel(&company)), &json!("funnel.update")));
        assert_eq!(serde_json::from_str::<Value>(item["data"].as_str().context("data")?)?, items[n]);
    }
    Ok(())
}

#[tokio::test]
async fn an_item_of_the_outbox_whose_own_attributes_are_wrong_names_them() -> Result<()> {
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let company = unique("biz");
    let channel = format!("funnel_updates:{company}");
    let data = funnel(&company, "f", json!("Spring sale"));
    for (channel, event, field) in [
        ("chat:1", "funnel.update", "channel"),
        ("funnel_updates:another", "funnel.update", "channel"),
        (&*channel, "funnel.upgrade", "event"),
        (&*channel, "presence.join", "event"),
    ] {
        let key = unique("key");
        backend.put_into_outbox(&key, channel, event, &data).await?;
        let letter = letter(stack, &key, "outbox").await?;
        assert_eq!(letter["field"], field, "{letter}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_of_the_bus_is_refused_once_and_lies_there_whole() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let mark = unique("f");
    for (detail_type, detail, field) in [
        ("FunnelUpdate", funnel(&company, &mark, Value::Null), "detail.funnelName"),
        (
            "Conversation",
            json!({"conversationId": mark, "companyId": company, "participants": ["user_1", "user 2"]}),
            "detail.participants[1]",
        ),
        ("Kick", json!({"channel": format!("conversation:{mark}"), "userId": "user_1"}), "detail.reason"),
        ("AccessChanged", json!({"userId": mark, "companyId": 7}), "detail.companyId"),
    ] {
        stack.emit(detail_type, detail.clone()).await?;
        let found = stack.backend().await?.dead_letter(&mark).await?;
        let (item, id) = (&found["item"], found["id"].as_str().context("an id")?);
        assert_eq!((&found["source"], &found["tries"]), (&json!("bus"), &json!(1)), "{found}");
        assert_eq!(found["field"], field, "{found}");
        assert!(found["reason"].as_str().is_some_and(|reason| reason.starts_with(field)), "{found}");
        assert_eq!((&item["id"], &item["detail-type"]), (&json!(id), &json!(detail_type)));
        assert_eq!((&item["source"], &item["detail"]), (&json!(tests::SOURCE), &detail));
        assert_eq!(refusals(stack, id).await?, 1, "{detail_type}: one try, and one line of the log");
    }
    Ok(())
}

/// Only our own functions put messages into the queues. One that cannot be decoded may be of a newer version, so it is tried as
/// often as one that fails, before it goes to the dead-letter queue.
#[tokio::test]
async fn a_message_of_a_queue_that_cannot_be_decoded_is_tried_again_before_it_is_refused() -> Result<()> {
    let Some(stack) = Stack::private(&["--visibility-max", "200ms"])? else { return Ok(()) };
    for (queue, source) in
        [("TimerQueue", "timers"), ("DeliveryQueue", "deliveries"), ("FilesQueue", "files")]
    {
        let id = unique("message");
        let body = json!({"id": id, "detail": {"what": "else"}});
        stack.backend().await?.put_into_queue(queue, &body.to_string()).await?;
        let letter = stack.backend().await?.dead_letter(&format!("\"id\":\"{id}\"")).await?;
        let told = ["source", "code", "tries", "item"].map(|name| &letter[name]);
        assert_eq!(told, [&json!(source), &json!("bad_request"), &json!(19), &body], "{letter}");
    }
    Ok(())
}
