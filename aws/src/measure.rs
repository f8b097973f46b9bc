//! What is measured, for CloudWatch: in its embedded metric format, which is a line of the log, so that measuring costs
//! no request and no wait
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! An invocation that measured something writes one line more, behind its own; where logs are for people and not JSON,
//! nothing is measured. The one dimension is the stage, and for a few the kind of channel: each value of a dimension is a
//! metric that is paid for. `docs/operations.md` says what each means, and what to do about it.

use std::{io, ops::AddAssign};

use funnelcast_core::{Timestamp, channel::Kind, event::EventName};
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};

use crate::{clock::now, config};

/// The outcomes of some posts, counted by members.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Members who have got all of it.
    pub sent: usize,
    /// Members found dead, and removed.
    pub gone: usize,
    /// Members who will not get some of it, as it is too large.
    pub refused: usize,
    /// Members who have not got it yet.
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

/// The metrics' namespace, whatever the stage.
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
const TYPING: &str = "Typing";

/// Writes down what was measured; nothing where nothing is.
pub(crate) struct Meter(Option<&'static Collector>);

impl Meter {
    /// The process's one meter. To be made once.
    pub(crate) fn start(stage: &str) -> Self {
        if !config::logs_are_json() {
            return Self(None);
        }
        let builder =
            Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension("Stage", stage.to_owned());
        let collector = builder.init().inspect_err(|error| tracing::error!(%error, "nothing is measured"));
        for count in [DELIVERED, GONE, REFUSED, FAILED, THROTTLED, APPEND_CONFLICTS, JOINS, TYPING] {
            describe_counter!(count, Unit::Count, "");
        }
        for size in [FAN_OUT, RECOVERED] {
            describe_histogram!(size, Unit::Count, "");
        }
        describe_histogram!(POSTED_AFTER, Unit::Milliseconds, "");
        Self(collector.ok())
    }

    /// Writes what one invocation measured, under its request's id.
    pub(crate) fn flush(&self, request_id: &str) {
        let Some(collector) = self.0 else { return };
        let written = collector.set_property("request_id", request_id).flush(io::stdout().lock());
        if let Err(error) = written {
            tracing::warn!(%error, "what was measured could not be written");
        }
    }
}

/// Events were posted to members of their channel, or to a part of them.
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

/// All has been posted of what was accepted then, for the first time.
pub fn posted_after(accepted_at: Timestamp) {
    histogram!(POSTED_AFTER).record(now().since(accepted_at).as_secs_f64() * 1_000.0);
}

/// The gateway said that it is asked too much (429).
pub(crate) fn throttled() {
    counter!(THROTTLED).increment(1);
}

/// Another sender took the seq that this one wanted.
pub(crate) fn append_conflict() {
    counter!(APPEND_CONFLICTS).increment(1);
}

/// A connection joined a channel of this kind, and was given so many events that it had missed, if it had been there
/// before.
pub fn joined(kind: Kind, recovered: Option<usize>) {
    counter!(JOINS, "Channel" => kind.as_str()).increment(1);
    if let Some(events) = recovered {
        record(RECOVERED, events);
    }
}

/// A client sent an event.
pub fn sent(event: EventName) {
    if event == EventName::ChatTyping {
        counter!(TYPING).increment(1);
    }
}

/// CloudWatch takes at most 100 values a line; what is above that is left out, and is then a sample.
fn record(name: &'static str, size: usize) {
    histogram!(name).record(u32::try_from(size).map_or(f64::INFINITY, f64::from));
}
