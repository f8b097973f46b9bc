//! Lambda: the stack's functions as processes of their own binaries, fed by the runtime API.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! As on AWS, a process handles one invocation at a time, starts when none is free, stays warm afterwards and
//! is killed at its timeout; unlike AWS, a function has at most [`LambdaOptions::concurrency`] of them, and
//! what comes beyond waits, so that a burst cannot fill a laptop with processes.
//!
//! What triggers a function without waiting for it, or from a stream or a queue, delivers at least once: there the
//! faults may have it come twice or late. And any process may be killed by them.
//!
//! Each process has a runtime API of its own: `AWS_LAMBDA_RUNTIME_API` carries its id as a path. Children
//! outlive neither a clean stop (their process groups are killed) nor a crash of ours (the runtime API's
//! connection breaks, which ends `lambda_runtime`).
//!
//! Never here: what an event looks like, or who sends it.

mod asynchronous;
#[cfg(test)]
pub(crate) mod fixture;
mod journal;
mod pool;
mod process;
mod runtime_api;
mod trace;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use pool::Pool;
use process::Host;
use runtime_api::RuntimeApi;

pub(crate) use self::trace::Trace;
use self::{asynchronous::Event, trace::PASSES_MAX};
use crate::{
    aws_error::AwsError,
    faults::{Deliveries, Faults},
    journal::Journal,
    log::FunctionLog,
    queues::Queues,
    template::{Function, RecursiveLoop, Stack},
};

/// Bytes of a synchronous request or answer.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The functions of the stack, ready to be invoked. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lambda {
    shared: Arc<Shared>,
}

struct Shared {
    /// By logical id.
    pools: HashMap<String, Arc<Pool>>,
    host: Arc<Host>,
    async_retry_delay: Duration,
    queues: Queues,
    journal: Journal,
}

/// How a [`Lambda`] runs its functions.
pub(crate) struct LambdaOptions {
    /// Where the functions' binaries are: `{name}` (cargo's layout) or `{name}/bootstrap` (cargo-lambda's).
    pub(crate) bin_dir: PathBuf,
    /// `AWS_ENDPOINT_URL` of the functions.
    pub(crate) endpoint: String,
    /// Processes a function at once; further invocations wait.
    pub(crate) concurrency: usize,
    /// Before the first retry of an asynchronous invocation; the second waits twice that. AWS: 60 s.
    pub(crate) async_retry_delay: Duration,
    pub(crate) log_format: LogFormat,
    /// Takes what the functions print.
    pub(crate) log: FunctionLog,
    /// Takes the records of asynchronous invocations that failed for good.
    pub(crate) queues: Queues,
    /// Keeps asynchronous invocations until they are finished.
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
}

/// What functions are told to log in (`AWS_LAMBDA_LOG_FORMAT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Why an invocation has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum InvokeError {
    /// No function has this logical id.
    #[error("no function {0}")]
    Unknown(String),
    /// The function answered with an error. `payload` is its own JSON.
    #[error("{error_type}: {message}")]
    Function { error_type: String, message: String, payload: Bytes },
    /// Killed at its timeout.
    #[error("RequestId: {request_id} Error: Task timed out after {:.2} seconds", after.as_secs_f64())]
    Timeout { request_id: String, after: Duration },
    /// The process ended in the middle of the invocation.
    #[error("RequestId: {request_id} Error: Runtime exited with error: {status}")]
    Crashed { request_id: String, status: String },
    /// The process could not start, or ended before it asked for work.
    #[error("{0}")]
    Start(String),
}

impl InvokeError {
    /// The JSON that Lambda answers: `errorType`, `errorMessage`, and whatever the function itself put beside
    /// them.
    pub(crate) fn payload(&self) -> Bytes {
        let error_type = match self {
            Self::Function { payload, .. } => return payload.clone(),
            Self::Unknown(_) => "ResourceNotFoundException",
            Self::Timeout { .. } => "Sandbox.Timedout",
            Self::Crashed { .. } => "Runtime.ExitError",
            Self::Start(_) => "Runtime.InitError",
        };
        json!({ "errorType": error_type, "errorMessage": self.to_string() }).to_string().into()
    }
}

impl Lambda {
    /// Opens the runtime API on a port of 127.0.0.1. No process starts before it is needed, but a function
    /// whose binary is not there is an error at once.
    pub(crate) async fn start(stack: &Stack, options: LambdaOptions) -> Result<Self> {
        let runtime_api = RuntimeApi::start().await.context("cannot open the Lambda runtime API")?;
        let (stopping, _) = watch::channel(false);
        let (running, _) = watch::channel(0);
        let host = Arc::new(Host {
            runtime_api,
            endpoint: options.endpoint,
            log_format: options.log_format,
            log: options.log,
            faults: options.faults,
            stopping,
            running,
        });
        let mut pools = HashMap::new();
        for (id, function) in &stack.functions {
            let binary = binary(&options.bin_dir, function)?;
            let pool = Pool::new(function.clone(), binary, options.concurrency, Arc::clone(&host));
            pools.insert(id.clone(), Arc::new(pool));
        }
        for pool in pools.values() {
            tokio::spawn(Arc::clone(pool).reap());
        }
        let LambdaOptions { async_retry_delay, queues, journal, .. } = options;
        let shared = Shared { pools, host, async_retry_delay, queues, journal };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Invokes the function of this logical id and waits for its answer. An invocation goes on when the
    /// caller no longer waits.
    pub(crate) async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.invoke_in(function, payload, Trace::new()).await
    }

    async fn invoke_in(&self, function: &str, payload: Bytes, trace: Trace) -> Result<Bytes, InvokeError> {
        self.invoke_as(function, Uuid::new_v4().to_string(), payload, trace).await
    }

    /// Starts a process of the function of this logical id, and keeps it for the first invocation. Fails, with the
    /// function's own reason, where it cannot start.
    pub(crate) async fn start_one(&self, function: &str) -> Result<(), InvokeError> {
        match self.shared.pools.get(function) {
            Some(pool) => pool.start_one().await,
            None => Err(InvokeError::Unknown(function.to_owned())),
        }
    }

    /// Whether what this trace leads to is stopped before the function of this logical id: it has led there too often.
    pub(crate) fn is_loop(&self, function: &str, trace: &Trace) -> bool {
        self.shared.pools.get(function).is_some_and(|pool| {
            let function = &pool.function;
            function.recursive_loop == RecursiveLoop::Terminate && trace.passes(&function.arn) >= PASSES_MAX
        })
    }

    /// Accepts invocations, each of a function by its logical id, that nobody waits for: they are retried as the
    /// function's template says, and what failed for good goes to its `OnFailure` queue. All are kept when this
    /// returns, or none where it fails. Events that wait for a process wait in memory, however many they are, as on
    /// AWS.
    pub(crate) fn accept(&self, events: Vec<(String, Bytes)>) -> Result<(), AwsError> {
        let events: Vec<_> =
            events.into_iter().map(|(function, payload)| Event::new(function, payload)).collect();
        if !events.is_empty() {
            self.shared.journal.write(|to| events.iter().try_for_each(|event| journal::insert(to, event)))?;
        }
        for event in events {
            self.spawn_event(event);
        }
        Ok(())
    }

    /// Goes on with what an earlier run has accepted and not finished.
    pub(crate) fn resume(&self) -> Result<()> {
        let events = self.shared.journal.read(journal::load)?;
        if !events.is_empty() {
            tracing::info!(events = events.len(), "asynchronous invocations of an earlier run go on");
        }
        for event in events {
            self.spawn_event(event);
        }
        Ok(())
    }

    fn spawn_event(&self, event: Event) {
        let Deliveries { first, again } = self.shared.host.faults.deliveries();
        if let Some(delay) = again {
            self.spawn_delayed(event.clone(), delay);
        }
        self.spawn_delayed(event, first);
    }

    fn spawn_delayed(&self, event: Event, delay: Duration) {
        let lambda = self.clone();
        tokio::spawn(async move {
            wait(delay).await;
            asynchronous::run(lambda, event).await;
        });
    }

    /// Invokes the function with a batch of a stream or a queue, which `trace` has led to, and waits for its answer; of
    /// two deliveries, for the second one's.
    pub(crate) async fn deliver(
        &self,
        function: &str,
        batch: Bytes,
        trace: Trace,
    ) -> Result<Bytes, InvokeError> {
        let Deliveries { first, again } = self.shared.host.faults.deliveries();
        wait(first).await;
        let answer = self.invoke_in(function, batch.clone(), trace.clone()).await;
        let Some(delay) = again else { return answer };
        wait(delay).await;
        self.invoke_in(function, batch, trace).await
    }

    /// Whether all invocations fail from here on, because the stack stops.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.shared.host.stopping.borrow()
    }

    /// Kills every process and waits until they are gone. Invocations from here on fail.
    pub(crate) async fn stop(&self) {
        let host = &self.shared.host;
        host.stopping.send_replace(true);
        // The sender is ours, so this only ends when the count is zero.
        let _ = host.running.subscribe().wait_for(|running| *running == 0).await;
    }

    async fn invoke_as(
        &self,
        function: &str,
        request_id: String,
        payload: Bytes,
        trace: Trace,
    ) -> Result<Bytes, InvokeError> {
        let Some(pool) = self.shared.pools.get(function) else {
            return Err(InvokeError::Unknown(function.to_owned()));
        };
        let invocation = tokio::spawn(Arc::clone(pool).invoke(request_id, payload, trace));
        match invocation.await {
            Ok(result) => result,
            Err(error) => Err(InvokeError::Start(format!("the invocation was lost: {error}"))),
        }
    }
}

/// Waits, but not even until the timer's next tick where there is nothing to wait for.
async fn wait(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// The function's binary, which must exist.
fn binary(bin_dir: &Path, function: &Function) -> Result<PathBuf> {
    let plain = bin_dir.join(&function.name);
    for candidate in [&plain, &plain.join("bootstrap")] {
        if candidate.is_file() {
            return candidate.canonicalize().with_context(|| format!("cannot use {}", candidate.display()));
        }
    }
    let (id, plain) = (&function.id, plain.display());
    bail!(
        "{id}: there is neither {plain} nor {plain}/bootstrap: build the functions first, or give --bin-dir"
    )
}

#[cfg(test)]
mod tests;
