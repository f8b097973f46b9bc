//! Ending a connection: it is told why before it is closed, and a connection that cannot be told stays open.

use funnelcast_core::Error;
use serde_json::{Value, json};

use super::*;
use crate::{config::Config, gateway::Gateway};

/// The outcome, and what the gateway received: the methods and the frame.
async fn end(answer: Answer) -> (PostOutcome, Vec<String>, Value) {
    let stub = Stub::answering(&[answer, Answer::Status(200)]).await;
    let sdk = sdk_config(SharedCredentialsProvider::new(credentials(None)), &Clock::at(EXAMPLE_SECS));
    let config = Config { management_endpoint: Some(stub.url()), sdk: sdk.into(), ..Config::default() };
    let gateway = Gateway::new(&config).unwrap();
    let told = gateway.end(&connection("c1="), &Error::Conflict("too many".into())).await.unwrap();
    let requests = stub.requests();
    let methods = requests.iter().map(|request| request.method.clone()).collect();
    (told, methods, serde_json::from_slice(&requests[0].body).unwrap())
}

#[tokio::test]
async fn a_connection_is_told_why_it_ends_and_then_closed() {
    let (told, methods, frame) = end(Answer::Status(200)).await;
    assert_eq!((told, methods), (PostOutcome::Sent, vec!["POST".to_owned(), "DELETE".to_owned()]));
    let error = json!({"code": "conflict", "message": "too many"});
    assert_eq!(frame, json!({"type": "reply", "ok": false, "error": error}), "an answer to no request");
}

#[tokio::test]
async fn a_connection_that_is_gone_or_cannot_be_told_is_not_closed() {
    for (answer, told) in [(410, PostOutcome::Gone), (403, PostOutcome::Failed)] {
        let (is, methods, _) = end(Answer::Status(answer)).await;
        assert_eq!((is, methods), (told, vec!["POST".to_owned()]));
    }
}
