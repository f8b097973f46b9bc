//! Lambda: the stack's functions, as processes of their own binaries that fetch work from a runtime API.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! As on AWS, a process handles one invocation at a time, is started when none is free, stays warm afterwards and is
//! killed at the function's timeout. Unlike on AWS, a function has at most [`LambdaOptions::concurrency`] processes and
//! further invocations wait, so that a burst cannot fill a laptop with processes.
//!
//! A binary that is replaced while the stack runs is reloaded: the next invocation runs the new build ([`binary`]).
//!
//! Asynchronous invocations and the batches of event source mappings are delivered at least once, so the faults may
//! duplicate or delay them; and the faults may kill any process.
//!
//! Each process has a runtime API of its own: `AWS_LAMBDA_RUNTIME_API` carries the process's id as a path. No process
//! outlives the stack: a clean stop kills the process groups, and if the stack crashes, the connection to the runtime
//! API breaks, which ends `lambda_runtime`.
//!
//! Never here: what an event looks like, or who sends it.
//!
//! # Layout
//! - [`functions`]: `Lambda`, and synchronous invocations; [`asynchronous`]: event invocations, with their retries.
//! - [`event`]: an event invocation, and its row in the journal; [`error`]: why an invocation has no result.
//! - [`pool`]: the processes of one function, of which [`idle`] has those that wait for work; [`process`]: one process;
//!   [`binary`]: the file that it runs.
//! - [`runtime_api`]: the HTTP server that processes fetch their invocations from.

mod asynchronous;
mod binary;
mod error;
mod event;
#[cfg(test)]
pub(crate) mod fixture;
mod functions;
mod idle;
mod pool;
mod process;
mod runtime_api;

pub(crate) use self::{
    error::InvokeError,
    functions::{Lambda, LambdaOptions},
    runtime_api::PAYLOAD_BYTES_MAX,
};

#[cfg(test)]
mod tests;
