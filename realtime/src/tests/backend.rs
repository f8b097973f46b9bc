//! Events that the app's backend publishes by HTTP: their order, their repeats, and what one that fails or is refused
//! does to the others.

use funnelcast_core::{
    Error, Seq, Timestamp,
    http_api::{BackendEvent, PublishResult},
};
use funnelcast_testing::gateway::Answer;
use serde_json::{Value, json};

use super::{presence::join, *};
use crate::backend;

/// Applies these events, each of which may be malformed. Returns the results as JSON.
async fn apply(realtime: &Realtime, events: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let events = events.into_iter().map(Error::parse::<BackendEvent>).collect();
    let results = backend::apply(realtime, events, now()).await;
    results.into_iter().map(|result: PublishResult| serde_json::to_value(result).unwrap()).collect()
}

fn message(content: &str) -> Value {
    json!({"type": "ChatMessage", "detail": {"conversationId": "c1", "type": "bot", "content": content}})
}

fn keyed(content: &str, key: &str, time: Option<Timestamp>) -> Value {
    let mut event = message(content);
    event["key"] = key.into();
    if let Some(time) = time {
        event["time"] = time.to_string().into();
    }
    event
}

fn seqs(results: &[Value]) -> Vec<Option<u64>> {
    results.iter().map(|result| result["seq"].as_u64()).collect()
}

/// The contents of the log of the conversation.
async fn log(realtime: &Realtime) -> Vec<String> {
    let recovery = realtime.table().recover(&channel(), Some(Seq::ZERO)).await.unwrap();
    let contents = recovery.events.iter().map(|event| {
        let data: Value = serde_json::from_str(event.data.get()).unwrap();
        data["content"].as_str().unwrap().to_owned()
    });
    contents.collect()
}

#[tokio::test]
async fn the_events_of_a_channel_are_logged_and_delivered_in_their_order() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    join(&realtime, &caller("user_1", "c1=")).await;
    let contents: Vec<_> = (1..=12).map(|number| format!("step {number}")).collect();
    let results = apply(&realtime, contents.iter().map(|content| message(content))).await;
    assert_eq!(seqs(&results), (1..=12).map(Some).collect::<Vec<_>>());
    assert!(
        results.iter().all(|result| result["duplicate"] == false && result["key"].is_string()),
        "{results:?}"
    );
    assert_eq!(log(&realtime).await, contents);
    let frames: Vec<Value> =
        stub.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let [_their_own_presence, batch] = &frames[..] else { panic!("they are posted together: {frames:?}") };
    let posted = batch["events"].as_array().unwrap().iter().map(|event| event["data"]["content"].clone());
    assert_eq!(posted.collect::<Vec<_>>(), contents);
}

#[tokio::test]
async fn consecutive_events_share_the_read_of_the_logs_end() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    apply(&realtime, [message("first")]).await;
    realtime.engine.take_operations();
    apply(&realtime, (0..10).map(|number| message(&number.to_string()))).await;
    let operations = realtime.engine.take_operations();
    let count = |name: &str| operations.iter().filter(|operation| *operation == name).count();
    assert_eq!((count("PutItem"), count("Query")), (10, 2), "the log's end, and the members: {operations:?}");
}

#[tokio::test]
async fn a_repeat_is_recognised_by_its_key() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    let long_ago = now() - Duration::from_hours(1);
    let first = apply(
        &realtime,
        [keyed("one", "k1", None), keyed("two", "k2", Some(long_ago)), keyed("one again", "k1", None)],
    )
    .await;
    assert_eq!(seqs(&first), [Some(1), Some(2), Some(1)]);
    assert_eq!(first[2]["duplicate"], true);
    for _ in 0..2 {
        apply(&realtime, (0..100).map(|number| message(&number.to_string()))).await;
    }
    let again = apply(
        &realtime,
        [keyed("two", "k2", Some(long_ago)), keyed("one", "k1", Some(long_ago)), keyed("two", "k2", None)],
    )
    .await;
    assert_eq!(
        seqs(&again),
        [Some(2), Some(1), Some(203)],
        "without a time, only the last 100 are looked at"
    );
}

#[tokio::test]
async fn a_refused_event_names_its_field_and_does_not_stop_the_others() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    let results = apply(
        &realtime,
        [
            message("one"),
            json!({"type": "ChatMessage", "detail": {"conversationId": "c1", "type": "bot", "content": 7}}),
            json!({"type": "Nonsense", "detail": {}}),
            json!({"type": "Kick", "detail": {"channel": "conversation:c1", "reason": "refunded"}}),
            json!({"type": "FunnelUpdate", "detial": {}}),
            message("two"),
        ],
    )
    .await;
    assert_eq!(seqs(&results), [Some(1), None, None, None, None, Some(2)]);
    let refused: Vec<_> = results[1..5].iter().map(|result| &result["error"]).collect();
    let fields: Vec<_> = refused.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["detail.content", "type", "detail.userId", "detial"]);
    assert!(refused.iter().all(|error| error["code"] == "bad_request"), "{refused:?}");
}

#[tokio::test]
async fn after_an_event_that_failed_only_those_of_its_channel_are_not_tried() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    let funnel = |funnel: &str| {
        json!({"type": "FunnelUpdate", "detail": {"type": "deployed", "funnelId": funnel, "funnelName": "Spring",
            "userId": "user_1", "companyId": "biz_1"}})
    };
    // The queue of this test is nowhere, so a change of a conversation cannot set its timer.
    let conversation = json!({"type": "Conversation",
        "detail": {"conversationId": "c1", "companyId": "biz_1", "participants": ["user_1"]}});
    let results =
        apply(&realtime, [funnel("f1"), message("one"), conversation, message("two"), funnel("f2")]).await;
    assert_eq!(seqs(&results), [Some(1), Some(1), None, None, Some(2)]);
    assert_eq!(results[2]["error"]["code"], "internal");
    assert_eq!(results[3]["error"]["code"], "internal");
    assert_eq!(log(&realtime).await, ["one"], "the backend repeats from the one that failed");
}
