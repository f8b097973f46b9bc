//! Events on a bus, and what its targets get.

use std::collections::BTreeMap;

use super::*;
use crate::eventbridge::Transformer;
use crate::lambda::fixture::{self, DEAD, Fixture, fixture};

/// A bus `b` with one rule, for events of source `app`.
async fn bus(target: Target) -> (Bus, Fixture) {
    bus_with(target, Input::Event).await
}

async fn bus_with(target: Target, input: Input) -> (Bus, Fixture) {
    let fixture = fixture(&[]).await;
    let mut stack = fixture::stack(BTreeMap::new());
    stack.buses = vec!["default".to_owned(), "b".to_owned()];
    let pattern = Pattern::parse(&json!({"source": ["app"]})).unwrap();
    stack.rules = vec![Rule {
        name: "r".to_owned(),
        arn: "arn:aws:events:us-east-1:000000000000:rule/b/r".to_owned(),
        trigger: Trigger::Event { bus: "b".to_owned(), pattern },
        target,
        input,
    }];
    (Bus::start(&stack, &fixture.lambda, &fixture.queues, &Secrets::default()).unwrap(), fixture)
}

fn entry(changes: &Value) -> Value {
    let mut entry = json!({"EventBusName": "b", "Source": "app", "DetailType": "T", "Detail": "{\"a\":1}"});
    for (name, value) in changes.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

async fn delivered(fixture: &Fixture) -> Value {
    let received = fixture.queues.receive(DEAD, 1, Duration::from_secs(20)).await;
    serde_json::from_str(&received[0].body).unwrap()
}

#[tokio::test]
async fn an_event_reaches_the_queue_of_its_rule() {
    let (bus, fixture) = bus(Target::Queue(DEAD.to_owned())).await;
    let other = entry(&json!({"Source": "other"}));
    let elsewhere = entry(&json!({"EventBusName": "default"}));
    let wanted = entry(&json!({"Time": 4_102_444_800.9, "Resources": ["arn:x"]}));
    let answer = bus.call("PutEvents", json!({"Entries": [other, elsewhere, wanted]})).unwrap();
    assert_eq!(answer["FailedEntryCount"], 0);
    // The event's time is the producer's, even if it is in the future, in whole seconds.
    let event = delivered(&fixture).await;
    assert_eq!(event["id"], answer["Entries"][2]["EventId"], "the only one of the three");
    let mut rest = event;
    rest.as_object_mut().unwrap().remove("id");
    let expected = json!({
        "version": "0", "detail-type": "T", "source": "app", "account": "000000000000", "region": "us-east-1",
        "time": "2100-01-01T00:00:00Z", "resources": ["arn:x"], "detail": {"a": 1},
    });
    assert_eq!(rest, expected);
    assert!(fixture.queues.receive(DEAD, 1, Duration::ZERO).await.is_empty());
}

/// A producer can set `Time` to anything, but not the time at which the event was accepted.
#[tokio::test]
async fn a_transformed_event_has_its_ingestion_time() {
    let template = r#"{"event": <aws.events.event.json>, "at": <aws.events.event.ingestion-time>}"#;
    let transformer = Transformer::parse(&BTreeMap::new(), template).unwrap();
    let (bus, fixture) = bus_with(Target::Queue(DEAD.to_owned()), Input::Transformed(transformer)).await;
    let before = Timestamp::now();
    let ahead = entry(&json!({"Time": before.as_second() + 3_600}));
    let answer = bus.call("PutEvents", json!({"Entries": [ahead]})).unwrap();
    let input = delivered(&fixture).await;
    assert_eq!(input["event"]["id"], answer["Entries"][0]["EventId"]);
    let at: Timestamp = input["at"].as_str().unwrap().parse().unwrap();
    assert!((before.as_second()..=Timestamp::now().as_second()).contains(&at.as_second()), "{input}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_function_cannot_start_ends_in_the_queue() {
    let (bus, fixture) = bus(Target::Function("F".to_owned())).await;
    // Without its binary the function cannot start, so that no retry helps.
    std::fs::remove_file(fixture.directory.path().join("f/bootstrap")).unwrap();
    bus.call("PutEvents", json!({"Entries": [entry(&json!({}))]})).unwrap();
    let record = delivered(&fixture).await;
    assert_eq!(record["requestPayload"]["detail"], json!({"a": 1}));
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["responsePayload"]["errorType"], "Runtime.InitError");
}

#[tokio::test]
async fn entries_are_refused_individually() {
    let (bus, _fixture) = bus(Target::Queue(DEAD.to_owned())).await;
    let cases = [
        (json!({"Source": null}), "InvalidArgument"),
        (json!({"DetailType": ""}), "InvalidArgument"),
        (json!({"Detail": null}), "InvalidArgument"),
        (json!({"Detail": "{"}), "MalformedDetail"),
        (json!({"Detail": "[1]"}), "MalformedDetail"),
        (json!({"Source": "aws.ec2"}), "NotAuthorizedForSourceException"),
        (json!({"Time": "yesterday"}), "InvalidArgument"),
        (json!({"EventBusName": "nope"}), "InvalidArgument"),
    ];
    for (changes, code) in cases {
        let entries = json!({"Entries": [entry(&changes), entry(&json!({}))]});
        let answer = bus.call("PutEvents", entries).unwrap();
        assert_eq!(
            (&answer["FailedEntryCount"], &answer["Entries"][0]["ErrorCode"]),
            (&json!(1), &json!(code))
        );
        assert!(answer["Entries"][1]["EventId"].is_string());
    }
}

#[tokio::test]
async fn too_much_is_refused_whole() {
    let (bus, _fixture) = bus(Target::Queue(DEAD.to_owned())).await;
    let large = entry(&json!({"Detail": format!("{{\"a\":\"{}\"}}", "x".repeat(ENTRIES_BYTES_MAX))}));
    let many: Vec<_> = (0..11).map(|_| entry(&json!({}))).collect();
    for body in [json!({"Entries": []}), json!({"Entries": many}), json!({"Entries": [large]}), json!({})] {
        assert_eq!(bus.call("PutEvents", body).unwrap_err().code, "ValidationException");
    }
    assert_eq!(bus.call("PutRule", json!({})).unwrap_err().code, "UnknownOperationException");
}

#[tokio::test]
async fn a_schedule_fires_after_each_period() {
    let fixture = fixture(&[]).await;
    let mut stack = fixture::stack(BTreeMap::new());
    stack.rules = vec![Rule {
        name: "tick".to_owned(),
        arn: "arn:aws:events:us-east-1:000000000000:rule/tick".to_owned(),
        trigger: Trigger::Every { period: Duration::from_millis(5) },
        target: Target::Queue(DEAD.to_owned()),
        input: Input::Event,
    }];
    let bus = Bus::start(&stack, &fixture.lambda, &fixture.queues, &Secrets::default()).unwrap();
    for _ in 0..2 {
        let event = delivered(&fixture).await;
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["resources"], json!(["arn:aws:events:us-east-1:000000000000:rule/tick"]));
    }
    drop(bus);
}
