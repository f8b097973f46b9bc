//! Estimates as a table, or as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    app::App,
    dollars::{Dollars, Service},
    estimate::{Assumptions, Estimate},
    figures::Prices,
    month::{Month, Saving},
};

/// The columns of a month's table, and the services in each.
const COLUMNS: [(&str, &[Service]); 6] = [
    ("gateway", &[Service::Websocket, Service::Http]),
    ("lambda", &[Service::Lambda]),
    ("table", &[Service::Dynamodb]),
    ("logs", &[Service::Logs, Service::Traces]),
    ("stored", &[Service::Storage, Service::Backups]),
    ("other", &[Service::Eventbridge, Service::Sqs, Service::S3, Service::Transfer, Service::Alarms]),
];

/// One line for each estimate, and the figures that they rest on.
pub(super) fn text(estimates: &[Estimate], assumptions: &Assumptions, prices: &Prices) -> String {
    let mut text = format!(
        "List prices of {} in {} in dollars, without the free tier. Assumed: a post takes {} ms, a call of the table takes {} ms,\n\
         and a frame has {} bytes. Not included: the table's storage and what a stack costs that nobody uses; see --app.\n\n",
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
        let parts = estimate.dollars.parts();
        let shares: Vec<String> = parts
            .iter()
            .filter(|(_, dollars)| *dollars >= total / 200.0)
            .map(|(service, dollars)| format!("{} {:.0}%", service.name(), dollars / total * 100.0))
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

/// One line for each cause, and one column for each service, the dearest cause first; then what other parameters would save.
pub(super) fn month_text(
    app: &App,
    month: &Month,
    savings: &[Saving],
    assumptions: &Assumptions,
    prices: &Prices,
) -> String {
    let mut text = format!(
        "A month of {} connections for {} hours on {} days, at the list prices of {} in {}, in dollars, without the free tier.\n\
         Assumed: a post takes {} ms, a call of the table takes {} ms, and a frame has {} bytes.\n\n",
        app.connections,
        app.hours_a_day,
        app.days_a_month,
        prices.as_of,
        prices.region,
        assumptions.post_ms,
        assumptions.table_ms,
        assumptions.frame_bytes,
    );
    // Writing to a string cannot fail, here and below.
    let _ = write!(text, "{:<14} {:>14}", "cause", "times");
    for (name, _) in COLUMNS {
        let _ = write!(text, " {name:>9}");
    }
    let _ = writeln!(text, " {:>10}", "all");
    let mut row = |cause: &str, times: &str, dollars: &Dollars| {
        let _ = write!(text, "{cause:<14} {times:>14}");
        for (_, services) in COLUMNS {
            let sum: f64 = services.iter().map(|service| dollars.of(*service)).sum();
            let _ = write!(text, " {sum:>9.2}");
        }
        let _ = writeln!(text, " {:>10.2}", dollars.total());
    };
    let mut lines: Vec<_> = month.lines.iter().collect();
    lines.sort_by(|one, other| other.dollars.total().total_cmp(&one.dollars.total()));
    for line in lines {
        let times = line.times.map(|times| format!("{times:.0}")).unwrap_or_default();
        row(&line.cause, &times, &line.dollars);
    }
    row("together", "", &month.by_service());
    if !savings.is_empty() {
        text.push_str("\nWith another parameter, a month would cost\n");
    }
    for Saving { change, dollars } in savings {
        let word = if *dollars > 0.0 { "less" } else { "more" };
        let _ = writeln!(text, "{:>12.2} {word} with {change}", dollars.abs());
    }
    text
}

/// A month as JSON.
pub(super) fn month_json(
    app: &App,
    month: &Month,
    savings: &[Saving],
    assumptions: &Assumptions,
    prices: &Prices,
) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&json!({
        "region": prices.region, "pricesAsOf": prices.as_of, "assumptions": assumptions, "app": app,
        "causes": month.lines, "services": month.by_service(), "dollarsTotal": month.total(), "savings": savings,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{
        figures::{Counted, OPERATIONS, PRICES},
        month::Bills,
    };

    #[test]
    fn the_bill_in_the_document_is_what_the_command_prints() {
        let document = include_str!("../../../docs/cost.md");
        let (_, rest) = document.split_once("```yaml\n").unwrap();
        let (app, rest) = rest.split_once("```\n\n```\n").unwrap();
        let (shown, _) = rest.split_once("```\n").unwrap();

        let counted: Counted = yaml_serde::from_str(OPERATIONS).unwrap();
        let prices: Prices = yaml_serde::from_str(PRICES).unwrap();
        let assumptions = Assumptions {
            post_ms: 10.0,
            table_ms: 5.0,
            member_bytes: counted.member_bytes.into(),
            frame_bytes: counted.frame_bytes.into(),
        };
        let app = App::parse(app).unwrap();
        let bills = Bills { counted: &counted, prices: &prices, assumptions: &assumptions };
        let (month, savings) = (bills.month(&app).unwrap(), bills.savings(&app).unwrap());
        let printed = month_text(&app, &month, &savings, &assumptions, &prices);
        assert_eq!(shown, printed, "docs/cost.md; it should be\n{printed}");
    }
}
