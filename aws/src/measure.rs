//! Metrics for CloudWatch, in its embedded metric format: a line of the log, so that measuring takes no request and
//! no waiting
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! An invocation that measured something writes one line more, after its own. Where logs are for people and not JSON,
//! nothing is measured. The only dimension is the stage, and for a few metrics the kind of channel, because each
//! value of a dimension is billed as a metric. `docs/operations.md` explains each metric and what to do about it.

use std::{io, ops::AddAssign, time::Duration};

use funnelcast_core::{
    CompanyId, Timestamp,
    call::{CallOutcome, CallRecord},
    channel::Kind,
    event::EventName,
};
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};

use crate::{clock::now, config};

/// The outcomes of some posts, counted by members.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Members that have received everything.
    pub sent: usize,
    /// Members whose connection was gone, and which have been removed.
    pub gone: usize,
    /// Members that will not receive some of it, because it is too large.
    pub refused: usize,
    /// Members that have not received everything yet.
    pub failed: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.gone += other.gone;
        self.refused += other.refused;
        self.failed += other.failed;
    }
}

/// The namespace of the metrics, the same for every stage.
const NAMESPACE: &str = "funnelcast";

const DELIVERED: &str = "Delivered";
const GONE: &str = "Gone";
const REFUSED: &str = "Refused";
const FAILED: &str = "Failed";
const THROTTLED: &str = "Throttled";
const FAN_OUT: &str = "FanOut";
const POSTED_AFTER: &str = "PostedAfter";
const APPEND_CONFLICTS: &str = "AppendConflicts";
const RECOVERED: &str = "Recovered";
const JOINS: &str = "Joins";
/// The messages of conversations, by company.
const COMPANY_MESSAGES: &str = "CompanyMessages";
const TYPING: &str = "Typing";
const CALLS: &str = "Calls";
const CALLS_FAILED: &str = "CallsFailed";
const CALL_SECONDS: &str = "CallSeconds";

/// Writes what was measured, or nothing if measuring is off.
pub(crate) struct Meter(Option<&'static Collector>);

impl Meter {
    /// Starts the meter of the process. Must be called only once.
    pub(crate) fn start(stage: &str) -> Self {
        if !config::logs_are_json() {
            return Self(None);
        }
        let builder =
            Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension("Stage", stage.to_owned());
        let collector =
            builder.init().inspect_err(|error| tracing::error!(%error, "starting the metrics failed"));
        for count in [
            DELIVERED,
            GONE,
            REFUSED,
            FAILED,
            THROTTLED,
            APPEND_CONFLICTS,
            JOINS,
            TYPING,
            COMPANY_MESSAGES,
            CALLS,
            CALLS_FAILED,
        ] {
            describe_counter!(count, Unit::Count, "");
        }
        for size in [FAN_OUT, RECOVERED] {
            describe_histogram!(size, Unit::Count, "");
        }
        describe_histogram!(POSTED_AFTER, Unit::Milliseconds, "");
        describe_histogram!(CALL_SECONDS, Unit::Seconds, "");
        Self(collector.ok())
    }

    /// Writes what one invocation measured, with the id of its request.
    pub(crate) fn flush(&self, request_id: &str) {
        let Some(collector) = self.0 else { return };
        let written = collector.set_property("request_id", request_id).flush(io::stdout().lock());
        if let Err(error) = written {
            tracing::warn!(%error, "writing the metrics failed");
        }
    }
}

/// Records that events were posted to all members of their channel, or to some.
pub fn posted(tally: &Tally) {
    let Tally { sent, gone, refused, failed } = *tally;
    for (name, posts) in [(DELIVERED, sent), (GONE, gone), (REFUSED, refused), (FAILED, failed)] {
        counter!(name).increment(posts as u64);
    }
    let members = sent + gone + refused + failed;
    if members > 0 {
        record(FAN_OUT, members);
    }
}

/// Records the time since `accepted_at`, once what was accepted then has been posted for the first time.
pub fn posted_after(accepted_at: Timestamp) {
    histogram!(POSTED_AFTER).record(now().since(accepted_at).as_secs_f64() * 1_000.0);
}

/// Records that the gateway throttled a request (429).
pub(crate) fn throttled() {
    counter!(THROTTLED).increment(1);
}

/// Records that another sender took the seq that this one wanted.
pub(crate) fn append_conflict() {
    counter!(APPEND_CONFLICTS).increment(1);
}

/// Records a `join` of a channel of this kind and, for a client that was there before, how many missed events it
/// received.
pub fn joined(kind: Kind, recovered: Option<usize>) {
    counter!(JOINS, "Channel" => kind.as_str()).increment(1);
    if let Some(events) = recovered {
        record(RECOVERED, events);
    }
}

/// Records that a call has ended, and how long it was active.
pub fn call_ended(record: &CallRecord) {
    counter!(CALLS).increment(1);
    if record.state == CallOutcome::Failed {
        counter!(CALLS_FAILED).increment(1);
    }
    if record.duration_ms > 0 {
        histogram!(CALL_SECONDS).record(Duration::from_millis(record.duration_ms).as_secs_f64());
    }
}

/// Records messages in conversations of a company, whoever sent them. What a repeat of a batch brings again is counted again.
pub fn company_messages(company: &CompanyId, messages: usize) {
    counter!(COMPANY_MESSAGES, "Company" => company.to_string()).increment(messages as u64);
}

/// Records that a client sent an event.
pub fn sent(event: EventName) {
    if event == EventName::ChatTyping {
        counter!(TYPING).increment(1);
    }
}

/// Records a value. CloudWatch accepts at most 100 values per line; those beyond that are left out, without a line in the log.
fn record(name: &'static str, size: usize) {
    histogram!(name).record(u32::try_from(size).map_or(f64::INFINITY, f64::from));
}
