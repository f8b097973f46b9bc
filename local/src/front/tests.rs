//! The effect of faults on the clients of the port: unmodified SDKs, and a WebSocket.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use aws_sdk_apigatewaymanagement::{
    self as management,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::ProvideErrorMetadata as _,
    operation::post_to_connection::PostToConnectionError,
    primitives::Blob,
};
use aws_sdk_dynamodb::{self as dynamodb, types::AttributeValue};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::{net::TcpListener, net::TcpStream, task::JoinSet};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, error::ProtocolError},
};

use super::*;
use crate::{
    api_gateway::websocket::{
        CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, Limits, MESSAGE_BYTES_MAX, WebSockets,
    },
    dynamodb::Engine,
    event_source,
    eventbridge::Bus,
    faults::{FaultKind, FaultSettings},
    http1::{client, serve},
    iam::{Effect, Partitions, Rights, Statement},
    journal::Journal,
    lambda::fixture::{DEAD, Fixture, JOBS, fixture, stack},
    secrets_manager::Secrets,
    template::{Mapping, Route, Source, Table},
    usage::Usage,
};

/// What the fixture's function signs with, and what a test may.
const FUNCTION: &str = "F";
const TEST: &str = "test";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Running {
    fixture: Fixture,
    services: Arc<Services>,
    address: String,
    tasks: JoinSet<()>,
}

/// The fixture's function behind `$disconnect` and a table, on a port.
async fn start() -> Running {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let fixture = fixture(&[("SQS", &format!("http://{address}"))]).await;
    let mut stack = stack(BTreeMap::new());
    stack.functions.get_mut(FUNCTION).unwrap().policies = vec![
        may(&["dynamodb:GetItem", "dynamodb:PutItem"], "arn:aws:dynamodb:*:*:table/things"),
        may(
            &["execute-api:ManageConnections"],
            "arn:aws:execute-api:*:*:abcdefghij/test/POST/@connections/*",
        ),
    ];
    let route = Route { function: "F".to_owned(), responds: false, timeout: INTEGRATION_TIMEOUT };
    stack.websocket.routes.insert("$disconnect".to_owned(), route);
    let limits = Limits {
        message_bytes_max: MESSAGE_BYTES_MAX,
        frame_bytes_max: FRAME_BYTES_MAX,
        idle_max: IDLE_MAX,
        connection_max: CONNECTION_MAX,
        integration_timeout: INTEGRATION_TIMEOUT,
    };
    let (lambda, queues, faults) = (&fixture.lambda, &fixture.queues, &fixture.faults);
    let services = Arc::new(Services {
        websockets: WebSockets::new(
            stack.websocket.clone(),
            &address,
            limits,
            lambda.clone(),
            faults.clone(),
            Journal::default(),
        ),
        engine: Engine::start(&[things()], None).await.unwrap(),
        lambda: lambda.clone(),
        bus: Bus::start(&stack, lambda, queues),
        queues: queues.clone(),
        secrets: Secrets::default(),
        functions: FunctionNames::new(&stack),
        partitions: Partitions::of(&stack),
        rights: Rights::new(&stack, None).unwrap(),
        usage: Usage::default(),
        faults: faults.clone(),
        ready: Value::Null,
    });
    let mut tasks = JoinSet::new();
    let served = Arc::clone(&services);
    tasks.spawn(serve(listener, move |request, peer| answer(Arc::clone(&served), request, peer)));
    tasks.spawn(Arc::clone(&services.websockets).cut_some());
    Running { fixture, services, address, tasks }
}

fn may(actions: &[&str], resource: &str) -> Statement {
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    Statement { effect: Effect::Allow, actions, resources: vec![resource.to_owned()], conditions: Vec::new() }
}

fn things() -> Table {
    Table {
        id: "T".to_owned(),
        name: "things".to_owned(),
        arn: "arn:aws:dynamodb:us-east-1:000000000000:table/things".to_owned(),
        stream_arn: None,
        definition: json!({
            "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        }),
        ttl_attribute: None,
    }
}

impl Running {
    /// The SDK of `@connections`, as `access_key`. It tries once, so that each fault is seen.
    fn management(&self, access_key: &str) -> management::Client {
        let config = management::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(access_key, "x", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(format!("http://{}/test", self.address));
        management::Client::from_conf(config.build())
    }

    /// DynamoDB's, likewise.
    fn dynamodb(&self, access_key: &str) -> dynamodb::Client {
        let config = dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(access_key, "x", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(format!("http://{}", self.address));
        dynamodb::Client::from_conf(config.build())
    }

    /// A connected client, and its connection's id.
    async fn connect(&self) -> (Socket, String) {
        let (socket, _) = connect_async(format!("ws://{}/test", self.address)).await.unwrap();
        (socket, self.services.websockets.ids().pop().unwrap())
    }

    /// Posts with the SDK, and returns the error's name and status if the post was refused.
    async fn post(&self, access_key: &str, id: &str, text: &str) -> Result<(), (PostToConnectionError, u16)> {
        let post = self.management(access_key).post_to_connection().connection_id(id).data(Blob::new(text));
        post.send().await.map(drop).map_err(|error| {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            (error.into_service_error(), status)
        })
    }

    async fn put(&self, access_key: &str, pk: &str) -> Result<(), Option<String>> {
        let item = AttributeValue::S(pk.to_owned());
        let put = self.dynamodb(access_key).put_item().table_name("things").item("pk", item).send().await;
        put.map(drop).map_err(|error| error.code().map(str::to_owned))
    }

    async fn has(&self, pk: &str) -> bool {
        let key = AttributeValue::S(pk.to_owned());
        let get = self.dynamodb(TEST).get_item().table_name("things").key("pk", key).send().await;
        get.unwrap().item.is_some()
    }

    fn injected(&self, kind: FaultKind) -> u64 {
        let name = serde_json::to_value(kind).unwrap();
        self.fixture.faults.snapshot()["injected"][name.as_str().unwrap()].as_u64().unwrap()
    }

    /// Sends this to `/_local/faults`.
    async fn faults(&self, method: &str, body: &str) -> (StatusCode, Value) {
        let uri = format!("http://{}/_local/faults", self.address);
        let request = Request::builder().method(method).uri(uri).body(body.to_owned().into()).unwrap();
        let answer = client().request(request).await.unwrap();
        let status = answer.status();
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.fixture.lambda.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_may_what_its_policies_allow_and_anybody_else_may_all() {
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
async fn a_message_that_a_function_puts_back_for_ever_ends_in_the_dead_letters() {
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
async fn a_page_of_elsewhere_gets_nothing() {
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
async fn a_functions_post_is_refused_and_a_tests_own_is_not() {
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
async fn a_functions_write_fails_before_or_after_it_took_effect() {
    let running = start().await;
    let internal = Err(Some("InternalServerError".to_owned()));
    running.fixture.always(FaultKind::DynamodbBefore);
    assert_eq!(running.put(FUNCTION, "before").await, internal);
    running.fixture.always(FaultKind::DynamodbAfter);
    assert_eq!(running.put(FUNCTION, "after").await, internal);
    assert_eq!(running.put(TEST, "mine").await, Ok(()));
    assert_eq!((running.has("before").await, running.has("after").await), (false, true));
    assert!(running.has("mine").await);
    // A read takes no effect, so it does not fail after it did.
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
async fn a_disconnect_is_lost() {
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
async fn a_socket_is_cut_without_a_word_and_its_disconnect_is_called() {
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
async fn faults_are_switched_while_the_stack_runs() {
    let running = start().await;
    let (status, set) = running.faults("PUT", r#"{"gone":0.5,"seed":7,"delay_ms_max":20}"#).await;
    assert_eq!((status, &set["rates"]["gone"], &set["seed"]), (StatusCode::OK, &json!(0.5), &json!(7)));
    assert_eq!((&set["rates"]["cut"], &set["injected"]["gone"]), (&json!(0.0), &json!(0)));
    assert_eq!(running.faults("GET", "").await, (StatusCode::OK, set.clone()));

    let (status, refused) = running.faults("PUT", r#"{"gone":2}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["message"].as_str().unwrap().contains("a rate must be from 0 to 1"), "{refused}");
    assert_eq!(running.faults("GET", "").await.1, set);

    // What a PUT leaves out is off, but the seed stays.
    let (_, other) = running.faults("PUT", r#"{"cut":0.1}"#).await;
    assert_eq!((&other["rates"]["gone"], &other["seed"]), (&json!(0.0), &json!(7)));
    assert_eq!(running.faults("DELETE", "").await.0, StatusCode::NO_CONTENT);
    let (_, quiet) = running.faults("GET", "").await;
    assert!(quiet["rates"].as_object().unwrap().values().all(|rate| *rate == json!(0.0)), "{quiet}");
    running.stop().await;
}
