//! Estimates as a table, or as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    estimate::{Assumptions, Estimate},
    figures::Prices,
};

/// One line for each estimate, and the figures that they rest on.
pub(super) fn text(estimates: &[Estimate], assumptions: &Assumptions, prices: &Prices) -> String {
    let mut text = format!(
        "List prices of {} in {} in dollars, without the free tier. Assumed: a post takes {} ms, a call of the table takes {} ms,\n\
         and a frame has {} bytes. Not included: logs, metrics and the table's storage.\n\n",
        prices.as_of, prices.region, assumptions.post_ms, assumptions.table_ms, assumptions.frame_bytes,
    );
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        text,
        "{:<14} {:>8} {:>9} {:>7} {:>7} {:>9} {:>8} {:>12} {:>12}  of which",
        "operation", "members", "delivered", "invoked", "writes", "reads", "seconds", "each", "a million",
    );
    for estimate in estimates {
        let total = estimate.dollars.total();
        let mut parts = estimate.dollars.parts();
        parts.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let shares: Vec<String> = parts
            .iter()
            .filter(|(_, dollars)| *dollars >= total / 200.0)
            .map(|(service, dollars)| format!("{service} {:.0}%", dollars / total * 100.0))
            .collect();
        let month = estimate.stored_dollars_a_month;
        let stored =
            if month > 0.0 { format!("; {month:.8} a month for what it stores") } else { String::new() };
        let _ = writeln!(
            text,
            "{:<14} {:>8} {:>9} {:>7} {:>7} {:>9} {:>8.3} {:>12.8} {:>12.4}  {}{stored}",
            estimate.operation,
            estimate.members,
            estimate.delivered,
            estimate.invocations,
            estimate.write_units,
            estimate.read_units,
            estimate.seconds_at_least(),
            total,
            estimate.dollars_a_million(),
            shares.join(", "),
        );
    }
    text.push_str(
        "\nA million: the price of a million deliveries, or of a million operations that post to nobody. Seconds: the shortest\n\
         time, and at least what the account's quota of requests imposes.\n",
    );
    text
}

/// All estimates as JSON, with their totals.
pub(super) fn json(
    estimates: &[Estimate],
    assumptions: &Assumptions,
    prices: &Prices,
) -> serde_json::Result<String> {
    let estimates: Vec<Value> = estimates
        .iter()
        .map(|estimate| {
            let mut value = serde_json::to_value(estimate)?;
            value["dollarsTotal"] = json!(estimate.dollars.total());
            value["dollarsAMillion"] = json!(estimate.dollars_a_million());
            value["secondsAtLeast"] = json!(estimate.seconds_at_least());
            Ok(value)
        })
        .collect::<serde_json::Result<_>>()?;
    serde_json::to_string_pretty(&json!({
        "region": prices.region, "pricesAsOf": prices.as_of, "assumptions": assumptions, "estimates": estimates,
    }))
}
