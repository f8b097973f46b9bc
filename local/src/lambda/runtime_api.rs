//! The runtime API: the HTTP server that processes fetch their invocations from.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! One port serves all processes; the first segment of the path identifies the process. A process takes its next
//! invocation from a channel, so that a slow or dead process delays no other.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{self, Body},
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
};
use uuid::Uuid;

use super::error::{InvokeError, InvokeResult};
use crate::trace::Trace;

/// The most bytes of a synchronous request or response.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The server; it ends when this is dropped.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    slots: Slots,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Slots = Arc<Mutex<HashMap<String, Arc<Slot>>>>;

/// The server's side of one process.
struct Slot {
    jobs: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    current: Mutex<Option<(String, oneshot::Sender<InvokeResult>)>>,
    state: watch::Sender<Init>,
}

/// How far a process has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Init {
    Starting,
    /// It has asked for its first invocation.
    Done,
    /// It has reported why it cannot start.
    Failed(String),
}

/// One invocation, for one process.
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) function_arn: String,
    pub(super) payload: Bytes,
    /// Counted from the moment that the process takes the invocation.
    pub(super) timeout: Duration,
    /// The chain of calls that led to it, this function included.
    pub(super) trace: Trace,
    /// Notified when the process has taken the invocation.
    pub(super) taken: oneshot::Sender<()>,
    pub(super) answer: oneshot::Sender<InvokeResult>,
}

/// The pool's side of one process; the process is forgotten when this is dropped.
pub(super) struct Registration {
    /// Value of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) url: String,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) init: watch::Receiver<Init>,
    id: String,
    slots: Slots,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.slots).remove(&self.id);
    }
}

impl RuntimeApi {
    /// Listens on a free port of 127.0.0.1.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let slots = Slots::default();
        let app = Router::new()
            .route("/{process}/2018-06-01/runtime/invocation/next", get(next))
            .route("/{process}/2018-06-01/runtime/invocation/{request}/response", post(response))
            .route("/{process}/2018-06-01/runtime/invocation/{request}/error", post(error))
            .route("/{process}/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::clone(&slots));
        // Nagle's algorithm would add 40 ms to each invocation.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
        });
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the Lambda runtime API has ended");
            }
        });
        Ok(Self { address, slots, server })
    }

    /// Registers one more process.
    pub(super) fn register(&self) -> Registration {
        let id = Uuid::new_v4().simple().to_string();
        let (jobs, taken) = mpsc::channel(1);
        let (state, init) = watch::channel(Init::Starting);
        let slot = Slot { jobs: tokio::sync::Mutex::new(taken), current: Mutex::new(None), state };
        lock(&self.slots).insert(id.clone(), Arc::new(slot));
        // `lambda_runtime` needs the scheme to read a value with a path as a URL.
        let url = format!("http://{}/{id}", self.address);
        Registration { url, jobs, init, id, slots: Arc::clone(&self.slots) }
    }
}

async fn next(State(slots): State<Slots>, Path(process): Path<String>) -> Response {
    let Some(slot) = find(&slots, &process) else { return unknown_process() };
    slot.state.send_replace(Init::Done);
    let Some(job) = slot.jobs.lock().await.recv().await else {
        // The process is being killed; any response would only add an error to its log.
        return std::future::pending().await;
    };
    let deadline_ms = Timestamp::now()
        .as_millisecond()
        .saturating_add_unsigned(u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX));
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", job.request_id.clone()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", job.function_arn),
        ("lambda-runtime-trace-id", job.trace.to_string()),
    ];
    *lock(&slot.current) = Some((job.request_id, job.answer));
    // The caller may have stopped waiting.
    let _ = job.taken.send(());
    (headers, job.payload).into_response()
}

async fn response(
    State(slots): State<Slots>,
    Path((process, request)): Path<(String, String)>,
    body: Body,
) -> Response {
    let Some(slot) = find(&slots, &process) else { return unknown_process() };
    if let Ok(payload) = body::to_bytes(body, PAYLOAD_BYTES_MAX).await {
        return slot.finish(&request, Ok(payload));
    }
    let message =
        format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes).");
    slot.finish(&request, Err(function_error("Function.ResponseSizeTooLarge", &message)));
    (StatusCode::PAYLOAD_TOO_LARGE, "the response is too large").into_response()
}

async fn error(
    State(slots): State<Slots>,
    Path((process, request)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(slot) = find(&slots, &process) else { return unknown_process() };
    let (error_type, message) = diagnostic(&headers, &body);
    let payload = if body.is_empty() { function_error(&error_type, &message).payload() } else { body };
    slot.finish(&request, Err(InvokeError::Function { error_type, message, payload }))
}

async fn init_error(
    State(slots): State<Slots>,
    Path(process): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(slot) = find(&slots, &process) else { return unknown_process() };
    let (error_type, message) = diagnostic(&headers, &body);
    slot.state.send_replace(Init::Failed(format!("{error_type}: {message}")));
    accepted()
}

impl Slot {
    /// Passes on the result of the process's current invocation, if that is the one of `request_id`.
    fn finish(&self, request_id: &str, answer: InvokeResult) -> Response {
        let current = lock(&self.current).take_if(|(current, _)| current == request_id);
        let Some((_, waiting)) = current else {
            let body = json!({ "errorType": "InvalidRequestID", "errorMessage": "Invalid request ID" });
            return (StatusCode::BAD_REQUEST, body.to_string()).into_response();
        };
        // The caller may have stopped waiting.
        let _ = waiting.send(answer);
        accepted()
    }
}

/// The error's type and message, from the body, or the type alone from the header.
fn diagnostic(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Diagnostic {
        error_type: String,
        error_message: String,
    }
    let read: Diagnostic = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let error_type = match read.error_type {
        read if read.is_empty() => header.unwrap_or("Unhandled").to_owned(),
        read => read,
    };
    (error_type, read.error_message)
}

fn function_error(error_type: &str, message: &str) -> InvokeError {
    let payload = json!({ "errorType": error_type, "errorMessage": message }).to_string().into();
    InvokeError::Function { error_type: error_type.to_owned(), message: message.to_owned(), payload }
}

fn find(slots: &Slots, process: &str) -> Option<Arc<Slot>> {
    lock(slots).get(process).cloned()
}

fn unknown_process() -> Response {
    (StatusCode::GONE, "this process is being ended").into_response()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
