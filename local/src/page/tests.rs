//! The port as a browser uses it: the HTTP API, files for paths without a route, and `/_local`.

use std::{collections::BTreeMap, fs, net::Ipv4Addr, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, Full};
use jsonwebtoken::dangerous::insecure_decode_claims;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::*;
use crate::{
    api_gateway::websocket::{
        CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, Limits, MESSAGE_BYTES_MAX, WebSockets,
    },
    eventbridge::Bus,
    eventbridge::Pattern,
    http1::{client, serve},
    journal::Journal,
    lambda::fixture::{DEAD, Fixture, fixture, stack},
    secrets_manager::Secrets,
    template::{HttpApi, HttpRoute, Input, Rule, Stack, Target, Trigger},
    token::DevKey,
};

struct Running {
    fixture: Fixture,
    websockets: Arc<WebSockets>,
    site: TempDir,
    /// `127.0.0.1:port` of the HTTP port, and of the WebSockets.
    http: String,
    aws: String,
    tasks: JoinSet<()>,
}

/// A page with three files, an HTTP API whose one route is `GET /api/echo`, and a bus whose events end in a queue.
async fn start() -> Running {
    let fixture = fixture(&[]).await;
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("index.html"), "<h1>Hello</h1>").unwrap();
    fs::create_dir_all(site.path().join("api")).unwrap();
    fs::write(site.path().join("api/echo"), "a file that is in the API's way").unwrap();
    fs::write(site.path().join("app.js"), "go()").unwrap();

    let (aws, http) = (listen().await, listen().await);
    let (aws_address, http_address) = (address(&aws), address(&http));
    let stack = stack_with_bus_and_api();
    let (lambda, faults) = (&fixture.lambda, &fixture.faults);
    let websockets = WebSockets::new(
        stack.websocket.clone(),
        &aws_address,
        limits(),
        lambda.clone(),
        faults.clone(),
        Journal::default(),
    );
    let local = Local {
        websockets: Arc::clone(&websockets),
        bus: Bus::start(&stack, lambda, &fixture.queues, &Secrets::default()).unwrap(),
        key: Some(DevKey::decode("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc").unwrap()),
        event_source: "app".to_owned(),
        ready: json!({ "bus": "b" }),
    };
    let api = HttpApiServer::new(stack.http.clone(), &http_address, lambda.clone());
    let page = Page::new(api, local, Some(Site::open(site.path()).unwrap()));
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(http, move |request, peer| Arc::clone(&page).answer(request, peer)));
    let accepting = Arc::clone(&websockets);
    tasks.spawn(serve(aws, move |request, peer| {
        let websockets = Arc::clone(&accepting);
        async move { websockets.accept(request, peer).await }
    }));
    Running { fixture, websockets, site, http: http_address, aws: aws_address, tasks }
}

async fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

fn address(listener: &TcpListener) -> String {
    listener.local_addr().unwrap().to_string()
}

fn stack_with_bus_and_api() -> Stack {
    let mut stack = stack(BTreeMap::new());
    stack.buses = vec!["b".to_owned()];
    stack.rules = vec![Rule {
        name: "r".to_owned(),
        arn: "arn:aws:events:us-east-1:000000000000:rule/b/r".to_owned(),
        trigger: Trigger::Event {
            bus: "b".to_owned(),
            pattern: Pattern::parse(&json!({ "source": ["app"] })).unwrap(),
        },
        target: Target::Queue(DEAD.to_owned()),
        input: Input::Event,
    }];
    let (method, path, function) = ("GET".to_owned(), "/api/echo".to_owned(), "F".to_owned());
    stack.http = Some(HttpApi {
        id: "Api".to_owned(),
        api_id: "abc".to_owned(),
        stage: "$default".to_owned(),
        routes: vec![HttpRoute { method, path, function }],
        cors: None,
        throttles: crate::template::Throttles::default(),
    });
    stack
}

fn limits() -> Limits {
    Limits {
        message_bytes_max: MESSAGE_BYTES_MAX,
        frame_bytes_max: FRAME_BYTES_MAX,
        idle_max: IDLE_MAX,
        connection_max: CONNECTION_MAX,
        integration_timeout: INTEGRATION_TIMEOUT,
    }
}

struct PageResponse {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl PageResponse {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

impl Running {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> PageResponse {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.http));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Full::default() } else { Full::from(body.to_string()) };
        let (head, body) = client().request(request.body(body).unwrap()).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        PageResponse { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn get(&self, path: &str) -> PageResponse {
        self.ask("GET", path, &[], &Value::Null).await
    }

    async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.fixture.lambda.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folders_files_are_served_with_their_types() {
    let running = start().await;
    for (path, body, content_type) in
        [("/", "<h1>Hello</h1>", "text/html"), ("/app.js", "go()", "text/javascript")]
    {
        let answer = running.get(path).await;
        assert_eq!((answer.status, &answer.body[..]), (200, body.as_bytes()), "{path}");
        assert_eq!(answer.header(header::CONTENT_TYPE), content_type, "{path}");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-cache", "{path}");
        let known = [("if-none-match", answer.header(header::ETAG))];
        assert_eq!(running.ask("GET", path, &known, &Value::Null).await.status, 304, "{path}");
    }
    assert_eq!(running.ask("HEAD", "/?only=merchant", &[], &Value::Null).await.status, 200);
    for (method, path) in [("GET", "/nothing.js"), ("POST", "/app.js"), ("DELETE", "/")] {
        assert_eq!(running.ask(method, path, &[], &Value::Null).await.status, 404, "{method} {path}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_of_the_folder_is_served() {
    let running = start().await;
    let secret = running.site.path().with_extension("secret");
    fs::write(&secret, "secret").unwrap();
    let name = secret.file_name().unwrap().to_str().unwrap();
    for up in ["..", "%2e%2e", "api/../..", "api%2f..%2f..", "..%5c", "/"] {
        let answer = running.get(&format!("/{up}/{name}")).await;
        assert_eq!(answer.status, 404, "{up}");
    }
    fs::remove_file(secret).unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_of_the_api_takes_precedence_over_a_file() {
    let running = start().await;
    let answer = running.get("/api/echo").await;
    assert_eq!((answer.status, answer.json()["rawPath"].as_str()), (200, Some("/api/echo")));
    running.stop().await;
}

#[test]
fn a_folder_without_a_page_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let error = Site::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("index.html"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_a_token_and_the_ready_line() {
    let running = start().await;
    assert_eq!(running.get("/_local").await.json(), json!({ "bus": "b" }));
    let companies = json!([{ "id": "biz_1", "role": "admin" }]);
    let asked = json!({ "user": "user_1", "name": "Ann", "companies": companies });
    let answer = running.ask("POST", "/_local/token", &[], &asked).await;
    let claims: Value = insecure_decode_claims(answer.json()["token"].as_str().unwrap()).unwrap();
    assert_eq!((&claims["sub"], &claims["name"]), (&json!("user_1"), &json!("Ann")));
    assert_eq!(claims["companies"], companies);
    for wrong in [
        Value::Null,
        json!({ "name": "Ann" }),
        json!({ "user": "u", "admin": true }),
        json!({ "user": "u", "companies": [{ "id": "biz_1", "role": "owner" }] }),
    ] {
        assert_eq!(running.ask("POST", "/_local/token", &[], &wrong).await.status, 400, "{wrong}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_puts_events_on_the_bus() {
    let running = start().await;
    let asked = json!({ "detailType": "FunnelUpdate", "detail": { "progress": 5 } });
    let answer = running.ask("POST", "/_local/events", &[], &asked).await;
    assert_eq!(answer.status, 200);
    let received = running.fixture.queues.receive(DEAD, 1, Duration::from_secs(20)).await;
    let event: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!((&event["id"], &event["detail-type"]), (&answer.json()["id"], &json!("FunnelUpdate")));
    assert_eq!((&event["source"], &event["detail"]), (&json!("app"), &json!({ "progress": 5 })));
    for wrong in [json!({ "detailType": "", "detail": {} }), json!({ "detailType": "T", "detail": 1 })] {
        let refused = running.ask("POST", "/_local/events", &[], &wrong).await;
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.json()["message"].is_string(), "{wrong}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_closes_a_connection_from_the_servers_side() {
    let running = start().await;
    let (mut socket, _) = connect_async(format!("ws://{}/test", running.aws)).await.unwrap();
    let id = running.websockets.ids().pop().unwrap().replace('=', "%3D");
    let path = format!("/_local/connections/{id}");
    assert_eq!(running.ask("DELETE", &path, &[], &Value::Null).await.status, 204);
    match socket.next().await.unwrap().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1000),
        other => panic!("{other:?}"),
    }
    assert_eq!(running.ask("DELETE", &path, &[], &Value::Null).await.status, 404);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_gets_nothing() {
    let running = start().await;
    let asked = json!({ "user": "user_1" });
    for foreign in [("origin", "https://evil.example"), ("host", "evil.example:3000")] {
        let refused = running.ask("POST", "/_local/token", &[foreign], &asked).await;
        assert_eq!(refused.status, 403, "{foreign:?}");
        assert!(refused.json().get("token").is_none(), "{foreign:?}");
    }
    let ours = [("origin", "http://localhost:5173")];
    assert_eq!(running.ask("POST", "/_local/token", &ours, &asked).await.status, 200);
    running.stop().await;
}
