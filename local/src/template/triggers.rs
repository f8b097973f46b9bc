//! What invokes functions besides requests: rules of a bus, and mappings from streams and queues.

use std::time::Duration;

use super::destinations::DestinationTarget;
use crate::eventbridge::{Pattern, Transformer};

/// A rule of an event bus, with one trigger and one target.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The rule's name, which its ARN ends in.
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) trigger: Trigger,
    pub(crate) target: Target,
    pub(crate) input: Input,
}

/// What a rule's target gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// The event.
    Event,
    /// Always this, whatever the event is.
    Constant(String),
    /// What is made of the event.
    Transformed(Transformer),
}

/// What makes a rule fire.
#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    /// An event on the bus of this name that matches.
    Event { bus: String, pattern: Pattern },
    /// Time: `rate(...)`. The event is a `Scheduled Event`.
    Every { period: Duration },
}

/// Where a rule sends what fired it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// Logical id.
    Function(String),
    /// ARN.
    Queue(String),
    /// A URL.
    Destination(Box<DestinationTarget>),
}

/// An event source mapping: what a function is fed from.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    /// Logical id of the mapping, or function and event name joined as SAM does.
    pub(crate) id: String,
    /// Logical id.
    pub(crate) function: String,
    pub(crate) source: Source,
    /// At most this many records an invocation.
    pub(crate) batch_size: usize,
    /// How long to gather a batch.
    pub(crate) batching_window: Duration,
    /// A record that no pattern matches is dropped; empty means that all pass.
    pub(crate) filters: Vec<Pattern>,
    /// `ReportBatchItemFailures` is among the `FunctionResponseTypes`.
    pub(crate) partial_failures: bool,
}

/// The source of an event source mapping, with what only that kind of source has.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A table's stream.
    Stream(StreamSource),
    /// A queue.
    Queue {
        arn: String,
        /// The most batches in flight at once; `None` if the mapping does not set it.
        concurrency_max: Option<usize>,
    },
}

/// Settings of a mapping from a table's stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamSource {
    /// The template's name of the stream: `eventSourceARN` of its records.
    pub(crate) arn: String,
    /// Physical name of the table.
    pub(crate) table: String,
    pub(crate) start: StartingPosition,
    /// Batches in flight at once, 1 to 10; records of one item key are always in the same lane.
    pub(crate) lanes: usize,
    /// Whether a failed batch is tried again in two halves.
    pub(crate) bisect: bool,
    /// `None`: until the records are too old.
    pub(crate) retries_max: Option<u32>,
    /// Older records go to `on_failure` untried; at most 24 h, which is how long a stream keeps them.
    pub(crate) record_age_max: Duration,
    /// ARN of the queue that is told of batches given up.
    pub(crate) on_failure: Option<String>,
}

/// Where a new mapping begins to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartingPosition {
    /// At the oldest record.
    TrimHorizon,
    /// After the newest record.
    Latest,
}
