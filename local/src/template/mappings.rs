//! Event source mappings: the raw `AWS::Lambda::EventSourceMapping` and SAM's `DynamoDB` and `SQS` events,
//! which have the same settings by the same names.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{
    Mapping, Source, StartingPosition, StreamSource, functions, properties::Properties, references::Arns,
};
use crate::eventbridge::Pattern;

/// How long a stream keeps its records.
const RECORD_AGE_MAX: Duration = Duration::from_hours(24);
/// The batch sizes of mappings that set none.
const STREAM_BATCH_DEFAULT: usize = 100;
const QUEUE_BATCH_DEFAULT: usize = 10;
/// The largest batch sizes.
const STREAM_BATCH_MAX: usize = 1_000;
const QUEUE_BATCH_MAX: usize = 10_000;
/// The limits of `MaximumConcurrency`.
const CONCURRENCY_MIN: usize = 2;
const CONCURRENCY_MAX: usize = 1_000;

/// Reads the mapping `id` from `source_arn` to `function`; `None` if it is not enabled.
pub(super) fn read(
    id: &str,
    function: &str,
    source_arn: String,
    properties: &Properties,
    arns: &Arns,
) -> Result<Option<Mapping>> {
    if properties.value("Enabled")?.is_some() && !properties.flag("Enabled")? {
        return Ok(None);
    }
    let place = properties.place();
    let (source, batch_default, batch_max) = if let Some(table) = arns.streams.get(&source_arn) {
        let source = stream(source_arn, table, properties)?;
        (Source::Stream(source), STREAM_BATCH_DEFAULT, STREAM_BATCH_MAX)
    } else if arns.queues.contains(&source_arn) {
        let scaling = properties.within_or_empty("ScalingConfig")?;
        let concurrency_max = scaling.number("MaximumConcurrency", CONCURRENCY_MIN, CONCURRENCY_MAX)?;
        (Source::Queue { arn: source_arn, concurrency_max }, QUEUE_BATCH_DEFAULT, QUEUE_BATCH_MAX)
    } else {
        bail!("{place}: {source_arn} is neither a table's stream nor a queue of the template");
    };
    let batching = properties.seconds("MaximumBatchingWindowInSeconds", 0, 300)?;
    Ok(Some(Mapping {
        id: id.to_owned(),
        function: function.to_owned(),
        source,
        batch_size: properties.number("BatchSize", 1, batch_max)?.unwrap_or(batch_default),
        batching_window: batching.unwrap_or_default(),
        filters: filters(properties)?,
        partial_failures: properties
            .strings("FunctionResponseTypes")?
            .iter()
            .any(|kind| kind == "ReportBatchItemFailures"),
    }))
}

fn stream(arn: String, table: &str, properties: &Properties) -> Result<StreamSource> {
    let start = match properties.required_string("StartingPosition")?.as_str() {
        "TRIM_HORIZON" => StartingPosition::TrimHorizon,
        "LATEST" => StartingPosition::Latest,
        other => {
            bail!("{}: StartingPosition must be TRIM_HORIZON or LATEST, not {other}", properties.place())
        }
    };
    // -1 means without limit in both.
    let retries: Option<i64> = properties.number("MaximumRetryAttempts", -1, 10_000)?;
    let age: Option<i64> = properties.number("MaximumRecordAgeInSeconds", -1, 604_800)?;
    Ok(StreamSource {
        arn,
        table: table.to_owned(),
        start,
        lanes: properties.number("ParallelizationFactor", 1, 10)?.unwrap_or(1),
        bisect: properties.flag("BisectBatchOnFunctionError")?,
        retries_max: retries.and_then(|retries| u32::try_from(retries).ok()),
        record_age_max: age
            .and_then(|age| u64::try_from(age).ok())
            .map_or(RECORD_AGE_MAX, |age| Duration::from_secs(age).min(RECORD_AGE_MAX)),
        on_failure: functions::on_failure(properties)?,
    })
}

fn filters(properties: &Properties) -> Result<Vec<Pattern>> {
    let Some(criteria) = properties.within("FilterCriteria")? else { return Ok(Vec::new()) };
    let mut patterns = Vec::new();
    for filter in criteria.items("Filters")? {
        let text = filter.required_string("Pattern")?;
        let place = filter.place();
        let json = serde_json::from_str(&text).with_context(|| format!("{place}: Pattern is not JSON"))?;
        patterns.push(Pattern::parse(&json).with_context(|| format!("{place}: Pattern"))?);
    }
    Ok(patterns)
}
