//! The table.

use super::super::{facts::Facts, finding::Finding};

/// What the records of the stream must have.
const STREAM_VIEW: &str = "NEW_AND_OLD_IMAGES";
/// The attribute by which items expire.
const TTL: &str = "ttl";
/// The index of conversations.
const INDEX: &str = "byActivity";

/// Whether the table is as the functions need it.
pub(super) fn table(facts: &Facts) -> Vec<Finding> {
    let Some(state) = facts.table.get() else { return Vec::new() };
    let name = facts.variable("TABLE_NAME").unwrap_or_default();
    let Some(state) = state else {
        let todo = "set TableName to a table that exists, or leave it empty, and deploy";
        return vec![Finding::error("table.missing", format!("the table {name} does not exist"), todo)];
    };
    let mut found = Vec::new();
    match (&state.stream, state.stream_view.as_deref()) {
        (None, _) => found.push(Finding::error(
            "table.stream",
            format!("the table {name} has no stream: large channels, inboxes, files and departures wait for it"),
            format!("aws dynamodb update-table --table-name {name} --stream-specification StreamEnabled=true,StreamViewType={STREAM_VIEW}; then deploy with its label"),
        )),
        (Some(_), Some(view)) if view != STREAM_VIEW => found.push(Finding::error(
            "table.stream",
            format!("the stream of the table {name} has {view}, and the functions need {STREAM_VIEW}"),
            "disable the stream, enable it with that view, and deploy with its new label",
        )),
        _ => {}
    }
    if state.ttl.as_deref() != Some(TTL) {
        found.push(Finding::error(
            "table.ttl",
            format!("items of the table {name} do not expire by {TTL}: it grows for ever, and lost connections stay"),
            format!("aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification Enabled=true,AttributeName={TTL}"),
        ));
    }
    if facts.is_recoverable.get() == Some(&false) {
        found.push(
            Finding::warning(
                "table.recovery",
                format!("the table {name} cannot be restored to a moment of the past"),
                format!("aws dynamodb update-continuous-backups --table-name {name} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"),
            )
            .graver_if(!facts.is_for_development),
        );
    }
    if !state.indexes.iter().any(|index| index == INDEX) {
        found.push(Finding::error(
            "table.index",
            format!("the table {name} has no index {INDEX}: there are no inboxes"),
            "restore the table with its indexes, or make the index as template.yaml says",
        ));
    }
    found.extend(others(facts, name));
    found
}

/// Whether the table is another stack's.
fn others(facts: &Facts, name: &str) -> Option<Finding> {
    let own: Vec<&str> = facts.functions.values().map(|function| function.function_arn.as_str()).collect();
    let stream = format!("table/{name}/stream/");
    let reader = facts.mappings.get()?.iter().find(|mapping| {
        mapping.event_source_arn.contains(&stream)
            && !own.iter().any(|arn| !arn.is_empty() && mapping.function_arn.starts_with(arn))
            && funnelcast_reader(&mapping.function_arn)
    })?;
    Some(Finding::error(
        "table.shared",
        format!("the table {name} is another stack's too: {} reads its stream", reader.function_arn),
        "give each stack a table of its own: both post each event, and handle each departure",
    ))
}

/// Whether a function is one that reads the stream of a stack of this product.
fn funnelcast_reader(arn: &str) -> bool {
    ["-BroadcastFunction", "-DigestFunction"].iter().any(|reader| arn.contains(reader))
}
