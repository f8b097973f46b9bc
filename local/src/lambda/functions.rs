//! The functions of the stack, and synchronous invocations of them.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    binary::Binary,
    error::{InvokeError, InvokeResult},
    pool::Pool,
    process::Host,
    runtime_api::RuntimeApi,
};
use crate::{
    faults::{Deliveries, Faults},
    journal::Journal,
    log::{FunctionLog, LogFormat},
    sqs::Queues,
    template::{RecursiveLoop, Stack},
    trace::{PASSES_MAX, Trace},
    usage::Usage,
};

/// The functions of the stack, ready to be invoked. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lambda {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    /// By the function's logical id.
    pub(super) pools: HashMap<String, Arc<Pool>>,
    pub(super) host: Arc<Host>,
    pub(super) async_retry_delay: Duration,
    pub(super) queues: Queues,
    pub(super) journal: Journal,
    usage: Arc<Usage>,
}

/// How a [`Lambda`] runs its functions.
pub(crate) struct LambdaOptions {
    /// The folder of the functions' binaries: `{name}` (cargo's layout) or `{name}/bootstrap` (cargo-lambda's).
    pub(crate) bin_dir: PathBuf,
    /// `AWS_ENDPOINT_URL` of the functions.
    pub(crate) endpoint: String,
    /// The most processes of a function at once; further invocations wait.
    pub(crate) concurrency: usize,
    /// The delay before the first retry of an event invocation; it doubles with each retry. On AWS it is 60 s.
    pub(crate) async_retry_delay: Duration,
    pub(crate) log_format: LogFormat,
    /// Shows what the functions print.
    pub(crate) log: FunctionLog,
    /// Takes the records of event invocations that failed for good.
    pub(crate) queues: Queues,
    /// Keeps event invocations until they are finished.
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    /// Counts the invocations.
    pub(crate) usage: Arc<Usage>,
}

impl Lambda {
    /// Opens the runtime API on a port of 127.0.0.1. No process starts before it is needed, but a function without a
    /// binary is an error at once.
    pub(crate) async fn start(stack: &Stack, options: LambdaOptions) -> anyhow::Result<Self> {
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
            let binary = Binary::find(&options.bin_dir, function)?;
            let pool = Pool::new(function.clone(), binary, options.concurrency, Arc::clone(&host));
            pools.insert(id.clone(), Arc::new(pool));
        }
        for pool in pools.values() {
            tokio::spawn(Arc::clone(pool).maintain());
        }
        let LambdaOptions { async_retry_delay, queues, journal, usage, .. } = options;
        let shared = Shared { pools, host, async_retry_delay, queues, journal, usage };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Invokes the function of this logical id and waits for its response. The invocation continues if the caller
    /// stops waiting.
    pub(crate) async fn invoke(&self, function: &str, payload: Bytes) -> InvokeResult {
        self.invoke_in(function, payload, Trace::new()).await
    }

    async fn invoke_in(&self, function: &str, payload: Bytes, trace: Trace) -> InvokeResult {
        self.invoke_as(function, Uuid::new_v4().to_string(), payload, trace).await
    }

    /// Invokes the function with a batch of a stream or a queue, which `trace` has led to, and waits for its response;
    /// if the faults deliver the batch twice, for the second one.
    pub(crate) async fn deliver(&self, function: &str, batch: Bytes, trace: Trace) -> InvokeResult {
        let Deliveries { first, again } = self.shared.host.faults.deliveries();
        delay(first).await;
        let response = self.invoke_in(function, batch.clone(), trace.clone()).await;
        let Some(second) = again else { return response };
        delay(second).await;
        self.invoke_in(function, batch, trace).await
    }

    /// Starts a process of the function of this logical id, and keeps it for the first invocation. If the process
    /// cannot start, the error is the function's own reason.
    pub(crate) async fn start_one(&self, function: &str) -> Result<(), InvokeError> {
        match self.shared.pools.get(function) {
            Some(pool) => pool.start_one().await,
            None => Err(InvokeError::Unknown(function.to_owned())),
        }
    }

    /// Whether recursive loop detection stops this trace before the function of this logical id: it has led there too
    /// often, and the function does not allow loops.
    pub(crate) fn is_loop(&self, function: &str, trace: &Trace) -> bool {
        self.shared.pools.get(function).is_some_and(|pool| {
            let function = &pool.function;
            function.recursive_loop == RecursiveLoop::Terminate && trace.passes(&function.arn) >= PASSES_MAX
        })
    }

    /// Whether the stack is stopping, so that every invocation fails from now on.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.shared.host.stopping.borrow()
    }

    /// Kills every process and waits until all of them are gone. Every later invocation fails.
    pub(crate) async fn stop(&self) {
        let host = &self.shared.host;
        host.stopping.send_replace(true);
        // The sender is in `host`, so this only ends when the count is zero.
        let _ = host.running.subscribe().wait_for(|running| *running == 0).await;
    }

    /// Invokes the function of this logical id as the request `request_id`.
    pub(super) async fn invoke_as(
        &self,
        function: &str,
        request_id: String,
        payload: Bytes,
        trace: Trace,
    ) -> InvokeResult {
        let Some(pool) = self.shared.pools.get(function) else {
            return Err(InvokeError::Unknown(function.to_owned()));
        };
        let bytes = payload.len();
        let invocation = tokio::spawn(Arc::clone(pool).invoke(request_id, payload, trace));
        let result = match invocation.await {
            Ok(result) => result,
            Err(error) => Err(InvokeError::Start(format!("the invocation was lost: {error}"))),
        };
        self.shared.usage.invoked(&pool.function.name, bytes + result.as_ref().map_or(0, Bytes::len));
        result
    }
}

/// Sleeps, unless the delay is zero: even an empty sleep would last until the timer's next tick.
pub(super) async fn delay(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}
