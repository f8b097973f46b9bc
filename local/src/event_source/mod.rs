//! Event source mappings: they read a table's stream or a queue, and invoke a function with batches of it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>
//!
//! The records of a stream that pass the mapping's filters are distributed over lanes, as many as the mapping may have
//! batches in flight. Records of one item key are always in the same lane, and a lane delivers one batch at a time, so
//! that they stay in order. A batch that fails delays only its own lane, until it has been bisected and retried, and is
//! finally given up to the failure queue.
//!
//! # Layout
//! - [`poller`]: reads a stream; [`position`]: how far it has been read; [`lane`]: delivers records, batch by batch.
//! - [`consumer`]: reads a queue.
//! - [`batch`]: what follows after an attempt to deliver a batch; [`response`]: which of its items the function reports.
//!
//! Never here: what a record means.

mod batch;
mod consumer;
mod lane;
mod poller;
mod position;
mod response;

use std::path::PathBuf;

use tokio::task::JoinSet;

use crate::{
    dynamodb::Engine,
    lambda::Lambda,
    sqs::Queues,
    template::{Source, Stack},
};

/// Starts the mappings of the stack. `data` is the folder in which a persistent stack keeps how far it has read. All of
/// them end when the returned set is shut down or dropped.
pub(crate) fn start(
    stack: &Stack,
    engine: &Engine,
    lambda: &Lambda,
    queues: &Queues,
    data: Option<PathBuf>,
) -> JoinSet<()> {
    let position_file =
        move |mapping: &str| data.as_ref().map(|data| data.join(format!("{mapping}.position")));
    let mut tasks = JoinSet::new();
    for mapping in &stack.mappings {
        match &mapping.source {
            Source::Stream(source) => {
                // The template was checked when it was read.
                let function_arn =
                    stack.functions.get(&mapping.function).map(|function| function.arn.clone());
                let feed = lane::Feed {
                    mapping: mapping.clone(),
                    source: source.clone(),
                    function_arn: function_arn.unwrap_or_default(),
                    lambda: lambda.clone(),
                    queues: queues.clone(),
                };
                tasks.spawn(poller::run(feed, engine.clone(), position_file(&mapping.id)));
            }
            Source::Queue { arn, concurrency_max } => {
                for _ in 0..concurrency_max.unwrap_or(usize::MAX).min(consumer::CONSUMERS) {
                    tasks.spawn(consumer::run(mapping.clone(), arn.clone(), lambda.clone(), queues.clone()));
                }
            }
        }
    }
    tasks
}

#[cfg(test)]
mod tests;
