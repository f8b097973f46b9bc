//! A DynamoDB engine with an empty table, as template.yaml defines it, behind a proxy that counts requests, loses
//! responses, and can run something between two requests of one operation.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    fmt, mem,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TimeToLiveSpecification,
    },
};
use bytes::Bytes;
use dynoxide::Database;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

/// The table's name.
pub const TABLE: &str = "items";
/// The operations whose responses can be lost.
const WRITES: [&str; 4] = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"];

/// What the engine takes for a signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=host, Signature=test";

/// What runs in the middle of an operation.
type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What waits for its place among the requests.
struct Waiting {
    requests: usize,
    /// Whether only writes count.
    of_writes: bool,
    meanwhile: Meanwhile,
}

/// The engine. It stops when it is dropped.
pub struct Engine {
    database: Database,
    state: Arc<State>,
    endpoint: String,
    _serving: JoinSet<()>,
}

struct State {
    engine: SocketAddr,
    client: HttpClient<HttpConnector, Full<Bytes>>,
    operations: Mutex<Vec<String>>,
    write_answers_to_lose: AtomicU32,
    conflicts: AtomicU32,
    meanwhile: Mutex<Option<Waiting>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts an engine.
    pub async fn start() -> Self {
        let database = Database::memory().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let engine = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        let served = database.clone();
        serving.spawn(async move {
            let serving = dynoxide::server::serve_with_shutdown(listener, served, std::future::pending());
            serving.await.unwrap();
        });
        let state = Arc::new(State {
            engine,
            client: HttpClient::builder(TokioExecutor::new()).build_http(),
            operations: Mutex::default(),
            write_answers_to_lose: AtomicU32::new(0),
            conflicts: AtomicU32::new(0),
            meanwhile: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        serving.spawn(accept(listener, Arc::clone(&state)));
        create(&format!("http://{engine}")).await;
        Self { database, state, endpoint, _serving: serving }
    }

    /// The URL of the engine.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The environment variables by which a function uses the engine.
    pub fn variable(&self, name: &str) -> Option<String> {
        match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            "AWS_ENDPOINT_URL" => Some(self.endpoint.clone()),
            "TABLE_NAME" => Some(TABLE.to_owned()),
            _ => None,
        }
    }

    /// Removes expired items, as the TTL does. Returns how many.
    pub async fn remove_expired(&self) -> usize {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || database.sweep_ttl()).await.unwrap().unwrap()
    }

    /// Changes a text attribute of an item directly, without going through the proxy.
    pub async fn set(&self, (pk, sk): (&str, &str), attribute: &str, value: &str) {
        let [pk, sk, value] = [pk, sk, value].map(|text| AttributeValue::S(text.to_owned()));
        let client = client(&format!("http://{}", self.state.engine));
        let update = client.update_item().table_name(TABLE).key("pk", pk).key("sk", sk);
        let update = update.update_expression("SET #attribute = :value");
        let update = update.expression_attribute_names("#attribute", attribute);
        update.expression_attribute_values(":value", value).send().await.unwrap();
    }

    /// All items, each with its keys and as a text that has every string in it, without going through the proxy.
    pub async fn dump(&self) -> Vec<(String, String, String)> {
        let client = client(&format!("http://{}", self.state.engine));
        let items = client.scan().table_name(TABLE).into_paginator().items().send();
        let items = items.collect::<Result<Vec<_>, _>>().await.unwrap();
        let key = |item: &HashMap<String, AttributeValue>, name: &str| item[name].as_s().unwrap().clone();
        let text =
            |item: &HashMap<String, AttributeValue>| format!("{:?}", item.iter().collect::<BTreeMap<_, _>>());
        items.iter().map(|item| (key(item, "pk"), key(item, "sk"), text(item))).collect()
    }

    /// All records of the table's stream, in their order, as a function gets them.
    pub async fn stream(&self) -> Vec<serde_json::Value> {
        let table = self.call("DynamoDB_20120810.DescribeTable", json!({ "TableName": TABLE })).await;
        let arn = &table["Table"]["LatestStreamArn"];
        let described =
            self.call("DynamoDBStreams_20120810.DescribeStream", json!({ "StreamArn": arn })).await;
        let mut records = Vec::new();
        for shard in described["StreamDescription"]["Shards"].as_array().unwrap() {
            let from =
                json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
            let mut next =
                self.call("DynamoDBStreams_20120810.GetShardIterator", from).await["ShardIterator"].take();
            while next.is_string() {
                let request = json!({ "ShardIterator": next, "Limit": 1000 });
                let mut page = self.call("DynamoDBStreams_20120810.GetRecords", request).await;
                let read = page["Records"].as_array_mut().map(mem::take).unwrap();
                if read.is_empty() {
                    break;
                }
                records.extend(read);
                next = page["NextShardIterator"].take();
            }
        }
        records
    }

    /// Makes a call of the API directly, in its own JSON.
    async fn call(&self, target: &str, body: serde_json::Value) -> serde_json::Value {
        let request = Request::post(format!("http://{}/", self.state.engine))
            .header("x-amz-target", target)
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", AUTHORIZATION)
            .body(Full::from(body.to_string()));
        let answer = self.state.client.request(request.unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert!(head.status.is_success(), "{target}: {body:?}");
        serde_json::from_slice(&body).unwrap()
    }

    /// The operations that were requested since the last call, including the SDK's own retries.
    pub fn take_operations(&self) -> Vec<String> {
        mem::take(&mut self.state.operations.lock().unwrap())
    }

    /// Runs `meanwhile` after this many further requests have been answered, before the next one is carried out.
    pub fn after_requests(&self, requests: usize, meanwhile: impl Future<Output = ()> + Send + 'static) {
        let waiting = Waiting { requests, of_writes: false, meanwhile: Box::pin(meanwhile) };
        *self.state.meanwhile.lock().unwrap() = Some(waiting);
    }

    /// Runs `meanwhile` after this many further writes have been answered, before the next one is carried out.
    pub fn after_writes(&self, writes: usize, meanwhile: impl Future<Output = ()> + Send + 'static) {
        let waiting = Waiting { requests: writes, of_writes: true, meanwhile: Box::pin(meanwhile) };
        *self.state.meanwhile.lock().unwrap() = Some(waiting);
    }

    /// The next so many writes take effect, but are answered by a 500, which the SDK retries.
    pub fn lose_write_answers(&self, answers: u32) {
        self.state.write_answers_to_lose.store(answers, Ordering::Relaxed);
    }

    /// The next so many writes are refused as DynamoDB refuses them while a transaction on the same item is under way,
    /// which this engine never does by itself.
    pub fn refuse_as_contended(&self, writes: u32) {
        self.state.conflicts.store(writes, Ordering::Relaxed);
    }
}

/// The refusal of a write while a transaction on the same item is under way
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>).
fn contended(operation: &str) -> Response<Full<Bytes>> {
    let body = if operation == "TransactWriteItems" {
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"Transaction cancelled",
            "CancellationReasons":[{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"},{"Code":"None"}]}"#
    } else {
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException",
            "message":"Transaction is ongoing for the item"}"#
    };
    let answer = Response::builder().status(StatusCode::BAD_REQUEST);
    answer.header("content-type", "application/x-amz-json-1.0").body(Full::new(body.into())).unwrap()
}

impl State {
    /// What must run before this request.
    fn take_meanwhile(&self, is_write: bool) -> Option<Meanwhile> {
        let mut waiting = self.meanwhile.lock().unwrap();
        match &mut *waiting {
            Some(Waiting { of_writes: true, .. }) if !is_write => return None,
            Some(Waiting { requests: requests @ 1.., .. }) => {
                *requests -= 1;
                return None;
            }
            _ => {}
        }
        waiting.take().map(|waiting| waiting.meanwhile)
    }

    async fn forward(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = target.unwrap_or_default().rsplit('.').next().unwrap_or_default().to_owned();
        self.operations.lock().unwrap().push(operation.clone());
        let is_write = WRITES.contains(&&*operation);
        if let Some(meanwhile) = self.take_meanwhile(is_write) {
            meanwhile.await;
        }
        let one_less = |left: u32| left.checked_sub(1);
        let is_next =
            |left: &AtomicU32| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
        if is_write && is_next(&self.conflicts) {
            return contended(&operation);
        }
        head.uri = format!("http://{}/", self.engine).parse::<Uri>().unwrap();
        let answer = self.client.request(Request::from_parts(head, Full::new(body))).await.unwrap();
        let (mut head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if is_write && head.status.is_success() && is_next(&self.write_answers_to_lose) {
            head.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Response::from_parts(head, Full::new(body))
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut sockets = JoinSet::new();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        sockets.spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(state.forward(request).await) });
            http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
        });
    }
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    Client::from_conf(config)
}

async fn create(endpoint: &str) {
    let client = client(endpoint);
    let stream = StreamSpecification::builder().stream_enabled(true);
    let mut create = client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.stream_view_type(StreamViewType::NewAndOldImages).build().unwrap());
    let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        create = create.key_schema(key(name, kind));
    }
    for (name, kind) in [
        ("pk", ScalarAttributeType::S),
        ("sk", ScalarAttributeType::S),
        ("inbox", ScalarAttributeType::S),
        ("activeAt", ScalarAttributeType::N),
    ] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        create = create.attribute_definitions(attribute.build().unwrap());
    }
    let shown = Projection::builder().projection_type(ProjectionType::Include);
    let shown = shown.set_non_key_attributes(Some(["last", "before", "sent"].map(str::to_owned).into()));
    let index = GlobalSecondaryIndex::builder().index_name("byActivity").projection(shown.build());
    let index = index.key_schema(key("inbox", KeyType::Hash)).key_schema(key("activeAt", KeyType::Range));
    create = create.global_secondary_indexes(index.build().unwrap());
    create.send().await.unwrap();
    let ttl = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().unwrap();
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl).send().await.unwrap();
}
