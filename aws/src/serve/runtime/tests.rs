//! The loop against a runtime API on this machine.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use lambda_runtime::service_fn;
use serde_json::{Value, json};

use super::*;
use funnelcast_testing::server::{Answer, Asked, Server, says};

use crate::sdk::http::SdkHttp;

/// A runtime API that provides these events, each with a trace of its own, and then none.
async fn runtime_api(events: &[&str]) -> Server {
    let events: VecDeque<_> = events.iter().map(|event| (*event).to_owned()).enumerate().collect();
    let events = Mutex::new(events);
    Server::start(move |asked: &Asked| {
        if !asked.path.ends_with("/next") {
            return says(202, "{}");
        }
        let Some((number, event)) = events.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
            return Answer::Never;
        };
        let response = http::Response::builder()
            .header(REQUEST_ID, format!("request-{number}"))
            .header(INVOCATION_ID, format!("invocation-{number}"))
            .header(TRACE_ID, format!("Root=1-{number}"))
            .header("lambda-runtime-deadline-ms", "4102444800000");
        Answer::Now(response.body(event.into_bytes().into()).unwrap())
    })
    .await
}

fn runtime(api: &Server) -> Runtime {
    let client = PooledClient::builder().with_endpoint(api.url("").parse().unwrap());
    Runtime { client: client.build(), config: Arc::default() }
}

/// Runs the loop until it has handled this many events and asked for another.
async fn until_idle(
    runtime: Runtime,
    api: &Server,
    events: usize,
    handler: impl AsyncFn(Value) -> Result<Value, Diagnostic>,
) {
    let idle = async {
        while api.asked().iter().filter(|asked| asked.path.ends_with("/next")).count() <= events {
            tokio::task::yield_now().await;
        }
    };
    let handler = &handler;
    let handler = service_fn(|event: LambdaEvent<Value>| handler(event.payload));
    tokio::select! {
        ended = runtime.run(handler) => panic!("{ended:?}"),
        () = idle => {}
    }
}

#[tokio::test]
async fn each_invocation_has_one_response_and_its_own_failure() {
    let api = runtime_api(&[r#"{"a":1}"#, "no JSON", r#""fail""#, r#""panic""#, r#"{"a":2}"#]).await;
    until_idle(runtime(&api), &api, 5, async |event| match event.as_str() {
        Some("fail") => Err(Diagnostic { error_type: "E".to_owned(), error_message: "m".to_owned() }),
        Some(_) => panic!("oh"),
        None => Ok(event),
    })
    .await;
    let answers: Vec<_> = api.asked().into_iter().filter(|asked| !asked.path.ends_with("/next")).collect();
    let kinds: Vec<_> = answers.iter().map(|asked| asked.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(kinds, ["response", "error", "error", "error", "response"]);
    let bodies: Vec<Value> =
        answers.iter().map(|asked| serde_json::from_slice(&asked.body).unwrap()).collect();
    assert_eq!((&bodies[0], &bodies[4]), (&json!({"a": 1}), &json!({"a": 2})));
    assert_eq!(bodies[1]["errorType"], "Runtime.UnreadableEvent");
    assert_eq!(bodies[2], json!({"errorType": "E", "errorMessage": "m"}));
    assert_eq!(bodies[3]["errorMessage"], "the handler panicked: oh");
    assert!(answers[3].path.ends_with("/request-3/error"), "{}", answers[3].path);
    assert_eq!(answers[3].headers[INVOCATION_ID], "invocation-3");
}

#[tokio::test]
async fn a_trace_reaches_calls_of_its_invocation_but_not_the_environment() {
    let api = runtime_api(&["1", "2"]).await;
    let service = Server::start(|_| says(200, "{}")).await;
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::new("a", "b", None, None, "test"))
        .http_client(SdkHttp::new().unwrap())
        .endpoint_url(service.url(""));
    let queues = aws_sdk_sqs::Client::from_conf(config.build());
    until_idle(runtime(&api), &api, 2, async |event| {
        queues.list_queues().send().await.unwrap();
        Ok(event)
    })
    .await;
    // Outside of an invocation there is no trace.
    queues.list_queues().send().await.unwrap();
    let traces: Vec<_> =
        service.asked().iter().map(|asked| asked.headers.get(trace::HEADER).cloned()).collect();
    let id = HeaderValue::from_static;
    assert_eq!(traces, [Some(id("Root=1-0")), Some(id("Root=1-1")), None]);
    // Values in the environment stay for the life of the process, each of them.
    #[expect(clippy::disallowed_methods, reason = "it is to see that nothing is there")]
    let variable = std::env::var("_X_AMZN_TRACE_ID");
    assert!(variable.is_err(), "{variable:?}");
}
