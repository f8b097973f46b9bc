//! Logs: JSON in Lambda, readable in a terminal; `RUST_LOG` sets the level.

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::config;

/// The target of lines in which the runtime repeats every failure without the id of the request;
/// [`serve`](crate::serve) has logged it already.
const RUNTIME: &str = "lambda_runtime::layers";

/// The target of lines about metrics. One is written for each value beyond the 100 that a line of CloudWatch may have, as an error.
const METRICS: &str = "metrics_cloudwatch_embedded";

/// Starts the subscriber of the process. A filter that does not parse is replaced by `info`, which is logged. Filters
/// are by target and level only: filtering by fields takes a regular expression engine, which every function would
/// carry.
pub(crate) fn init() {
    const FALLBACK: LevelFilter = LevelFilter::INFO;
    let wanted = config::log_filter().unwrap_or_else(|| FALLBACK.to_string());
    let parsed = wanted.parse::<Targets>();
    let bad_filter = parsed.as_ref().err().map(ToString::to_string);
    let filter = parsed.unwrap_or_else(|_| Targets::new().with_default(FALLBACK));
    let filter = filter.with_target(RUNTIME, LevelFilter::OFF).with_target(METRICS, LevelFilter::OFF);
    let builder = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_target(false);
    if config::logs_are_json() {
        let builder = builder.json().flatten_event(true).with_current_span(true).with_span_list(false);
        builder.finish().with(filter).init();
    } else {
        builder.without_time().with_ansi(false).finish().with(filter).init(); // `local` adds time and colour
    }
    if let Some(error) = bad_filter {
        tracing::warn!(
            wanted,
            error,
            "the parameter LogLevel must be a filter of levels and targets, such as info,funnelcast_aws=debug; using info"
        );
    }
}
