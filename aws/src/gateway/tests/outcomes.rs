//! The outcome of a post for every response and for none; the SDK has the same outcome.

use std::collections::HashMap;

use aws_config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_apigatewaymanagement::{Client, config::Builder};
use futures_util::future::join_all;
use tokio::join;

use funnelcast_testing::gateway::Answer::*;

use super::*;

/// The time after which an unanswered attempt is abandoned: far longer than a response of the stub takes.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Retries faster than in production.
fn quick() -> Patience {
    Patience {
        attempt: ATTEMPT,
        post: Duration::from_mins(1),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(10),
    }
}

fn config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    sdk_config(SharedCredentialsProvider::new(credentials(None)), &Clock::at(EXAMPLE_SECS))
        .into_builder()
        .timeout_config(timeouts)
        .retry_config(retries.with_max_attempts(4))
        .build()
}

fn poster(stub: &Stub, patience: Patience) -> Poster {
    Poster::new(&stub.url(), &config(), patience).unwrap()
}

async fn post(poster: &Poster) -> PostOutcome {
    poster.post(&connection("a="), &frame("hello")).await
}

/// The SDK's outcome if the gateway gives these answers.
async fn sdk_comes_to(answers: &[Answer]) -> PostOutcome {
    let stub = Stub::answering(answers).await;
    let client = Client::from_conf(Builder::from(&config()).endpoint_url(stub.url()).build());
    post_by_sdk(&client, &connection("a="), &frame("hello")).await
}

/// The poster's outcome, and the number of its requests.
async fn we_come_to(answers: &[Answer]) -> (PostOutcome, usize) {
    let stub = Stub::answering(answers).await;
    (post(&poster(&stub, quick())).await, stub.requests().len())
}

/// Both have the outcome `expected`, and the poster makes one request per answer.
async fn both_come_to(expected: PostOutcome, answers: &[Answer]) {
    let (ours, sdks) = join!(we_come_to(answers), sdk_comes_to(answers));
    assert_eq!(ours, (expected, answers.len()), "{answers:?}");
    assert_eq!(sdks, expected, "the SDK, {answers:?}");
}

#[tokio::test]
async fn some_answers_are_final() {
    both_come_to(PostOutcome::Sent, &[Status(200)]).await;
    both_come_to(PostOutcome::Gone, &[Status(410)]).await;
    both_come_to(PostOutcome::TooLarge, &[Status(413)]).await;
    for refusal in [400, 403, 404] {
        both_come_to(PostOutcome::Failed, &[Status(refusal)]).await;
    }
}

#[tokio::test]
async fn other_answers_are_retried() {
    for again in [Status(429), Status(500), Status(502), Status(503), Status(504), Reset] {
        both_come_to(PostOutcome::Sent, &[again, Status(200)]).await;
        both_come_to(PostOutcome::Gone, &[again, Status(410)]).await;
    }
    both_come_to(PostOutcome::Sent, &[Status(429), Status(429), Status(503), Status(200)]).await;
    both_come_to(PostOutcome::Sent, &[Status(500), Reset, Status(200)]).await;
}

#[tokio::test]
async fn silence_is_retried() {
    join!(
        both_come_to(PostOutcome::Sent, &[Never, Status(200)]),
        both_come_to(PostOutcome::Gone, &[Never, Status(410)])
    );
}

#[tokio::test]
async fn retries_of_an_endless_refusal_end() {
    let hasty = Patience { post: Duration::from_secs(1), ..quick() };
    join_all([Status(429), Status(500), Reset, Never].map(async |no| {
        let stub = Stub::answering(&[no]).await;
        assert_eq!(post(&poster(&stub, hasty)).await, PostOutcome::Failed, "{no:?}");
        assert!(!stub.requests().is_empty(), "{no:?}");
    }))
    .await;
    assert_eq!(sdk_comes_to(&[Status(429)]).await, PostOutcome::Failed, "it counts its attempts");
}

#[tokio::test]
async fn a_post_to_an_unreachable_gateway_fails() {
    let stub = Stub::answering(&[Status(200)]).await;
    let poster = poster(&stub, Patience { post: Duration::from_millis(100), ..quick() });
    drop(stub);
    assert_eq!(post(&poster).await, PostOutcome::Failed);
}

/// Of thousands of posts to a gateway that refuses everything, only the first are retried; otherwise they would
/// outlast their function.
#[tokio::test]
async fn after_a_post_is_abandoned_no_post_is_retried_until_one_succeeds() {
    // Each frame contains the answers to its posts, one after the other.
    let asked: std::sync::Mutex<HashMap<Bytes, usize>> = std::sync::Mutex::default();
    let stub = Stub::start(move |request| {
        let mut asked = asked.lock().unwrap();
        let asked = asked.entry(request.body.clone()).or_default();
        *asked += 1;
        let answers = std::str::from_utf8(&request.body).unwrap();
        let status = answers.split_whitespace().nth(*asked).unwrap_or("429");
        Status(status.parse().unwrap())
    })
    .await;
    let poster = poster(&stub, Patience { post: ATTEMPT, ..quick() });
    let post = async |answers: &str| {
        let delivered = poster.post(&connection("a="), &frame(answers)).await;
        let requests = stub.requests();
        (delivered, requests.iter().filter(|request| request.body == answers.as_bytes()).count())
    };
    assert_eq!(post("first: 429").await.0, PostOutcome::Failed);
    assert_eq!(post("second: 429 200").await, (PostOutcome::Failed, 1));
    assert_eq!(post("third: 503 200").await, (PostOutcome::Failed, 1));
    assert_eq!(post("fourth: 410").await, (PostOutcome::Gone, 1));
    assert_eq!(post("fifth: 429 200").await, (PostOutcome::Sent, 2));
}
