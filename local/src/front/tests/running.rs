//! A port with a function behind it, and the clients of the tests.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use aws_sdk_apigatewaymanagement::{
    self as management,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::ProvideErrorMetadata as _,
    operation::post_to_connection::PostToConnectionError,
    primitives::Blob,
};
use aws_sdk_dynamodb::{
    self as dynamodb,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, ConditionCheck, Put, TransactWriteItem},
};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, net::TcpStream, task::JoinSet};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::{
    api_gateway::websocket::{
        CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, Limits, MESSAGE_BYTES_MAX, WebSockets,
    },
    dynamodb::{Engine, Transactions},
    eventbridge::Bus,
    faults::FaultKind,
    front::{FunctionNames, Services, answer},
    http1::{client, serve},
    iam::{Effect, Partitions, Rights, Statement},
    journal::Journal,
    lambda::fixture::{Fixture, fixture, stack},
    s3::{S3, S3Parts},
    secrets_manager::Secrets,
    template::{Route, Table},
    usage::Usage,
};

/// The access keys of the fixture's function, and of a test.
pub(super) const FUNCTION: &str = "F";
pub(super) const TEST: &str = "test";

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) struct Running {
    pub(super) fixture: Fixture,
    pub(super) services: Arc<Services>,
    pub(super) address: String,
    pub(super) tasks: JoinSet<()>,
}

/// Starts a port with the fixture's function behind `$disconnect`, and with a table.
pub(super) async fn start() -> Running {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let fixture = fixture(&[("SQS", &format!("http://{address}"))]).await;
    let mut stack = stack(BTreeMap::new());
    stack.tables = vec![things()];
    stack.functions.get_mut(FUNCTION).unwrap().policies = vec![
        may(
            &["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem"],
            "arn:aws:dynamodb:*:*:table/things",
        ),
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
    let bus = Bus::start(&stack, lambda, queues, &Secrets::default()).unwrap();
    let (rights, usage) = (Arc::new(Rights::new(&stack, None).unwrap()), Arc::<Usage>::default());
    let parts = S3Parts {
        rights: Arc::clone(&rights),
        usage: Arc::clone(&usage),
        bus: bus.clone(),
        faults: faults.clone(),
    };
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
        transactions: Transactions::default(),
        lambda: lambda.clone(),
        bus,
        queues: queues.clone(),
        s3: S3::open(&stack, None, parts).unwrap(),
        secrets: Secrets::default(),
        functions: FunctionNames::new(&stack),
        mappings: super::super::mappings(&stack),
        own_functions: std::collections::BTreeMap::new(),
        client: crate::http1::client(),
        partitions: Partitions::of(&stack),
        rights,
        usage,
        faults: faults.clone(),
        ready: Value::Null,
    });
    let mut tasks = JoinSet::new();
    let served = Arc::clone(&services);
    tasks.spawn(serve(listener, move |request, peer| answer(Arc::clone(&served), request, peer)));
    tasks.spawn(Arc::clone(&services.websockets).cut_some());
    Running { fixture, services, address, tasks }
}

pub(super) fn may(actions: &[&str], resource: &str) -> Statement {
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    Statement { effect: Effect::Allow, actions, resources: vec![resource.to_owned()], conditions: Vec::new() }
}

pub(super) fn things() -> Table {
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
    /// An SDK client of `@connections` that signs as `access_key`. It does not retry, so that a test sees each fault.
    pub(super) fn management(&self, access_key: &str) -> management::Client {
        let config = management::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(access_key, "x", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(format!("http://{}/test", self.address));
        management::Client::from_conf(config.build())
    }

    /// An SDK client of DynamoDB, likewise.
    pub(super) fn dynamodb(&self, access_key: &str) -> dynamodb::Client {
        let config = dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(access_key, "x", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(format!("http://{}", self.address));
        dynamodb::Client::from_conf(config.build())
    }

    /// Connects a client, and returns it with the id of its connection.
    pub(super) async fn connect(&self) -> (Socket, String) {
        let (socket, _) = connect_async(format!("ws://{}/test", self.address)).await.unwrap();
        (socket, self.services.websockets.ids().pop().unwrap())
    }

    /// Posts with the SDK, and returns the error's name and status if the post was refused.
    pub(super) async fn post(
        &self,
        access_key: &str,
        id: &str,
        text: &str,
    ) -> Result<(), (PostToConnectionError, u16)> {
        let post = self.management(access_key).post_to_connection().connection_id(id).data(Blob::new(text));
        post.send().await.map(drop).map_err(|error| {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            (error.into_service_error(), status)
        })
    }

    pub(super) async fn put(&self, access_key: &str, pk: &str) -> Result<(), Option<String>> {
        let item = AttributeValue::S(pk.to_owned());
        let put = self.dynamodb(access_key).put_item().table_name("things").item("pk", item).send().await;
        put.map(drop).map_err(|error| error.code().map(str::to_owned))
    }

    /// Puts an item in a transaction that also checks that another one does not exist. Returns the codes of the reasons why
    /// it was cancelled, if it was.
    pub(super) async fn transact(&self, access_key: &str, pk: &str, absent: &str) -> Result<(), Vec<String>> {
        let [pk, absent] = [pk, absent].map(|text| AttributeValue::S(text.to_owned()));
        let put = Put::builder().table_name("things").item("pk", pk).build().unwrap();
        let check = ConditionCheck::builder().table_name("things").key("pk", absent);
        let check = check.condition_expression("attribute_not_exists(pk)").build().unwrap();
        let transaction = self.dynamodb(access_key).transact_write_items();
        let transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        let transaction =
            transaction.transact_items(TransactWriteItem::builder().condition_check(check).build());
        transaction.send().await.map(drop).map_err(|error| match error.into_service_error() {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                let reasons = cancelled.cancellation_reasons().iter();
                reasons.filter_map(|reason| reason.code().map(str::to_owned)).collect()
            }
            other => vec![other.code().unwrap_or_default().to_owned()],
        })
    }

    pub(super) async fn has(&self, pk: &str) -> bool {
        let key = AttributeValue::S(pk.to_owned());
        let get = self.dynamodb(TEST).get_item().table_name("things").key("pk", key).send().await;
        get.unwrap().item.is_some()
    }

    pub(super) fn injected(&self, kind: FaultKind) -> u64 {
        let name = serde_json::to_value(kind).unwrap();
        self.fixture.faults.snapshot()["injected"][name.as_str().unwrap()].as_u64().unwrap()
    }

    /// Sends a request to `/_local/faults`.
    pub(super) async fn faults(&self, method: &str, body: &str) -> (StatusCode, Value) {
        let uri = format!("http://{}/_local/faults", self.address);
        let request = Request::builder().method(method).uri(uri).body(body.to_owned().into()).unwrap();
        let answer = client().request(request).await.unwrap();
        let status = answer.status();
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.fixture.lambda.stop().await;
    }
}
