//! Queues by their operations, as an SDK uses them, and time by the pure part.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    message::{Attributes, Entry},
    operations::MESSAGE_BYTES_MAX,
    queue::{Deletion, Queue, Visibility},
    *,
};
use crate::{aws_error::AwsError, journal::Journal, template};

fn definition(name: &str, redrive: Option<(&str, u32)>) -> template::Queue {
    template::Queue {
        id: name.to_owned(),
        name: name.to_owned(),
        arn: format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
        url: format!("http://127.0.0.1:1/000000000000/{name}"),
        visibility_timeout: Duration::from_secs(30),
        delay: Duration::ZERO,
        receive_wait: Duration::ZERO,
        retention: Duration::from_mins(1),
        redrive: redrive.map(|(to, receives_max)| template::Redrive {
            target_arn: format!("arn:aws:sqs:us-east-1:000000000000:{to}"),
            receives_max,
        }),
    }
}

fn queues() -> Queues {
    queues_that_hide_for(Duration::MAX)
}

fn queues_that_hide_for(visibility_max: Duration) -> Queues {
    queues_with(&Journal::default(), visibility_max)
}

/// The queues of a stack with this data folder.
fn queues_in(data: &std::path::Path) -> Queues {
    queues_with(&Journal::open(Some(data)).unwrap(), Duration::MAX)
}

fn queues_with(journal: &Journal, visibility_max: Duration) -> Queues {
    let definitions = [definition("jobs", Some(("dead", 2))), definition("dead", None)];
    Queues::of(definitions, visibility_max, journal).unwrap()
}

async fn call(queues: &Queues, operation: &str, mut body: Value) -> Result<Value, String> {
    if body.get("QueueUrl").is_none() {
        body["QueueUrl"] = json!("http://127.0.0.1:1/000000000000/jobs");
    }
    queues.call(operation, body, None).await.map_err(|error| error.code)
}

#[tokio::test]
async fn a_message_is_received_once_and_deleted() {
    let queues = queues();
    let sent = call(&queues, "SendMessage", json!({"MessageBody": "hello"})).await.unwrap();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let all = json!({"MessageSystemAttributeNames": ["All"], "MaxNumberOfMessages": 10});
    let received = call(&queues, "ReceiveMessage", all.clone()).await.unwrap();
    let message = &received["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageId"]), (&json!("hello"), &sent["MessageId"]));
    assert_eq!(message["MD5OfBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(call(&queues, "ReceiveMessage", all).await, Ok(json!({})), "it is hidden");
    let receipt = json!({"ReceiptHandle": message["ReceiptHandle"]});
    assert_eq!(call(&queues, "DeleteMessage", receipt.clone()).await, Ok(json!({})));
    assert_eq!(call(&queues, "DeleteMessage", receipt).await, Ok(json!({})), "twice is no error");
    let counts = call(&queues, "GetQueueAttributes", json!({"AttributeNames": ["All"]})).await.unwrap();
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessages"], "0");
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "0");
}

#[tokio::test]
async fn a_waiting_receive_is_woken_by_a_send() {
    let queues = queues();
    let waiting = call(&queues, "ReceiveMessage", json!({"WaitTimeSeconds": 20}));
    let sending = async {
        tokio::task::yield_now().await;
        queues.send("arn:aws:sqs:us-east-1:000000000000:jobs", "now".to_owned()).unwrap();
    };
    let (received, ()) = tokio::join!(waiting, sending);
    assert_eq!(received.unwrap()["Messages"][0]["Body"], "now");
}

/// A limit on the visibility timeout, for tests that cannot wait for AWS's.
#[tokio::test]
async fn the_visibility_timeout_is_limited() {
    let queues = queues_that_hide_for(Duration::from_millis(1));
    call(&queues, "SendMessage", json!({"MessageBody": "hello"})).await.unwrap();
    for _ in 0..2 {
        let received = call(&queues, "ReceiveMessage", json!({"WaitTimeSeconds": 20})).await.unwrap();
        assert_eq!(received["Messages"][0]["Body"], "hello");
    }
}

#[tokio::test]
async fn what_is_received_too_often_is_dead() {
    let queues = queues();
    call(&queues, "SendMessage", json!({"MessageBody": "poison"})).await.unwrap();
    for _ in 0..2 {
        let received = call(&queues, "ReceiveMessage", json!({"VisibilityTimeout": 0})).await.unwrap();
        assert_eq!(received["Messages"][0]["Body"], "poison");
    }
    assert_eq!(call(&queues, "ReceiveMessage", json!({})).await, Ok(json!({})));
    let dead = json!({"QueueUrl": "x/dead", "AttributeNames": ["ApproximateReceiveCount"]});
    let received = call(&queues, "ReceiveMessage", dead).await.unwrap();
    assert_eq!(received["Messages"][0]["Attributes"], json!({"ApproximateReceiveCount": "3"}));
}

#[tokio::test]
async fn a_batch_answers_each_entry_individually() {
    let queues = queues();
    let entries = json!({"Entries": [
        {"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": ""}, {"Id": "c", "MessageBody": "3"},
    ]});
    let answer = call(&queues, "SendMessageBatch", entries).await.unwrap();
    assert_eq!(answer["Successful"].as_array().unwrap().len(), 2);
    assert_eq!(answer["Failed"][0]["Id"], "b");
    let received = call(&queues, "ReceiveMessage", json!({"MaxNumberOfMessages": 10})).await.unwrap();
    let handles: Vec<Value> = received["Messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| json!({"Id": message["Body"], "ReceiptHandle": message["ReceiptHandle"]}))
        .collect();
    let answer = call(&queues, "DeleteMessageBatch", json!({"Entries": handles})).await.unwrap();
    assert_eq!(answer, json!({"Successful": [{"Id": "1"}, {"Id": "3"}], "Failed": []}));
}

#[tokio::test]
async fn attributes_are_returned_with_their_checksum() {
    let queues = queues();
    let attributes = json!({"a": {"DataType": "String", "StringValue": "x"}, "n.b": {"DataType": "Number", "StringValue": "1"}});
    let sent = call(&queues, "SendMessage", json!({"MessageBody": "m", "MessageAttributes": attributes}))
        .await
        .unwrap();
    let received = call(&queues, "ReceiveMessage", json!({"MessageAttributeNames": ["All"]})).await.unwrap();
    let message = &received["Messages"][0];
    assert_eq!(message["MessageAttributes"], attributes);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    // md5 of: 1 "a", 6 "String", 01, 1 "x", each length in four bytes.
    let one = json!({"a": {"DataType": "String", "StringValue": "x"}});
    assert_eq!(Attributes::parse(Some(&one)).unwrap().md5().unwrap(), "a512aac9938034acb0b3c3d965944bf1");
}

#[tokio::test]
async fn errors_have_the_names_of_aws() {
    let queues = queues();
    let many: Vec<Value> = (0..11).map(|id| json!({"Id": id.to_string(), "MessageBody": "x"})).collect();
    let large = "x".repeat(MESSAGE_BYTES_MAX + 1);
    let cases = [
        (
            "SendMessage",
            json!({"QueueUrl": "http://x/000000000000/nope", "MessageBody": "x"}),
            "QueueDoesNotExist",
        ),
        ("SendMessage", json!({}), "MissingParameter"),
        ("SendMessage", json!({"MessageBody": large}), "InvalidParameterValue"),
        ("SendMessage", json!({"MessageBody": "a\u{ffff}"}), "InvalidMessageContents"),
        ("SendMessage", json!({"MessageBody": "a\u{fffe}"}), "InvalidMessageContents"),
        ("SendMessage", json!({"MessageBody": "a\u{1}"}), "InvalidMessageContents"),
        ("SendMessage", json!({"MessageBody": "x", "MessageAttributes": {"a": {}}}), "InvalidParameterValue"),
        ("SendMessageBatch", json!({"Entries": []}), "EmptyBatchRequest"),
        ("SendMessageBatch", json!({"Entries": many}), "TooManyEntriesInBatchRequest"),
        ("DeleteMessageBatch", json!({"Entries": [{"Id": "a"}, {"Id": "a"}]}), "BatchEntryIdsNotDistinct"),
        ("SendMessageBatch", json!({"Entries": [{"Id": "a", "MessageBody": large}]}), "BatchRequestTooLong"),
        ("ReceiveMessage", json!({"MaxNumberOfMessages": 11}), "InvalidParameterValue"),
        ("ReceiveMessage", json!({"WaitTimeSeconds": 21}), "InvalidParameterValue"),
        ("DeleteMessage", json!({"ReceiptHandle": "junk"}), "ReceiptHandleIsInvalid"),
        ("AddPermission", json!({}), "UnknownOperationException"),
    ];
    for (operation, body, code) in cases {
        assert_eq!(call(&queues, operation, body).await, Err(code.to_owned()), "{operation} {code}");
    }
}

#[tokio::test]
async fn queues_are_listed_and_purged() {
    let queues = queues();
    let urls = call(&queues, "ListQueues", json!({"QueueNamePrefix": "jo"})).await.unwrap();
    assert_eq!(urls, json!({"QueueUrls": ["http://127.0.0.1:1/000000000000/jobs"]}));
    let url = call(&queues, "GetQueueUrl", json!({"QueueName": "dead"})).await.unwrap();
    assert_eq!(url["QueueUrl"], "http://127.0.0.1:1/000000000000/dead");
    call(&queues, "SendMessage", json!({"MessageBody": "x"})).await.unwrap();
    call(&queues, "PurgeQueue", json!({})).await.unwrap();
    assert_eq!(call(&queues, "ReceiveMessage", json!({})).await, Ok(json!({})));
}

/// Nothing is written when a stack ends, so dropping it is the same as killing it.
#[tokio::test]
async fn a_later_run_has_the_messages_of_the_one_before() {
    let data = tempfile::tempdir().unwrap();
    let queues = queues_in(data.path());
    let attributes = json!({"a": {"DataType": "String", "StringValue": "x"}});
    let batch = json!({"Entries": [
        {"Id": "1", "MessageBody": "handled"}, {"Id": "2", "MessageBody": "held", "MessageAttributes": attributes},
    ]});
    call(&queues, "SendMessageBatch", batch).await.unwrap();
    let handled = call(&queues, "ReceiveMessage", json!({})).await.unwrap()["Messages"][0].clone();
    let handle = json!({"ReceiptHandle": handled["ReceiptHandle"]});
    call(&queues, "DeleteMessage", handle).await.unwrap();
    let held = call(&queues, "ReceiveMessage", json!({})).await.unwrap()["Messages"][0].clone();
    call(&queues, "SendMessage", json!({"MessageBody": "timer", "DelaySeconds": 900})).await.unwrap();
    drop(queues);

    let queues = queues_in(data.path());
    let counts = async |queues: &Queues| {
        let asked = call(queues, "GetQueueAttributes", json!({"AttributeNames": ["All"]})).await.unwrap();
        ["", "NotVisible", "Delayed"]
            .map(|name| asked["Attributes"][format!("ApproximateNumberOfMessages{name}")].clone())
    };
    assert_eq!(counts(&queues).await, ["0", "1", "1"], "one is held by a client, one is not due");
    let again = json!({"ReceiptHandle": held["ReceiptHandle"], "VisibilityTimeout": 0});
    call(&queues, "ChangeMessageVisibility", again).await.unwrap();
    let all = json!({"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]});
    let received = call(&queues, "ReceiveMessage", all).await.unwrap();
    let received = &received["Messages"][0];
    assert_eq!((&received["Body"], &received["MessageAttributes"]), (&json!("held"), &attributes));
    assert_eq!(received["Attributes"]["ApproximateReceiveCount"], "2");
    call(&queues, "PurgeQueue", json!({})).await.unwrap();
    drop(queues);
    assert_eq!(counts(&queues_in(data.path())).await, ["0", "0", "0"]);
}

#[tokio::test]
async fn a_message_that_a_mapping_was_handling_is_visible_in_the_next_run_and_its_receives_are_unchanged() {
    const JOBS: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";
    let data = tempfile::tempdir().unwrap();
    queues_in(data.path()).send(JOBS, "job".to_owned()).unwrap();
    // More often than the queue's maxReceiveCount.
    for _ in 0..4 {
        let queues = queues_in(data.path());
        let received = queues.receive(JOBS, 1, Duration::ZERO).await;
        assert_eq!((received[0].body.as_str(), received[0].receives), ("job", 1));
    }
}

#[tokio::test]
async fn a_dead_letter_stays_in_its_queue() {
    let data = tempfile::tempdir().unwrap();
    let queues = queues_in(data.path());
    call(&queues, "SendMessage", json!({"MessageBody": "poison"})).await.unwrap();
    for _ in 0..3 {
        call(&queues, "ReceiveMessage", json!({"VisibilityTimeout": 0})).await.unwrap();
    }
    drop(queues);
    let queues = queues_in(data.path());
    assert_eq!(call(&queues, "ReceiveMessage", json!({})).await, Ok(json!({})));
    let dead = call(&queues, "ReceiveMessage", json!({"QueueUrl": "x/dead"})).await.unwrap();
    assert_eq!(dead["Messages"][0]["Body"], "poison");
}

#[test]
fn time_hides_shows_and_ends_messages() {
    let mut queue = Queue::new(&definition("q", None), BTreeMap::new());
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let delay = Some(Duration::from_secs(5));
    let entry = Entry { body: "late".to_owned(), delay, attributes: Attributes::default(), trace: None };
    queue.put(vec![entry], start, |_| Ok::<_, AwsError>(())).unwrap();
    let receive = |queue: &mut Queue, seconds| queue.receive(at(seconds), 1, None).received;
    assert!(receive(&mut queue, 0).is_empty());
    assert_eq!(queue.counts(start).delayed, 1);
    assert_eq!(queue.next_change(start), Some(at(5)));
    let (key, first) = receive(&mut queue, 5).remove(0);
    assert_eq!(queue.counts(at(5)).in_flight, 1);
    assert!(receive(&mut queue, 34).is_empty(), "hidden for 30 s");
    let (_, second) = receive(&mut queue, 35).remove(0);
    assert_eq!((second.receives, &second.id), (2, &first.id));
    assert_eq!(queue.delete(&first.receipt), Deletion::Outdated);
    assert_eq!(queue.change_visibility(&first.receipt, Duration::ZERO, at(36)), Visibility::NotInFlight);
    assert_eq!(queue.change_visibility(&second.receipt, Duration::ZERO, at(36)), Visibility::Changed(key));
    assert_eq!(receive(&mut queue, 36).len(), 1);
    assert!(receive(&mut queue, 66).is_empty(), "older than the retention of 60 s");
    assert_eq!(queue.counts(at(66)), super::queue::Counts::default());
}
