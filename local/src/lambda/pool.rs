//! The processes of one function: one for each invocation that runs, and those that wait warm for the next.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, interval, sleep, timeout},
};

use super::{
    InvokeError, Trace,
    process::{Host, Process},
    runtime_api::{Answer, Init, Job},
};
use crate::template::Function;

/// What a process may take until it asks for its first invocation. Past this, as on AWS, its start goes on at
/// the expense of the invocation's own timeout.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// What a process may take until then where nobody waits for it but who starts the stack, on a machine that is busy.
const START_MAX: Duration = Duration::from_secs(30);
/// A process without work for this long ends.
const IDLE_MAX: Duration = Duration::from_mins(5);
/// How long an invocation is thought to take before there was one.
const DURATION_GUESS: Duration = Duration::from_millis(20);
/// How often to look for those.
const REAP_INTERVAL: Duration = Duration::from_secs(30);

/// A function and its processes.
pub(super) struct Pool {
    pub(super) function: Function,
    binary: PathBuf,
    /// One permit for each process that may work at once.
    permits: Semaphore,
    /// The one used last at the end, and taken first: the others get to be old.
    idle: Mutex<Vec<(Process, Instant)>>,
    /// How long the last invocation took that had an answer.
    usual_duration: Mutex<Duration>,
    host: Arc<Host>,
}

impl Pool {
    pub(super) fn new(function: Function, binary: PathBuf, concurrency: usize, host: Arc<Host>) -> Self {
        let permits = Semaphore::new(concurrency.max(1));
        let (idle, usual_duration) = (Mutex::new(Vec::new()), Mutex::new(DURATION_GUESS));
        Self { function, binary, permits, idle, usual_duration, host }
    }

    /// Runs one invocation, in a warm process where there is one, else in a new one.
    pub(super) async fn invoke(
        self: Arc<Self>,
        request_id: String,
        payload: Bytes,
        trace: Trace,
    ) -> Result<Bytes, InvokeError> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(InvokeError::Start("the stack is stopping".to_owned()));
        };
        let result = self.run(request_id.clone(), payload, trace).await;
        match &result {
            // The function has said so itself, or will have its caller say it.
            Ok(_) | Err(InvokeError::Function { .. }) => {}
            Err(_) if *self.host.stopping.borrow() => {}
            Err(error) => tracing::warn!(function = self.function.name, request_id, "{error}"),
        }
        result
    }

    /// Starts a process and keeps it warm, or says why it cannot start.
    pub(super) async fn start_one(&self) -> Result<(), InvokeError> {
        let process = Process::start(&self.function, &self.binary, &self.host)?;
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
        self.idle().push((process, Instant::now()));
        Ok(())
    }

    async fn run(&self, request_id: String, payload: Bytes, trace: Trace) -> Result<Bytes, InvokeError> {
        if *self.host.stopping.borrow() {
            return Err(InvokeError::Start("the stack is stopping".to_owned()));
        }
        let process = match self.warm() {
            Some(process) => process,
            None => Process::start(&self.function, &self.binary, &self.host)?,
        };
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

    /// Waits for the answer to the invocation that `process` has taken, and keeps the process for the next one.
    async fn finish(
        &self,
        process: Process,
        request_id: String,
        answered: oneshot::Receiver<Answer>,
    ) -> Answer {
        let (begun, limit) = (Instant::now(), self.function.timeout);
        // Dropping the process on every other way out kills it.
        let end = async {
            let request_id = request_id.clone();
            tokio::select! {
                // First the answer: a process may give it and end.
                biased;
                Ok(answer) = answered => Ok(answer),
                status = process.exited() => Err(InvokeError::Crashed { request_id, status }),
                () = sleep(limit) => Err(InvokeError::Timeout { request_id, after: limit }),
            }
        };
        if let Some(part) = self.host.faults.kill_after() {
            let moment = self.usual_duration().mul_f64(part);
            // At the latest when the answer comes: then all is done, and nobody hears of it.
            let _ = timeout(moment, end).await;
            return Err(InvokeError::Crashed { request_id, status: process.kill().await });
        }
        let answer = end.await?;
        *self.usual_duration() = begun.elapsed();
        if process.is_alive() {
            self.idle().push((process, Instant::now()));
        }
        answer
    }

    fn warm(&self) -> Option<Process> {
        let mut idle = self.idle();
        while let Some((process, _)) = idle.pop() {
            if process.is_alive() {
                return Some(process);
            }
        }
        None
    }

    /// Ends processes that have had no work for long, until the stack stops.
    pub(super) async fn reap(self: Arc<Self>) {
        let mut stopping = self.host.stopping.subscribe();
        let mut ticks = interval(REAP_INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    self.idle().retain(|(process, since)| process.is_alive() && since.elapsed() < IDLE_MAX);
                }
                _ = stopping.wait_for(|stopping| *stopping) => return self.idle().clear(),
            }
        }
    }

    fn usual_duration(&self) -> MutexGuard<'_, Duration> {
        self.usual_duration.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Process, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a process ended without having taken its invocation.
fn not_started(process: &Process, status: &str) -> InvokeError {
    match process.init() {
        Init::Failed(reason) => InvokeError::Start(reason),
        Init::Starting => InvokeError::Start(format!("the process ended before it was ready: {status}")),
        Init::Done => InvokeError::Start(format!("the process ended between two invocations: {status}")),
    }
}
