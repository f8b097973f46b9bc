//! Publishing by the app's backend: events are published in order and once, each with a result; and nobody else may publish.

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Stack, User, unique};

use crate::scene::{joined, pair};

async fn publish(stack: &Stack, user: &User, events: &Value) -> Result<Answer> {
    let request = stack.ask_api(Method::POST, "publish").token(&user.token()?);
    request.body(&json!({"events": events}).to_string()).send().await
}

fn bot(channel: &str, content: &str) -> Value {
    let id = channel.trim_start_matches("conversation:");
    json!({"type": "ChatMessage", "detail": {"conversationId": id, "type": "bot", "content": content}})
}

#[tokio::test]
async fn twelve_events_are_in_order_in_one_request_or_in_twelve() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let backend = User::publisher();
    let contents = |round: &str| (1..=12).map(|step| format!("{round} {step}")).collect::<Vec<_>>();
    let (together, one_by_one) = (contents("together"), contents("one by one"));
    let events: Value = together.iter().map(|content| bot(&pair.channel, content)).collect();
    let reply = publish(stack, &backend, &events).await?.done()?;
    let seqs: Vec<_> =
        reply["results"].as_array().unwrap().iter().map(|result| result["seq"].clone()).collect();
    assert_eq!(seqs, (1..=12).collect::<Vec<_>>());
    for content in &one_by_one {
        publish(stack, &backend, &json!([bot(&pair.channel, content)])).await?.done()?;
    }
    for content in together.iter().chain(&one_by_one) {
        assert_eq!(pair.ann.event("chat.message").await?["data"]["content"], **content);
        assert_eq!(pair.bob.event("chat.message").await?["data"]["content"], **content);
    }
    Ok(())
}

#[tokio::test]
async fn every_type_of_the_bus_is_published_or_applied() -> Result<()> {
    let stack = Stack::shared()?;
    let (company, id) = (unique("biz"), unique("conv"));
    let (admin, ann) = (User::admin_of(&company), User::customer_of(&company));
    let channel = format!("conversation:{id}");
    let backend = User::publisher();
    let opened = json!([
        {"type": "Conversation",
         "detail": {"conversationId": id, "companyId": company, "participants": [ann.id]}},
        bot(&channel, "welcome"),
    ]);
    let reply = publish(stack, &backend, &opened).await?.done()?;
    assert_eq!((&reply["results"][0]["duplicate"], &reply["results"][1]["seq"]), (&json!(false), &json!(1)));

    let mut team = joined(stack, &admin, &channel).await?;
    for kind in ["funnel_updates", "resource_updates", "analytics"] {
        team.join(&format!("{kind}:{company}")).await?;
    }
    team.join("system").await?;
    let mut client = joined(stack, &ann, &channel).await?;
    client.join(&ann.channel()).await?;
    let of_company = |mut detail: Value| {
        detail["companyId"] = company.clone().into();
        detail["userId"] = ann.id.clone().into();
        detail
    };
    let notice = json!({"level": "info", "title": "Spring", "message": unique("notice")});
    let mut own_notice = notice.clone();
    own_notice["userId"] = ann.id.clone().into();
    let mut metric = of_company(json!({"metric": "visits", "value": 7}));
    metric.as_object_mut().unwrap().remove("userId");
    let events = json!([
        {"type": "FunnelUpdate",
         "detail": of_company(json!({"type": "deployed", "funnelId": "f", "funnelName": "Spring"}))},
        {"type": "ResourceUpdate",
         "detail": of_company(json!({"type": "created", "resourceId": "r", "resourceType": "product",
                                     "resourceName": "Mug"}))},
        {"type": "AnalyticsUpdate", "detail": metric},
        {"type": "SystemNotification", "detail": notice},
        {"type": "UserNotification", "detail": own_notice},
        {"type": "AccessChanged", "detail": {"userId": ann.id, "companyId": company}},
        {"type": "Kick", "detail": {"channel": channel, "userId": ann.id, "reason": "refunded"}},
    ]);
    let reply = publish(stack, &backend, &events).await?.done()?;
    for (result, is_logged) in
        reply["results"].as_array().unwrap().iter().zip([true, true, false, true, true, false, false])
    {
        assert_eq!(result["seq"].is_u64(), is_logged, "{result}");
        assert_eq!(result["duplicate"], false, "{result}");
    }
    for event in ["funnel.update", "resource.update", "analytics.update"] {
        assert!(team.event(event).await?["channel"].as_str().unwrap().ends_with(&company), "{event}");
    }
    let message = loop {
        let notice = team.event("system.notification").await?;
        if notice["data"]["message"] == own_notice["message"] {
            break notice;
        }
    };
    assert_eq!(message["channel"], "system");
    assert_eq!(client.event("user.notification").await?["data"]["message"], own_notice["message"]);
    assert_eq!(client.event("access.revoked").await?["data"]["reason"], "refunded");
    Ok(())
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_and_a_refusal_names_its_field() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let backend = User::publisher();
    let mut event = bot(&pair.channel, "once");
    event["key"] = "step-1".into();
    let mut wrong = bot(&pair.channel, "wrong");
    wrong["detail"]["content"] = 7.into();
    for is_again in [false, true] {
        let reply = publish(stack, &backend, &json!([event, wrong])).await?.done()?;
        let (done, refused) = (&reply["results"][0], &reply["results"][1]["error"]);
        assert_eq!((&done["seq"], &done["duplicate"]), (&json!(1), &json!(is_again)));
        assert_eq!(done["key"], "step-1");
        assert_eq!((&refused["code"], &refused["field"]), (&json!("bad_request"), &json!("detail.content")));
    }
    assert_eq!(pair.ann.only("chat.message").await?["data"]["content"], "once");
    Ok(())
}

#[tokio::test]
async fn only_a_token_to_publish_publishes_and_it_does_nothing_else() -> Result<()> {
    let stack = Stack::shared()?;
    let (company, backend) = (unique("biz"), User::publisher());
    let events = json!([bot("conversation:c1", "hello")]);
    for user in [User::stranger(), User::admin_of(&company), User::backend_of(&company)] {
        assert_eq!(publish(stack, &user, &events).await?.refused()?, (403, "forbidden"));
    }
    assert_eq!(stack.get(&backend, "status").await?.refused()?, (401, "unauthorized"));
    assert_eq!(stack.post(&backend, "connect", &json!({})).await?.refused()?, (401, "unauthorized"));
    assert!(stack.connect(&backend).await.is_err(), "a token to publish opens no WebSocket");
    Ok(())
}
