//! What the account gives: alarms, logs and quotas.

use super::super::{facts::Facts, finding::Finding};

/// The alarms of the template, by the ends of their names.
pub(super) const ALARMS: [&str; 12] = [
    "DeadLetters",
    "Errors",
    "FailedPosts",
    "SlowPosts",
    "StreamLag",
    "DigestLag",
    "DeliveryLag",
    "FilesLag",
    "WebhookLag",
    "Integration",
    "TableThrottles",
    "IndexThrottles",
];
/// The invocations that the queues and the stream may take together (docs/operations.md#quotas).
const CONCURRENCY_TAKEN: u32 = 20;
/// What leaves enough for the frames of clients.
const CONCURRENCY_ENOUGH: u32 = 100;

/// Whether anybody is told when something is wrong.
pub(super) fn alarms(facts: &Facts) -> Vec<Finding> {
    let Some(alarms) = facts.alarms.get() else { return Vec::new() };
    let prefix = format!("funnelcast-{}-", facts.stage);
    if alarms.is_empty() {
        let message = "AlarmTopic is empty: nobody is told when something is wrong";
        let todo =
            "make an SNS topic with your address, and set AlarmTopic to its ARN (10 alarms, 1 USD a month)";
        return vec![if facts.is_for_development {
            Finding::note("alarms.none", message, todo)
        } else {
            Finding::warning("alarms.none", message, todo)
        }];
    }
    let mut found = Vec::new();
    for name in ALARMS {
        if !alarms.iter().any(|alarm| alarm.alarm_name.strip_prefix(&prefix) == Some(name)) {
            let message = format!("the alarm {prefix}{name} is missing");
            found.push(Finding::warning("alarms.missing", message, "deploy again, with AlarmTopic"));
        }
    }
    for alarm in alarms {
        let name = &alarm.alarm_name;
        if alarm.state_value == "ALARM" {
            let todo = "docs/operations.md#alarms says what has happened and what to do";
            found.push(Finding::error("alarms.raised", format!("the alarm {name} is raised"), todo));
        }
        if !alarm.actions_enabled || alarm.alarm_actions.is_empty() {
            let message = format!("the alarm {name} tells nobody");
            let todo = format!(
                "aws cloudwatch enable-alarm-actions --alarm-names {name}, or deploy again with AlarmTopic"
            );
            found.push(Finding::warning("alarms.silent", message, todo));
        }
    }
    found
}

/// Whether the log is kept, and not for ever.
pub(super) fn logs(facts: &Facts) -> Vec<Finding> {
    let Some(group) = facts.logs.get() else { return Vec::new() };
    let name = format!("/funnelcast/{}", facts.stage);
    match group {
        None => {
            let message = format!("there is no log group {name}: nothing that the functions say is kept");
            vec![Finding::error("logs.missing", message, "deploy again")]
        }
        Some(group) if group.retention_in_days.is_none() => {
            let message = format!("the log group {name} is kept for ever, at 0.03 USD a GB and month");
            let todo = format!(
                "set LogRetentionDays and deploy, or: aws logs put-retention-policy --log-group-name {name} --retention-in-days 14"
            );
            vec![Finding::warning("logs.retention", message, todo)]
        }
        Some(_) => Vec::new(),
    }
}

/// Whether enough functions may run at once.
pub(super) fn concurrency(facts: &Facts) -> Vec<Finding> {
    let Some(limits) = facts.concurrency.get() else { return Vec::new() };
    let may = limits.unreserved_concurrent_executions;
    if may >= CONCURRENCY_ENOUGH {
        return Vec::new();
    }
    let message = format!(
        "the account may have {may} invocations at once, of which queues and streams take up to {CONCURRENCY_TAKEN}: frames then end in `Internal server error`"
    );
    let todo = "ask for 1,000: Service Quotas, Lambda, \"Concurrent executions\"; it costs nothing";
    vec![
        Finding::warning("quota.concurrency", message, todo)
            .graver_if(!facts.is_for_development && may <= CONCURRENCY_TAKEN),
    ]
}
