//! The processes of one function: one for each invocation that runs, and the warm ones that wait for the next.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, interval, sleep, timeout},
};

use super::{
    binary::Binary,
    error::{InvokeError, InvokeResult},
    idle::{Build, IdleProcesses},
    process::{Host, Process},
    runtime_api::{Init, Job},
};
use crate::{file_version::FileVersion, template::Function, trace::Trace};

/// How long a process may take until it asks for its first invocation. Longer than that, as on AWS, it continues to
/// start at the expense of the invocation's own timeout.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a process may take to start when only the start of the stack waits for it, which may be on a busy machine.
const START_MAX: Duration = Duration::from_secs(30);
/// A process without work for this long is ended.
const IDLE_MAX: Duration = Duration::from_mins(5);
/// How long an invocation is assumed to take before there has been one.
const DURATION_GUESS: Duration = Duration::from_millis(20);
/// How often to look for processes that are idle for too long, and for a new build.
const MAINTENANCE_INTERVAL: Duration = Duration::from_millis(500);
/// How often to try to start a binary that another program still has open for writing, and the pause between.
const BUSY_TRIES_MAX: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// A function and its processes.
pub(super) struct Pool {
    pub(super) function: Function,
    binary: Binary,
    /// One permit for each process that may work at once.
    permits: Semaphore,
    idle: IdleProcesses,
    /// How long the last invocation that was answered took.
    usual_duration: Mutex<Duration>,
    host: Arc<Host>,
}

impl Pool {
    pub(super) fn new(function: Function, binary: Binary, concurrency: usize, host: Arc<Host>) -> Self {
        let permits = Semaphore::new(concurrency.max(1));
        let (idle, usual_duration) = (IdleProcesses::default(), Mutex::new(DURATION_GUESS));
        Self { function, binary, permits, idle, usual_duration, host }
    }

    /// Runs one invocation, in a warm process if there is one, otherwise in a new one.
    pub(super) async fn invoke(
        self: Arc<Self>,
        request_id: String,
        payload: Bytes,
        trace: Trace,
    ) -> InvokeResult {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(InvokeError::Start("the stack is stopping".to_owned()));
        };
        let result = self.run(request_id.clone(), payload, trace).await;
        match &result {
            // The function logs its own errors.
            Ok(_) | Err(InvokeError::Function { .. }) => {}
            Err(_) if *self.host.stopping.borrow() => {}
            Err(error) => tracing::warn!(function = self.function.name, request_id, "{error}"),
        }
        result
    }

    /// Starts a process and keeps it warm, or returns the reason why it cannot start.
    pub(super) async fn start_one(&self) -> Result<(), InvokeError> {
        let process = self.process().await?;
        tokio::select! {
            biased;
            init = process.started() => if let Init::Failed(reason) = init {
                return Err(InvokeError::Start(reason));
            },
            status = process.exited() => return Err(not_started(&process, &status)),
            () = sleep(START_MAX) => {
                return Err(InvokeError::Start(format!("the process was not ready within {START_MAX:?}")));
            }
        }
        self.idle.keep(process);
        Ok(())
    }

    async fn run(&self, request_id: String, payload: Bytes, trace: Trace) -> InvokeResult {
        if *self.host.stopping.borrow() {
            return Err(InvokeError::Start("the stack is stopping".to_owned()));
        }
        let process = self.process().await?;
        let (taken, was_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let limit = self.function.timeout;
        process.give(Job {
            request_id: request_id.clone(),
            function_arn: self.function.arn.clone(),
            payload,
            timeout: limit,
            trace: trace.entering(&self.function.arn),
            taken,
            answer,
        })?;
        tokio::select! {
            _ = was_taken => {}
            status = process.exited() => return Err(not_started(&process, &status)),
            () = sleep(INIT_TIMEOUT + limit) => {
                return Err(InvokeError::Timeout { request_id, after: INIT_TIMEOUT + limit });
            }
        }
        self.finish(process, request_id, answered).await
    }

    /// Waits for the response to the invocation that `process` has taken, and keeps the process for the next one.
    async fn finish(
        &self,
        process: Process,
        request_id: String,
        answered: oneshot::Receiver<InvokeResult>,
    ) -> InvokeResult {
        let (begun, limit) = (Instant::now(), self.function.timeout);
        // On every other path the process is dropped, which kills it.
        let end = async {
            let request_id = request_id.clone();
            tokio::select! {
                // The response first: a process may send it and end.
                biased;
                Ok(answer) = answered => Ok(answer),
                status = process.exited() => Err(InvokeError::Crashed { request_id, status }),
                () = sleep(limit) => Err(InvokeError::Timeout { request_id, after: limit }),
            }
        };
        if let Some(part) = self.host.faults.kill_after() {
            let moment = self.usual_duration().mul_f64(part);
            // At the latest when the response arrives: then the work is done, but the caller does not hear of it.
            let _ = timeout(moment, end).await;
            return Err(InvokeError::Crashed { request_id, status: process.kill().await });
        }
        let answer = end.await?;
        *self.usual_duration() = begun.elapsed();
        self.idle.keep(process);
        answer
    }

    /// A process for the next invocation: a warm one of the newest build, or a new one.
    async fn process(&self) -> Result<Process, InvokeError> {
        // A warm process does not need the binary, which is missing for a moment while it is replaced.
        if self.idle.is_empty() || !self.binary.is_missing() {
            self.reload(self.binary.complete().await?);
        }
        match self.idle.take() {
            Some(process) => Ok(process),
            None => self.start().await,
        }
    }

    /// Starts a process of the newest build.
    async fn start(&self) -> Result<Process, InvokeError> {
        let build = self.binary.complete().await?;
        self.reload(build);
        let mut tries = 0;
        loop {
            tries += 1;
            match Process::start(&self.function, &self.binary, build, &self.host) {
                Ok(process) => return Ok(process),
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES_MAX => {
                    sleep(BUSY_PAUSE).await;
                }
                Err(error) => {
                    let path = self.binary.path().display();
                    return Err(InvokeError::Start(format!("cannot start {path}: {error}")));
                }
            }
        }
    }

    /// Notes that `build` is in place, and logs it if it has replaced another one.
    fn reload(&self, build: FileVersion) {
        if self.idle.run(build) == Build::Replaced {
            let function = &self.function.name;
            tracing::info!(
                function,
                "reloaded: the binary was replaced, and the next invocation runs the new one"
            );
        }
    }

    /// Ends processes that have been idle for too long, and notices a new build, until the stack stops.
    pub(super) async fn maintain(self: Arc<Self>) {
        let mut stopping = self.host.stopping.subscribe();
        let mut ticks = interval(MAINTENANCE_INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if let Some(build) = self.binary.version() {
                        self.reload(build);
                    }
                    self.idle.end_older_than(IDLE_MAX);
                }
                _ = stopping.wait_for(|stopping| *stopping) => return self.idle.end_all(),
            }
        }
    }

    fn usual_duration(&self) -> MutexGuard<'_, Duration> {
        self.usual_duration.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason why a process ended before it took its invocation.
fn not_started(process: &Process, status: &str) -> InvokeError {
    match process.init() {
        Init::Failed(reason) => InvokeError::Start(reason),
        Init::Starting => InvokeError::Start(format!("the process ended before it was ready: {status}")),
        Init::Done => InvokeError::Start(format!("the process ended between two invocations: {status}")),
    }
}
