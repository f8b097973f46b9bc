//! Queues by their operations, as an SDK sees them, and the passage of time by the pure part.

use serde_json::{Value, json};

use super::{
    operations::MESSAGE_BYTES_MAX,
    queue::{Deletion, Visibility},
    *,
};

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
    Queues::of([definition("jobs", Some(("dead", 2))), definition("dead", None)], visibility_max)
}

async fn call(queues: &Queues, operation: &str, mut body: Value) -> Result<Value, String> {
    if body.get("QueueUrl").is_none() {
        body["QueueUrl"] = json!("http://127.0.0.1:1/000000000000/jobs");
    }
    queues.call(operation, body).await.map_err(|error| error.code)
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
        queues.send("arn:aws:sqs:us-east-1:000000000000:jobs", "now".to_owned());
    };
    let (received, ()) = tokio::join!(waiting, sending);
    assert_eq!(received.unwrap()["Messages"][0]["Body"], "now");
}

/// For a test that cannot wait for what AWS waits for.
#[tokio::test]
async fn no_queue_hides_a_message_for_longer_than_it_may() {
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
async fn a_batch_answers_each_entry() {
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
async fn attributes_come_back_with_their_checksum() {
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
async fn refusals_have_the_names_of_aws() {
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
async fn queues_are_found_and_emptied() {
    let queues = queues();
    let urls = call(&queues, "ListQueues", json!({"QueueNamePrefix": "jo"})).await.unwrap();
    assert_eq!(urls, json!({"QueueUrls": ["http://127.0.0.1:1/000000000000/jobs"]}));
    let url = call(&queues, "GetQueueUrl", json!({"QueueName": "dead"})).await.unwrap();
    assert_eq!(url["QueueUrl"], "http://127.0.0.1:1/000000000000/dead");
    call(&queues, "SendMessage", json!({"MessageBody": "x"})).await.unwrap();
    call(&queues, "PurgeQueue", json!({})).await.unwrap();
    assert_eq!(call(&queues, "ReceiveMessage", json!({})).await, Ok(json!({})));
}

#[test]
fn time_hides_shows_and_ends_messages() {
    let mut queue = Queue::new(&definition("q", None));
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let delay = Some(Duration::from_secs(5));
    queue.put(Entry { body: "late".to_owned(), delay, attributes: Attributes::default() }, start);
    assert!(queue.receive(start, 1, None).received.is_empty());
    assert_eq!(queue.counts(start).delayed, 1);
    assert_eq!(queue.next_change(start), Some(at(5)));
    let first = queue.receive(at(5), 1, None).received.remove(0);
    assert_eq!(queue.counts(at(5)).in_flight, 1);
    assert!(queue.receive(at(34), 1, None).received.is_empty(), "hidden for 30 s");
    let second = queue.receive(at(35), 1, None).received.remove(0);
    assert_eq!((second.receives, &second.id), (2, &first.id));
    assert_eq!(queue.delete(&first.receipt), Deletion::Outdated);
    assert_eq!(queue.change_visibility(&first.receipt, Duration::ZERO, at(36)), Visibility::NotInFlight);
    assert_eq!(queue.change_visibility(&second.receipt, Duration::ZERO, at(36)), Visibility::Changed);
    assert_eq!(queue.receive(at(36), 1, None).received.len(), 1);
    assert!(queue.receive(at(66), 1, None).received.is_empty(), "older than the retention of 60 s");
    assert_eq!(queue.counts(at(66)), super::queue::Counts::default());
}
