//! What a URL gets, and what becomes of an event that it does not take.

use std::{collections::BTreeMap, net::Ipv4Addr};

use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc};

use super::*;
use crate::{
    lambda::fixture::{DEAD, Fixture, fixture},
    sqs::Queues,
    template::{ApiDestination, Queue},
};

/// A URL that answers with these statuses, one after the other, and then with the last one; and what it is asked.
async fn url(
    statuses: &'static [u16],
    tasks: &mut JoinSet<()>,
) -> (String, mpsc::UnboundedReceiver<(HeaderMap, String)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let (asked, requests) = mpsc::unbounded_channel();
    let times = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    tasks.spawn(http1::serve(listener, move |request: Request<Incoming>, _| {
        let (asked, times) = (asked.clone(), Arc::clone(&times));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            asked.send((head.headers, String::from_utf8(body.to_vec()).unwrap())).ok();
            let time = times.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let status = statuses[time.min(statuses.len() - 1)];
            Response::builder().status(status).body(Full::default()).unwrap()
        }
    }));
    (url, requests)
}

/// The queues of a stack of which one rule sends its events to this URL.
async fn sending_to(url: &str, retries_max: u32, tasks: &mut JoinSet<()>) -> (Fixture, String) {
    let fixture = fixture(&[]).await;
    let stack = crate::lambda::fixture::stack(BTreeMap::new());
    let queue: Queue = stack.queues.into_iter().find(|queue| queue.id == "Jobs").unwrap();
    let arn = queue.arn.clone();
    let destination = ApiDestination {
        arn: "arn:destination".to_owned(),
        url: url.parse().unwrap(),
        key: (http::HeaderName::from_static("x-key"), ApiKey::Secret("app/key".to_owned())),
        rate_max: 100,
    };
    let target = DestinationTarget {
        destination,
        retries_max,
        event_age_max: Duration::from_hours(1),
        dead_letters: Some(DEAD.to_owned()),
        queue,
    };
    let none = sending("arn:rule", &target, &fixture.queues, &Secrets::default()).map(drop);
    assert_eq!(none.unwrap_err().to_string(), "the secret app/key is missing");
    let secrets = Secrets::new([("app/key".to_owned(), "sesame".to_owned())].into_iter());
    tasks.spawn(sending("arn:rule", &target, &fixture.queues, &secrets).unwrap());
    (fixture, arn)
}

async fn given_up(queues: &Queues) -> serde_json::Value {
    let dead = queues.receive(DEAD, 1, Duration::from_secs(20)).await;
    dead[0].lambda_record(DEAD, "us-east-1")
}

#[tokio::test]
async fn an_event_is_sent_until_it_is_taken() {
    let mut tasks = JoinSet::new();
    let (url, mut requests) = url(&[503, 200], &mut tasks).await;
    let (fixture, queue) = sending_to(&url, 185, &mut tasks).await;
    fixture.queues.send(&queue, "{\"a\":1}".to_owned()).unwrap();
    for _ in 0..2 {
        let (headers, body) = requests.recv().await.unwrap();
        assert_eq!(
            (&headers["x-key"], &headers["user-agent"]),
            (&"sesame".parse().unwrap(), &USER_AGENT.parse().unwrap())
        );
        assert_eq!(body, "{\"a\":1}");
    }
    // The next one is taken at once, and the first one is not sent again.
    fixture.queues.send(&queue, "{\"a\":2}".to_owned()).unwrap();
    assert_eq!(requests.recv().await.unwrap().1, "{\"a\":2}");
    assert!(fixture.queues.receive(DEAD, 1, Duration::ZERO).await.is_empty());
}

#[tokio::test]
async fn an_event_that_is_not_taken_becomes_a_dead_letter_with_the_reason() {
    let mut tasks = JoinSet::new();
    let (url, _requests) = url(&[400, 500], &mut tasks).await;
    let (fixture, queue) = sending_to(&url, 0, &mut tasks).await;
    for (body, code, condition) in [
        ("1", "the URL answered 400 Bad Request", None),
        ("2", "the URL answered 500 Internal Server Error", Some("MaximumRetryAttempts")),
    ] {
        fixture.queues.send(&queue, body.to_owned()).unwrap();
        let letter = given_up(&fixture.queues).await;
        let attribute =
            |name: &str| letter["messageAttributes"][name]["stringValue"].as_str().map(str::to_owned);
        assert_eq!(letter["body"], body);
        assert_eq!(attribute("ERROR_MESSAGE").as_deref(), Some(code));
        assert_eq!(attribute("EXHAUSTED_RETRY_CONDITION").as_deref(), condition);
        let same = json!([
            attribute("RULE_ARN"),
            attribute("TARGET_ARN"),
            attribute("ERROR_CODE"),
            attribute("RETRY_ATTEMPTS")
        ]);
        assert_eq!(same, json!(["arn:rule", "arn:destination", "API_DESTINATION_ERROR", "0"]));
    }
}
