//! Lambda's runtime API for one process and one invocation
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>), which notes when it was polled and answered.

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

/// How long an invocation may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A runtime API; it ends when it is dropped.
pub(super) struct RuntimeApi {
    pub(super) address: String,
    polls: mpsc::UnboundedReceiver<Instant>,
    answers: mpsc::UnboundedReceiver<Instant>,
    gate: Arc<Semaphore>,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
struct Host {
    polls: mpsc::UnboundedSender<Instant>,
    answers: mpsc::UnboundedSender<Instant>,
    /// Has a permit when the first poll may be answered; the second never is.
    gate: Arc<Semaphore>,
    event: Bytes,
}

impl RuntimeApi {
    /// Starts a runtime API that answers the first poll with `event`, once it is allowed to.
    pub(super) async fn start(event: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (poll, polls) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let host = Host { polls: poll, answers: answer, gate: Arc::clone(&gate), event: event.into() };
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, host));
        Ok(Self { address, polls, answers, gate, _serving: serving })
    }

    /// Waits for the next poll.
    pub(super) async fn polled(&mut self) -> Result<Instant> {
        self.polls.recv().await.context("the runtime API ended before a poll")
    }

    /// Lets the first poll be answered.
    pub(super) fn let_go(&self) {
        self.gate.add_permits(1);
    }

    /// Waits for the function's answer to its event, or its error.
    pub(super) async fn answered(&mut self) -> Result<Instant> {
        self.answers.recv().await.context("the runtime API ended before an answer")
    }
}

async fn serve(listener: TcpListener, host: Host) {
    let mut sockets = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok(); // Nagle's algorithm costs 40 ms a call here
        let host = host.clone();
        sockets.spawn(async move {
            let answer = service_fn(|request| host.answer(request));
            http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
        });
    }
}

impl Host {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        if request.uri().path().ends_with("/invocation/next") {
            self.polls.send(Instant::now()).ok();
            if let Ok(permit) = self.gate.acquire().await {
                permit.forget();
            }
            return Ok(self.invocation());
        }
        request.into_body().collect().await.ok();
        self.answers.send(Instant::now()).ok();
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::ACCEPTED;
        Ok(response)
    }

    fn invocation(&self) -> Response<Full<Bytes>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut response = Response::new(Full::new(self.event.clone()));
        let headers = [
            ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
            ("lambda-runtime-deadline-ms", (now + DEADLINE).as_millis().to_string()),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned(),
            ),
            ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
        ];
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
