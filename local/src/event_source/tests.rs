//! Whole mappings, with a real engine or queue and with real processes.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::{
    eventbridge::Pattern,
    faults::FaultKind,
    lambda::fixture::{self, DEAD, Fixture, JOBS, fixture},
    template::{Mapping, StartingPosition, StreamSource, Table},
};

fn mapping(source: Source, filter: &Value) -> Mapping {
    Mapping {
        id: "M".to_owned(),
        function: "F".to_owned(),
        source,
        batch_size: 10,
        batching_window: Duration::ZERO,
        filters: vec![Pattern::parse(filter).unwrap()],
        partial_failures: true,
    }
}

fn stream_stack() -> (Stack, Vec<Table>) {
    let source = StreamSource {
        arn: "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x".to_owned(),
        table: "things".to_owned(),
        start: StartingPosition::TrimHorizon,
        lanes: 1,
        bisect: true,
        retries_max: Some(1),
        record_age_max: Duration::from_mins(5),
        on_failure: Some(DEAD.to_owned()),
    };
    let table = Table {
        id: "T".to_owned(),
        name: "things".to_owned(),
        arn: "arn:aws:dynamodb:us-east-1:000000000000:table/t".to_owned(),
        stream_arn: Some(source.arn.clone()),
        definition: json!({
            "TableName": "things",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        }),
        ttl_attribute: None,
    };
    let mut stack = fixture::stack(BTreeMap::new());
    let filter =
        json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"anything-but": "unwanted"}]}}}});
    stack.mappings = vec![mapping(Source::Stream(source), &filter)];
    (stack, vec![table])
}

async fn put(engine: &Engine, pk: &str) {
    let item = json!({"TableName": "things", "Item": {"pk": {"S": pk}}});
    engine.call("DynamoDB_20120810.PutItem", item).await.unwrap();
}

/// The keys of all records that the function took, in order.
fn taken(fixture: &Fixture) -> Vec<String> {
    let lines = fixture.taken();
    let batches = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let records = batches.flat_map(|batch| batch["Records"].as_array().unwrap().clone());
    let key = |record: Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned();
    records.map(key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_goes_to_the_failure_queue_and_others_are_delivered() {
    let fixture = fixture(&[]).await;
    let (stack, tables) = stream_stack();
    let engine = Engine::start(&tables, None).await.unwrap();
    for pk in ["a", "poison", "unwanted", "b"] {
        put(&engine, pk).await;
    }
    let mut tasks = start(&stack, &engine, &fixture.lambda, &fixture.queues, None);
    let received = fixture.queues.receive(DEAD, 1, Duration::from_secs(20)).await;
    let record: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    let info = &record["DDBStreamBatchInfo"];
    assert_eq!((&info["batchSize"], &info["streamArn"]), (&json!(1), &json!(tables[0].stream_arn)));
    assert_eq!(info["startSequenceNumber"], info["endSequenceNumber"]);
    put(&engine, "c").await;
    fixture.until(|| taken(&fixture).len() == 3).await;
    assert_eq!(taken(&fixture), ["a", "b", "c"]);
    tasks.shutdown().await;
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_delivers_a_batch_twice_and_in_order() {
    let fixture = fixture(&[]).await;
    let (stack, tables) = stream_stack();
    let engine = Engine::start(&tables, None).await.unwrap();
    fixture.always(FaultKind::Duplicated);
    let mut tasks = start(&stack, &engine, &fixture.lambda, &fixture.queues, None);
    put(&engine, "a").await;
    fixture.until(|| taken(&fixture).len() == 2).await;
    put(&engine, "b").await;
    fixture.until(|| taken(&fixture).len() == 4).await;
    assert_eq!(taken(&fixture), ["a", "a", "b", "b"]);
    tasks.shutdown().await;
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persistent_stack_continues_reading_where_it_stopped() {
    let fixture = fixture(&[]).await;
    let (stack, tables) = stream_stack();
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(&tables, None).await.unwrap();
    for pk in ["a", "b"] {
        put(&engine, pk).await;
        let mut tasks =
            start(&stack, &engine, &fixture.lambda, &fixture.queues, Some(data.path().to_owned()));
        fixture.until(|| taken(&fixture).last().is_some_and(|last| last == pk)).await;
        // The response has been read once the position says so; then the record is not delivered again.
        let position = data.path().join("M.position");
        fixture.until(|| std::fs::read_to_string(&position).is_ok_and(|text| text.contains("after"))).await;
        tasks.shutdown().await;
    }
    assert_eq!(taken(&fixture), ["a", "b"]);
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_starts_at_the_end_misses_nothing_between_two_runs() {
    let fixture = fixture(&[]).await;
    let (mut stack, tables) = stream_stack();
    if let Source::Stream(source) = &mut stack.mappings[0].source {
        source.start = StartingPosition::Latest;
    }
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(&tables, None).await.unwrap();
    put(&engine, "before").await;
    let begin = || start(&stack, &engine, &fixture.lambda, &fixture.queues, Some(data.path().to_owned()));
    let mut tasks = begin();
    let position = data.path().join("M.position");
    fixture.until(|| position.exists()).await;
    // The mapping has read nothing yet.
    tasks.shutdown().await;
    put(&engine, "between").await;
    let mut tasks = begin();
    fixture.until(|| !taken(&fixture).is_empty()).await;
    assert_eq!(taken(&fixture), ["between"]);
    tasks.shutdown().await;
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_feeds_a_function_and_keeps_what_fails() {
    let fixture = fixture(&[]).await;
    let mut stack = fixture::stack(BTreeMap::new());
    let source = Source::Queue { arn: DEAD.to_owned(), concurrency_max: None };
    stack.mappings = vec![mapping(source, &json!({"body": {"kind": ["job"]}}))];
    // Otherwise it would be random whether both are in one batch.
    stack.mappings[0].batch_size = 1;
    // There is no table, so the engine gets no calls.
    let engine = Engine::start(&[], None).await.unwrap();
    let mut tasks = start(&stack, &engine, &fixture.lambda, &fixture.queues, None);
    fixture.queues.send(DEAD, json!({"kind": "noise"}).to_string()).unwrap();
    fixture.queues.send(DEAD, json!({"kind": "job", "id": "poison"}).to_string()).unwrap();
    fixture.queues.send(DEAD, json!({"kind": "job", "id": "good"}).to_string()).unwrap();
    let left = async || {
        let url = "http://127.0.0.1:1/000000000000/dead";
        let request = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let counts = fixture.queues.call("GetQueueAttributes", request, None).await.unwrap();
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        names.map(|name| counts["Attributes"][name].as_str().unwrap().to_owned())
    };
    let waiting = async {
        while left().await != ["0", "1"] || !fixture.taken().contains("good") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
    assert!(!fixture.taken().contains("noise"));
    tasks.shutdown().await;
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_keeps_to_its_maximum_concurrency() {
    let fixture = fixture(&[]).await;
    let mut stack = fixture::stack(BTreeMap::new());
    let source = Source::Queue { arn: JOBS.to_owned(), concurrency_max: Some(1) };
    stack.mappings =
        vec![Mapping { batch_size: 1, filters: Vec::new(), ..mapping(source, &json!({"body": ["wait"]})) }];
    let engine = Engine::start(&[], None).await.unwrap();
    for _ in 0..2 {
        fixture.queues.send(JOBS, "wait".to_owned()).unwrap();
    }
    let mut tasks = start(&stack, &engine, &fixture.lambda, &fixture.queues, None);
    fixture.until(|| fixture.taken().contains("waits")).await;
    let request = json!({"QueueUrl": "http://127.0.0.1:1/000000000000/jobs", "AttributeNames": ["All"]});
    let counts = fixture.queues.call("GetQueueAttributes", request, None).await.unwrap();
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessages"], "1");
    tasks.shutdown().await;
    fixture.lambda.stop().await;
}
