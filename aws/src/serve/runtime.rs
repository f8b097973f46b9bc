//! The main loop of a function: takes invocations from the runtime API one at a time, and returns the handler's
//! outcome of each (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
//!
//! `lambda_runtime::run` does the same, but also puts the trace id of each invocation into the environment, and
//! glibc's `setenv` keeps every distinct value for the life of the process: 144 bytes per invocation, more with the
//! lineage that AWS adds, without end (measured over 20,000 invocations; with the same trace id for all of them it is
//! nothing). It has no option against that, and its layers come after it. So the loop is implemented here, while the
//! client of the API, the context and the form of errors are the crate's. [`trace`] keeps the id instead.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, response::Parts};
use http_body_util::BodyExt;
use lambda_runtime::{Config, Context, Diagnostic, Error, LambdaEvent, Service, tower::ServiceExt};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use serde::{Serialize, de::DeserializeOwned};

use crate::trace;

const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";
const PREFIX: &str = "/2018-06-01/runtime/invocation";
const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
/// By this id Lambda distinguishes a response from that of an earlier try; it is returned unchanged.
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";
const TRACE_ID: &str = "lambda-runtime-trace-id";

/// Tells Lambda why this process cannot start
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror>). If that fails too,
/// Lambda learns of the failure by the exit of the process.
pub(super) async fn fail_to_start(diagnostic: Diagnostic) {
    let Ok(body) = serde_json::to_vec(&diagnostic) else { return };
    let request = build_request().method(Method::POST).uri(INIT_ERROR);
    let request =
        request.header("lambda-runtime-function-error-type", "Runtime.InitError").body(Body::from(body));
    if let Ok(request) = request {
        let _ = PooledClient::builder().with_pool_size(1).build().call(request).await;
    }
}

/// Handles invocations until the runtime API ends.
///
/// An event that cannot be parsed, an error of the handler, and a panic only fail their own invocation.
///
/// # Errors
/// The error with which the runtime API ends.
///
/// # Panics
/// If the environment is not that of a Lambda function.
pub(super) async fn run<S, P>(handler: S) -> Result<(), Error>
where
    S: Service<LambdaEvent<P>, Response: Serialize, Error: Into<Diagnostic>>,
    P: DeserializeOwned,
{
    let client = PooledClient::builder().with_pool_size(1).build();
    Runtime { client, config: Arc::new(Config::from_env()) }.run(handler).await
}

pub(super) struct Runtime {
    pub(super) client: PooledClient,
    pub(super) config: Arc<Config>,
}

/// The outcome of an invocation, as JSON.
type Outcome = Result<Vec<u8>, Diagnostic>;

impl Runtime {
    pub(super) async fn run<S, P>(self, mut handler: S) -> Result<(), Error>
    where
        S: Service<LambdaEvent<P>, Response: Serialize, Error: Into<Diagnostic>>,
        P: DeserializeOwned,
    {
        loop {
            let next = build_request().uri(format!("{PREFIX}/next")).body(Body::empty())?;
            let (head, body) = self.call(next).await?;
            let request_id =
                head.headers.get(REQUEST_ID).ok_or("an invocation without a request id")?.to_str()?;
            let context = Context::new(request_id, Arc::clone(&self.config), &head.headers)?;
            let trace = head.headers.get(TRACE_ID).cloned();
            let outcome = trace::scope(trace, handle(&mut handler, &body, context)).await;
            let answer = answer(request_id, head.headers.get(INVOCATION_ID), outcome)?;
            let (head, _) = self.call(answer).await?;
            if !head.status.is_success() {
                // The invocation has timed out, or its response is too large. This does not affect the next one.
                tracing::error!(request_id, status = %head.status, "the runtime API refused the response");
            }
        }
    }

    /// Sends a request and reads its response to the end, so that the socket can be reused.
    async fn call(&self, request: Request<Body>) -> Result<(Parts, Bytes), Error> {
        let (head, body) = self.client.call(request).await?.into_parts();
        Ok((head, body.collect().await?.to_bytes()))
    }
}

async fn handle<S, P>(handler: &mut S, payload: &[u8], context: Context) -> Outcome
where
    S: Service<LambdaEvent<P>, Response: Serialize, Error: Into<Diagnostic>>,
    P: DeserializeOwned,
{
    let unreadable = |error: serde_json::Error| failure("Runtime.UnreadableEvent", &error);
    let payload = serde_json::from_slice(payload).map_err(unreadable)?;
    let outcome = async { handler.ready().await?.call(LambdaEvent::new(payload, context)).await };
    match AssertUnwindSafe(outcome).catch_unwind().await {
        Ok(Ok(response)) => {
            serde_json::to_vec(&response).map_err(|error| failure("Runtime.UnwritableResponse", &error))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(panic) => Err(failure("Runtime.Panic", &message(panic.as_ref()))),
    }
}

fn answer(
    request_id: &str,
    invocation_id: Option<&HeaderValue>,
    outcome: Outcome,
) -> Result<Request<Body>, Error> {
    let (kind, body) = match outcome {
        Ok(body) => ("response", body),
        Err(diagnostic) => ("error", serde_json::to_vec(&diagnostic)?),
    };
    let mut request = build_request().method(Method::POST).uri(format!("{PREFIX}/{request_id}/{kind}"));
    if kind == "error" {
        request = request.header("lambda-runtime-function-error-type", "unhandled");
    }
    if let Some(id) = invocation_id {
        request = request.header(INVOCATION_ID, id);
    }
    Ok(request.body(Body::from(body))?)
}

fn failure(error_type: &str, message: &impl ToString) -> Diagnostic {
    let diagnostic = Diagnostic { error_type: error_type.to_owned(), error_message: message.to_string() };
    tracing::error!(error_type, "{}", diagnostic.error_message);
    diagnostic
}

/// The text of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or_default())
}

#[cfg(test)]
mod tests;
