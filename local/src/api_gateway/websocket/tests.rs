//! The API with sockets, and a function behind `$default` and `$disconnect`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinSet,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::*;
use crate::{
    http1::serve,
    lambda::fixture::{Fixture, fixture_in, stack},
    template::Route,
};

struct Running {
    fixture: Fixture,
    websockets: Arc<WebSockets>,
    address: String,
    _tasks: JoinSet<()>,
}

async fn start(data: Option<&Path>) -> Running {
    let fixture = fixture_in(data, &[]).await;
    let mut definition = stack(BTreeMap::new()).websocket;
    for key in ["$default", "$disconnect"] {
        let route = Route { function: "F".to_owned(), responds: false, timeout: INTEGRATION_TIMEOUT };
        definition.routes.insert(key.to_owned(), route);
    }
    let route = Route { function: "F".to_owned(), responds: true, timeout: INTEGRATION_TIMEOUT };
    definition.routes.insert("large".to_owned(), route);
    let limits = Limits {
        message_bytes_max: MESSAGE_BYTES_MAX,
        frame_bytes_max: FRAME_BYTES_MAX,
        idle_max: IDLE_MAX,
        connection_max: CONNECTION_MAX,
        integration_timeout: INTEGRATION_TIMEOUT,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (lambda, faults, journal) = (fixture.lambda.clone(), fixture.faults.clone(), fixture.journal.clone());
    let websockets = WebSockets::new(definition, &address, limits, lambda, faults, journal);
    let (api, mut tasks) = (Arc::clone(&websockets), JoinSet::new());
    tasks.spawn(serve(listener, move |request, peer| {
        let api = Arc::clone(&api);
        async move { api.accept(request, peer).await }
    }));
    Running { fixture, websockets, address, _tasks: tasks }
}

impl Running {
    async fn connect(&self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        connect_async(format!("ws://{}/test", self.address)).await.unwrap().0
    }

    /// The events that the function took.
    fn taken(&self) -> Vec<Value> {
        self.fixture.taken().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_arrive_together_may_have_the_same_time_as_on_aws() {
    const FRAMES: usize = 50;
    let running = start(None).await;
    let mut socket = running.connect().await;
    for frame in 0..FRAMES {
        socket.feed(Message::text(json!({ "frame": frame }).to_string())).await.unwrap();
    }
    socket.flush().await.unwrap();
    running.fixture.until(|| running.taken().len() == FRAMES).await;
    let times: BTreeSet<_> =
        running.taken().iter().map(|event| event["requestContext"]["requestTimeEpoch"].as_i64()).collect();
    assert!(times.len() < FRAMES, "{times:?}");
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_larger_than_a_message_is_not_delivered() {
    let running = start(None).await;
    let mut socket = running.connect().await;
    socket.send(Message::text(json!({ "action": "large" }).to_string())).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["message"], "Internal server error");
    running.fixture.lambda.stop().await;
}

#[test]
fn a_later_run_calls_disconnect_for_connections_of_an_earlier_one() {
    let data = tempfile::tempdir().unwrap();
    let (killed, later) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (id, socket) = killed.block_on(async {
        let running = start(Some(data.path())).await;
        let socket = running.connect().await;
        (running.websockets.ids().remove(0), socket)
    });
    // Everything that is in flight ends here.
    killed.shutdown_timeout(Duration::from_secs(5));
    drop(socket);
    later.block_on(async {
        let running = start(Some(data.path())).await;
        running.websockets.disconnect_left_over().unwrap();
        running.fixture.until(|| running.taken().len() == 1).await;
        let context = &running.taken()[0]["requestContext"];
        assert_eq!((&context["eventType"], &context["connectionId"]), (&json!("DISCONNECT"), &json!(id)));
        assert_eq!(context["disconnectStatusCode"], 1006);
        let journal = &running.fixture.journal;
        running.fixture.until(|| journal.read(journal::load).unwrap().is_empty()).await;
        running.fixture.lambda.stop().await;
    });
}
