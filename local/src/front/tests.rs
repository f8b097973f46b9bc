//! The effect of faults on the clients of the port: unmodified SDKs, and a WebSocket.

mod running;

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_apigatewaymanagement::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::StreamExt as _;
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};

use self::running::{FUNCTION, TEST, start};
use super::*;
use crate::{
    event_source,
    faults::{FaultKind, FaultSettings},
    http1::client,
    lambda::fixture::{DEAD, Fixture, JOBS, stack},
    template::{Mapping, Source},
};

#[tokio::test(flavor = "multi_thread")]
async fn policies_limit_functions_and_no_other_caller() {
    let running = start().await;
    let (_socket, id) = running.connect().await;
    assert_eq!(running.put(FUNCTION, "a").await, Ok(()));
    let key = AttributeValue::S("a".to_owned());
    let delete = |who| running.dynamodb(who).delete_item().table_name("things").key("pk", key.clone()).send();
    let denied = delete(FUNCTION).await.unwrap_err();
    assert_eq!(
        (denied.code(), denied.raw_response().unwrap().status().as_u16()),
        (Some("AccessDeniedException"), 400)
    );
    assert!(running.has("a").await);
    delete(TEST).await.unwrap();

    running.post(FUNCTION, &id, "hello").await.unwrap();
    let denied = running.management(FUNCTION).get_connection().connection_id(&id).send().await.unwrap_err();
    assert_eq!(
        (denied.code(), denied.raw_response().unwrap().status().as_u16()),
        (Some("AccessDeniedException"), 403)
    );
    running.management(TEST).get_connection().connection_id(&id).send().await.unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recursive_loop_ends_in_the_dead_letter_queue() {
    let running = start().await;
    let mut stack = stack(BTreeMap::new());
    stack.mappings = vec![Mapping {
        id: "M".to_owned(),
        function: FUNCTION.to_owned(),
        source: Source::Queue { arn: JOBS.to_owned(), concurrency_max: None },
        batch_size: 1,
        batching_window: Duration::ZERO,
        filters: Vec::new(),
        partial_failures: true,
    }];
    let Fixture { lambda, queues, .. } = &running.fixture;
    let _mappings = event_source::start(&stack, &running.services.engine, lambda, queues, None);
    queues.send(JOBS, "loop".to_owned()).unwrap();
    let dead = queues.receive(DEAD, 1, Duration::from_secs(20)).await;
    assert_eq!(dead[0].body, "loop");
    assert_eq!(running.fixture.taken().lines().filter(|line| *line == "pass").count(), 16);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_gets_nothing() {
    let running = start().await;
    for foreign in [("origin", "https://evil.example"), ("host", "evil.example:3001")] {
        for (method, path) in
            [("GET", "/_local/usage"), ("POST", "/"), ("POST", "/2015-03-31/functions/F/invocations")]
        {
            let request = Request::builder().method(method).uri(format!("http://{}{path}", running.address));
            let request =
                request.header("x-amz-target", "DynamoDB_20120810.ListTables").header(foreign.0, foreign.1);
            let answer = client().request(request.body("{}".into()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{foreign:?} {path}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_refuses_posts_of_functions_only() {
    let running = start().await;
    let (mut socket, id) = running.connect().await;
    running.fixture.always(FaultKind::Gone);
    let (error, status) = running.post(FUNCTION, &id, "lost").await.unwrap_err();
    assert!(error.is_gone_exception(), "{error:?}");
    assert_eq!((status, running.injected(FaultKind::Gone)), (410, 1));
    // A connection that does not exist is gone without a fault, which is not counted.
    let (error, _) = running.post(FUNCTION, "nobody=", "lost").await.unwrap_err();
    assert!(error.is_gone_exception() && running.injected(FaultKind::Gone) == 1);

    running.fixture.always(FaultKind::Throttled);
    let (error, status) = running.post(FUNCTION, &id, "lost").await.unwrap_err();
    assert!(error.is_limit_exceeded_exception(), "{error:?}");
    assert_eq!((status, running.injected(FaultKind::Throttled)), (429, 1));

    running.post(TEST, &id, "from the test").await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("from the test"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_fails_a_write_before_or_after_it_takes_effect() {
    let running = start().await;
    let internal = Err(Some("InternalServerError".to_owned()));
    running.fixture.always(FaultKind::DynamodbBefore);
    assert_eq!(running.put(FUNCTION, "before").await, internal);
    running.fixture.always(FaultKind::DynamodbAfter);
    assert_eq!(running.put(FUNCTION, "after").await, internal);
    assert_eq!(running.put(TEST, "mine").await, Ok(()));
    assert_eq!((running.has("before").await, running.has("after").await), (false, true));
    assert!(running.has("mine").await);
    // A read has no effect, so that it cannot fail after it.
    let key = AttributeValue::S("after".to_owned());
    let get = running.dynamodb(FUNCTION).get_item().table_name("things").key("pk", key).send().await;
    assert!(get.unwrap().item.is_some());
    assert_eq!(
        (running.injected(FaultKind::DynamodbBefore), running.injected(FaultKind::DynamodbAfter)),
        (1, 1)
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_database_meet_transactions_too() {
    let running = start().await;
    let internal = Err(vec!["InternalServerError".to_owned()]);
    running.fixture.always(FaultKind::DynamodbBefore);
    assert_eq!(running.transact(FUNCTION, "before", "absent").await, internal);
    running.fixture.always(FaultKind::DynamodbAfter);
    assert_eq!(running.transact(FUNCTION, "after", "absent").await, internal);
    assert_eq!((running.has("before").await, running.has("after").await), (false, true));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_refuses_writes_as_a_transaction_under_way_does() {
    let running = start().await;
    running.fixture.always(FaultKind::TransactionConflict);
    assert_eq!(running.put(FUNCTION, "alone").await, Ok(()), "no transaction writes there");
    let conflict = ["TransactionConflict", "None"].map(str::to_owned);
    assert_eq!(running.transact(FUNCTION, "both", "absent").await, Err(conflict.into()));
    assert_eq!(running.put(FUNCTION, "both").await, Err(Some("TransactionConflictException".to_owned())));
    assert!(!running.has("both").await);
    assert_eq!(running.injected(FaultKind::TransactionConflict), 2);
    assert_eq!(running.transact(TEST, "mine", "absent").await, Ok(()));
    assert_eq!(running.put(TEST, "both").await, Ok(()));
    running.fixture.faults.set(FaultSettings::default());
    assert_eq!(running.transact(FUNCTION, "later", "absent").await, Ok(()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_loses_a_disconnect() {
    let running = start().await;
    running.fixture.always(FaultKind::LostDisconnect);
    let (mut socket, lost) = running.connect().await;
    socket.close(None).await.unwrap();
    running.fixture.until(|| running.injected(FaultKind::LostDisconnect) == 1).await;
    running.fixture.faults.set(FaultSettings::default());
    let (mut socket, told) = running.connect().await;
    socket.close(None).await.unwrap();
    running.fixture.until(|| running.fixture.taken().contains(&told)).await;
    assert!(!running.fixture.taken().contains(&lost));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_cuts_a_socket_and_its_disconnect_is_called() {
    let running = start().await;
    let (mut socket, id) = running.connect().await;
    running.fixture.always(FaultKind::Cut);
    match socket.next().await {
        Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_))) => {}
        other => panic!("{other:?}"),
    }
    running.fixture.until(|| running.fixture.taken().contains(&id)).await;
    assert!(running.fixture.taken().contains("1006"));
    assert_eq!(running.injected(FaultKind::Cut), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_changed_while_the_stack_is_running() {
    let running = start().await;
    let (status, set) = running.faults("PUT", r#"{"gone":0.5,"seed":7,"delay_ms_max":20}"#).await;
    assert_eq!((status, &set["rates"]["gone"], &set["seed"]), (StatusCode::OK, &json!(0.5), &json!(7)));
    assert_eq!((&set["rates"]["cut"], &set["injected"]["gone"]), (&json!(0.0), &json!(0)));
    assert_eq!(running.faults("GET", "").await, (StatusCode::OK, set.clone()));

    let (status, refused) = running.faults("PUT", r#"{"gone":2}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["message"].as_str().unwrap().contains("a rate must be from 0 to 1"), "{refused}");
    assert_eq!(running.faults("GET", "").await.1, set);

    // A kind that is absent in a PUT is off, but the seed is kept.
    let (_, other) = running.faults("PUT", r#"{"cut":0.1}"#).await;
    assert_eq!((&other["rates"]["gone"], &other["seed"]), (&json!(0.0), &json!(7)));
    assert_eq!(running.faults("DELETE", "").await.0, StatusCode::NO_CONTENT);
    let (_, quiet) = running.faults("GET", "").await;
    assert!(quiet["rates"].as_object().unwrap().values().all(|rate| *rate == json!(0.0)), "{quiet}");
    running.stop().await;
}
