//! Logs: JSON in Lambda, readable in a terminal; the level by `RUST_LOG`.

use tracing_subscriber::EnvFilter;

use crate::config;

/// The runtime says every failure once more, without the request's id; [`serve`](crate::serve) has said it already.
const RUNTIME_OFF: &str = "lambda_runtime::layers=off";

/// Starts the process's one subscriber. A filter that does not parse is replaced by `info`, and said so.
pub(crate) fn init() {
    const FALLBACK: &str = "info";
    let wanted = config::log_filter().unwrap_or_else(|| FALLBACK.to_owned());
    let parsed = EnvFilter::try_new(&wanted);
    let bad_filter = parsed.as_ref().err().map(ToString::to_string);
    let mut filter = parsed.unwrap_or_else(|_| EnvFilter::new(FALLBACK));
    if let Ok(directive) = RUNTIME_OFF.parse() {
        filter = filter.add_directive(directive);
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    if config::logs_are_json() {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    } else {
        builder.without_time().with_ansi(false).init(); // `local` adds time and colour
    }
    if let Some(error) = bad_filter {
        tracing::warn!(wanted, error, "RUST_LOG is not a filter");
    }
}
