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
pub(super) async fn apply(realtime: &Realtime, events: impl IntoIterator<Item = Value>) -> Vec<Value> {
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

/// A default `timestamp` is that of the first try: a repeat shows nobody a later one.
#[tokio::test]
async fn a_repeat_leaves_the_latest_value_as_it_is() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    let update = |progress: u32, key: &str| {
        json!({"type": "FunnelUpdate", "key": key, "detail": {"type": "generation_progress", "progress": progress,
            "funnelId": "f1", "funnelName": "Spring", "userId": "user_1", "companyId": "biz_1"}})
    };
    let latest = async || {
        let channel = "funnel_updates:biz_1".parse().unwrap();
        let latest = realtime.table().latest(&channel, None).await.unwrap();
        serde_json::to_value(&latest.events[0]).unwrap()
    };
    apply(&realtime, [update(100, "k")]).await;
    let first = latest().await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let again = apply(&realtime, [update(100, "k")]).await;
    assert_eq!(again[0]["duplicate"], true);
    assert_eq!(latest().await, first);

    // A repeat that overlaps with its first try gives later events no earlier default than it has itself.
    let early = now() - Duration::from_secs(2);
    let events = [Error::parse(update(1, "a")), Error::parse(update(2, "b"))];
    backend::apply(&realtime, events.into(), early).await;
    assert_eq!(latest().await["data"]["progress"], 2);
}

#[tokio::test]
async fn events_of_a_channel_are_posted_in_their_order_whether_they_are_logged_or_not() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    let ann = caller("user_1", "c1=");
    realtime.table().put_connection(&ann).await.unwrap();
    let room: Channel = "room:lobby".parse().unwrap();
    realtime.table().put_membership(&ann, &room, funnelcast_core::Right::Own, None, ann.order).await.unwrap();
    let of =
        |kind: &str, name: &str| json!({"type": kind, "detail": {"channel": "room:lobby", "name": name}});
    apply(&realtime, [of("AppEvent", "1"), of("AppSignal", "2"), of("AppEvent", "3"), of("AppSignal", "4")])
        .await;
    let requests = stub.requests();
    let batch: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
    let names: Vec<_> =
        batch["events"].as_array().unwrap().iter().map(|event| &event["data"]["name"]).collect();
    assert_eq!(names, ["1", "2", "3", "4"]);
}
