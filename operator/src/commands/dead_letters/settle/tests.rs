//! Which letters are meant, and what is told when a walk fails.

use std::sync::Mutex;

use funnelcast_aws::account::mail::Mail;
use serde_json::{Value, json};

use super::{super::Filter, *};
use crate::{stack::Place, testing::Server};

/// Two letters of one item, and one of another.
fn letters() -> [Letter; 3] {
    [("m1", "e1"), ("m2", "e1"), ("m3", "e3")].map(|(message, id)| {
        let body = json!({"source": "bus", "id": id, "code": "internal", "reason": "", "item": {"id": id}});
        Letter::read(Mail { id: message.to_owned(), body: body.to_string(), ..Mail::default() })
    })
}

/// What becomes of the letters, and whether a walk that has seen them would go on.
fn chosen(ids: &[&str], twin: Twin) -> ([Choice; 3], bool) {
    let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
    let options = SettleOptions { all: ids.is_empty(), ids, filter: Filter::default(), dry_run: false };
    let mut chooser = Chooser::new(&options, twin);
    let choices = letters().map(|letter| chooser.choose(&letter));
    assert!(chooser.unknown.is_empty(), "{:?}", chooser.unknown);
    (choices, chooser.wants_more())
}

#[test]
fn the_id_of_a_message_means_that_message_alone() {
    use Choice::{Leave, Settle};
    for twin in [Twin::Leave, Twin::Settle] {
        assert_eq!(chosen(&["m2"], twin), ([Leave, Settle, Leave], false));
        assert_eq!(chosen(&["m1", "m2"], twin), ([Settle, Settle, Leave], false));
    }
}

#[test]
fn the_id_of_a_letter_means_all_that_have_it() {
    use Choice::{Leave, Settle, Twin as Same};
    assert_eq!(chosen(&["e1"], Twin::Settle), ([Settle, Settle, Leave], true));
    assert_eq!(chosen(&["e1"], Twin::Leave), ([Settle, Same, Leave], true));
    assert_eq!(chosen(&[], Twin::Settle), ([Settle, Settle, Settle], true));
    assert_eq!(chosen(&[], Twin::Leave), ([Settle, Same, Settle], true));
}

#[test]
fn a_letter_that_the_filters_hold_back_is_not_found() {
    let filter = Filter { source: Some("timers".to_owned()), ..Filter::default() };
    let options = SettleOptions { ids: vec!["m1".to_owned()], all: false, filter, dry_run: false };
    let mut chooser = Chooser::new(&options, Twin::Settle);
    assert_eq!(letters().map(|letter| chooser.choose(&letter)), [const { Choice::Leave }; 3]);
    assert_eq!(chooser.unknown, ["m1"]);
}

/// A stack whose dead-letter queue is counted as `about`, and gives these answers, each with a status, to what is received. All
/// other calls succeed.
async fn stack(about: usize, receives: Vec<(u16, Value)>) -> (Server, Stack) {
    let receives = Mutex::new(receives.into_iter());
    let server = Server::start(move |url, call, _| match call {
        "AmazonSQS.GetQueueAttributes" => {
            (200, json!({"Attributes": {"ApproximateNumberOfMessages": about.to_string()}}))
        }
        "AmazonSQS.ReceiveMessage" => receives.lock().unwrap().next().unwrap_or((200, json!({}))),
        path if path.contains("/functions?") => {
            let variables =
                json!({"DEAD_LETTERS_URL": format!("{url}/1/dead"), "STAGE": "prod", "BUS_NAME": "shop"});
            let function = json!({"FunctionName": "shop-AuthorizeFunction-1A2B3C", "FunctionArn": "arn:f",
                "Environment": {"Variables": variables}});
            (200, json!({"Functions": [function], "NextMarker": null}))
        }
        "AWSEvents.PutEvents" => (200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e2"}]})),
        _ => (200, json!({"Successful": [], "Failed": []})),
    });
    let stack = Place::at(server.url()).find().await.unwrap();
    (server, stack)
}

/// An answer with these messages.
fn messages(ids: &[&str]) -> (u16, Value) {
    let message =
        |id: &&str| json!({"MessageId": id, "ReceiptHandle": format!("receipt-{id}"), "Body": "{}"});
    (200, json!({"Messages": ids.iter().map(message).collect::<Vec<_>>()}))
}

async fn dropped(stack: &Stack, ids: &[&str]) -> Settled {
    let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
    let options = SettleOptions { all: ids.is_empty(), ids, filter: Filter::default(), dry_run: false };
    settle(stack, &options, Twin::Settle, async |_: &Letter| Ok(())).await.unwrap()
}

fn done(settled: &Settled) -> Vec<&str> {
    settled.done.iter().map(|shown| shown.message_id.as_str()).collect()
}

#[tokio::test]
async fn a_walk_goes_on_where_sqs_gives_nothing_or_nothing_new() {
    let nothing = || messages(&[]);
    let receives = vec![messages(&["m1"]), nothing(), messages(&["m1"]), nothing(), messages(&["m2"])];
    let (_server, stack) = stack(2, receives).await;
    let settled = dropped(&stack, &[]).await;
    assert_eq!(done(&settled), ["m1", "m2"]);
    assert!(settled.failure.is_none() && settled.unseen.is_none());
}

#[tokio::test]
async fn a_walk_that_has_not_seen_all_says_so() {
    let (server, stack) = stack(500, vec![messages(&["m1"])]).await;
    let settled = dropped(&stack, &[]).await;
    assert!(settled.unseen.text().unwrap().contains("about 499 more letters"));
    assert_eq!(server.count("AmazonSQS.ReceiveMessage"), 4);
    assert_eq!(finish(Output::new(true), settled, "dropped").unwrap(), ExitCode::FAILURE);
}

#[tokio::test]
async fn what_was_done_is_told_when_a_later_call_fails() {
    let expired =
        json!({"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "it has expired"});
    let (server, stack) = stack(3, vec![messages(&["m1", "m2"]), (403, expired)]).await;
    let settled = dropped(&stack, &["m1", "e3"]).await;
    assert_eq!((done(&settled), settled.unknown.len()), (vec!["m1"], 0));
    assert_eq!(server.count("AmazonSQS.ChangeMessageVisibilityBatch"), 1, "m2 is shown again");
    let error = finish(Output::new(true), settled, "dropped").unwrap_err();
    assert!(format!("{error:#}").contains("ExpiredToken"), "{error:#}");
}

/// EventBridge could not give an event to `ChatEventsUrl`. Only the bus can take it again, which has other rules.
#[tokio::test]
async fn an_event_goes_to_every_rule_only_if_that_is_asked_for() {
    let target = "arn:aws:events:eu-west-1:1:api-destination/shop-ChatEvents/1";
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    let attributes = json!({"TARGET_ARN": text(target), "ERROR_CODE": text("SDK_CLIENT_ERROR")});
    let event = json!({"id": "e1", "source": "funnelcast", "detail-type": "MessageCreated", "detail": {}});
    let message = json!({"MessageId": "m1", "ReceiptHandle": "r1", "Body": event.to_string(),
        "MessageAttributes": attributes});
    for (to_every_rule, expected) in [(false, (ExitCode::FAILURE, 0, 0)), (true, (ExitCode::SUCCESS, 1, 1))] {
        let (server, stack) = stack(1, vec![(200, json!({"Messages": [message]}))]).await;
        let which = SettleOptions { all: true, ids: Vec::new(), filter: Filter::default(), dry_run: false };
        let options = RetryOptions { which, to_every_rule };
        let code = retry(&stack, Output::new(true), &options).await.unwrap();
        let calls = (server.count("AWSEvents.PutEvents"), server.count("AmazonSQS.DeleteMessage"));
        assert_eq!((code, calls.0, calls.1), expected);
    }
}
