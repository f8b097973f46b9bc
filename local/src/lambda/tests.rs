//! The pool, with real child processes.

mod reload;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    event,
    fixture::{DEAD, Fixture, fixture, fixture_in, stack},
    *,
};
use crate::{
    faults::{FaultKind, FaultSettings, Faults},
    journal::Journal,
    log::{FunctionLog, LogFormat},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_process_is_reused_and_has_only_its_own_environment() {
    let fixture = fixture(&[("TABLE_NAME", "t"), ("AWS_ENDPOINT_URL", "not this")]).await;
    assert_eq!(fixture.invoke("hello").await.unwrap(), "\"hello\"");
    let first = fixture.invoke("pid").await.unwrap();
    assert_eq!(fixture.invoke("pid").await.unwrap(), first);
    let environment = fixture.invoke("env").await.unwrap();
    for line in [
        "TABLE_NAME=t",
        "AWS_ENDPOINT_URL=http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID=F",
        "AWS_LAMBDA_FUNCTION_NAME=funnelcast-test-F",
        "AWS_REGION=us-east-1",
        "TZ=:UTC",
    ] {
        assert!(environment.lines().any(|given| given == line), "{line} in {environment}");
    }
    assert!(!environment.contains("CARGO"), "{environment}");
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_invocations_have_a_process_each() {
    let fixture = fixture(&[]).await;
    let (one, two) = tokio::join!(fixture.invoke("meet 1"), fixture.invoke("meet 2"));
    assert_ne!(one.unwrap(), two.unwrap());
    // The third waits, as there may be only two processes.
    let (a, b, c) = tokio::join!(fixture.invoke("pid"), fixture.invoke("pid"), fixture.invoke("pid"));
    let mut pids = vec![a.unwrap(), b.unwrap(), c.unwrap()];
    pids.sort();
    pids.dedup();
    assert!(pids.len() <= 2, "{pids:?}");
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_function_is_returned_and_keeps_the_process() {
    let fixture = fixture(&[]).await;
    let before = fixture.invoke("pid").await.unwrap();
    let error = fixture.invoke("fail").await.unwrap_err();
    assert_eq!(error.to_string(), "Boom: no");
    let payload: Value = serde_json::from_slice(&error.payload()).unwrap();
    assert_eq!(payload, json!({"errorType": "Boom", "errorMessage": "no", "stackTrace": []}));
    assert_eq!(fixture.invoke("pid").await.unwrap(), before);
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_reported_and_the_next_process_is_new() {
    let fixture = fixture(&[]).await;
    let before = fixture.invoke("pid").await.unwrap();
    let error = fixture.invoke("crash").await.unwrap_err();
    assert!(matches!(&error, InvokeError::Crashed { status, .. } if status == "exit status: 3"), "{error}");
    assert!(String::from_utf8_lossy(&error.payload()).contains("Runtime.ExitError"));
    assert_ne!(fixture.invoke("pid").await.unwrap(), before);
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_killed_at_its_timeout_with_its_children() {
    let fixture = fixture(&[]).await;
    let pid: i32 = fixture.invoke("pid").await.unwrap().parse().unwrap();
    let error = fixture.invoke("hang").await.unwrap_err();
    assert!(error.to_string().ends_with("Task timed out after 5.00 seconds"), "{error}");
    gone(pid).await;
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_has_its_reason() {
    for (how, line) in [
        ("init", "NoTable: TABLE_NAME is missing"),
        ("start", "the process ended before it was ready: exit status: 7"),
    ] {
        let fixture = fixture(&[("FAILS", how)]).await;
        assert_eq!(fixture.invoke("hello").await, Err(InvokeError::Start(line.to_owned())));
        fixture.lambda.stop().await;
    }
    let fixture = fixture(&[]).await;
    assert_eq!(fixture.lambda.invoke("G", Bytes::new()).await, Err(InvokeError::Unknown("G".to_owned())));
    let options = LambdaOptions {
        bin_dir: fixture.directory.path().join("meeting"),
        endpoint: String::new(),
        concurrency: 1,
        async_retry_delay: Duration::ZERO,
        log_format: LogFormat::Json,
        log: FunctionLog::new(LogFormat::Json, true, Arc::default()),
        queues: fixture.queues.clone(),
        journal: Journal::default(),
        faults: fixture.faults.clone(),
        usage: Arc::default(),
    };
    let error = Lambda::start(&stack(BTreeMap::new()), options).await.err().unwrap().to_string();
    assert!(error.starts_with("F: neither ") && error.contains("meeting/f/bootstrap"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_leaves_no_process_behind() {
    let fixture = fixture(&[]).await;
    let pid: i32 = fixture.invoke("pid").await.unwrap().parse().unwrap();
    fixture.lambda.stop().await;
    gone(pid).await;
    assert!(matches!(fixture.invoke("pid").await, Err(InvokeError::Start(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_keeps_failing_ends_in_the_queue() {
    let fixture = fixture(&[]).await;
    accept(&fixture, Bytes::from_static(b"\"fail\""));
    let received = fixture.queues.receive(DEAD, 1, Duration::from_secs(20)).await;
    let record: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestPayload"], "fail");
    assert_eq!(record["responsePayload"]["errorType"], "Boom");
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_accepted_is_handled_by_a_later_run() {
    let data = tempfile::tempdir().unwrap();
    let fixture = fixture_in(Some(data.path()), &[]).await;
    accept(&fixture, Bytes::from_static(b"\"hang\""));
    fixture.lambda.stop().await;
    let lambda = Arc::downgrade(&fixture.lambda.shared);
    drop(fixture);
    let since = Instant::now();
    // The task of the event keeps the journal open until it has seen the stop.
    while lambda.strong_count() > 0 {
        assert!(since.elapsed() < Duration::from_secs(10), "the event is still being handled");
        tokio::task::yield_now().await;
    }
    // In the next run the function does not hang.
    let fixture = fixture_in(Some(data.path()), &[("HANG", "take")]).await;
    fixture.lambda.resume().unwrap();
    fixture.until(|| fixture.taken().lines().eq(["\"hang\""])).await;
    fixture.until(|| fixture.lambda.shared.journal.read(event::load).unwrap().is_empty()).await;
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_kills_a_process_in_the_middle_of_its_invocation() {
    let fixture = fixture(&[]).await;
    let before: i32 = fixture.invoke("pid").await.unwrap().parse().unwrap();
    fixture.always(FaultKind::Killed);
    let error = fixture.invoke("hello").await.unwrap_err();
    assert!(matches!(&error, InvokeError::Crashed { status, .. } if status.contains("SIGKILL")), "{error}");
    gone(before).await;
    // A process that would never respond is killed too, long before its timeout.
    let since = Instant::now();
    assert!(matches!(fixture.invoke("hang").await, Err(InvokeError::Crashed { .. })));
    assert!(since.elapsed() < Duration::from_secs(4));
    fixture.faults.set(FaultSettings::default());
    assert_eq!(fixture.invoke("hello").await.unwrap(), "\"hello\"");
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_duplicates_an_event() {
    let fixture = fixture(&[]).await;
    fixture.always(FaultKind::Duplicated);
    accept(&fixture, Bytes::from_static(br#"{"Records":[]}"#));
    fixture.until(|| fixture.taken().lines().count() == 2).await;
    assert_eq!(fixture.faults.snapshot()["injected"]["duplicated"], 1);
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_delays_events_out_of_order() {
    let fixture = fixture(&[]).await;
    // With this seed the second of two events is delivered first.
    let settings: FaultSettings =
        serde_json::from_value(json!({ "seed": 3, "delayed": 1, "delay_ms_max": 2_000 })).unwrap();
    let foretold = Faults::new(settings.clone());
    let (first, second) = (foretold.deliveries().first, foretold.deliveries().first);
    assert!(first > second + Duration::from_millis(500), "{first:?} {second:?}");
    fixture.faults.set(settings);
    let since = Instant::now();
    for event in [r#"{"Records":["first"]}"#, r#"{"Records":["second"]}"#] {
        accept(&fixture, Bytes::from_static(event.as_bytes()));
    }
    fixture.until(|| fixture.taken().lines().count() == 2).await;
    assert!(since.elapsed() >= first);
    let taken = fixture.taken();
    assert!(taken.find("second") < taken.find("first"), "{taken}");
    fixture.lambda.stop().await;
}

fn accept(fixture: &Fixture, payload: Bytes) {
    fixture.lambda.accept(vec![("F".to_owned(), payload)]).unwrap();
}

/// Waits until the process group with this id is gone.
async fn gone(pid: i32) {
    use nix::{sys::signal::killpg, unistd::Pid};
    let since = Instant::now();
    while killpg(Pid::from_raw(pid), None).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(10), "process group {pid} is still there");
        tokio::task::yield_now().await;
    }
}
