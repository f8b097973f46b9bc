//! The parts of a stack: functions, what feeds them, rules and queues.

use std::collections::{BTreeMap, BTreeSet};

use funnelcast_aws::account::{failure::is_denial, functions::Mapping, triggers::Rule};
use serde_json::Value;

use super::super::{facts::Facts, finding::Finding};
use crate::stack::FUNCTIONS;

const DEPLOY: &str =
    "deploy again: `sam deploy` makes what is missing; what was changed by hand, change back before";
/// The functions that are fed from queues, and the variables that name these.
const FED: [(&str, &str); 4] = [
    ("BroadcastFunction", "DELIVERY_QUEUE_URL"),
    ("TimersFunction", "TIMER_QUEUE_URL"),
    ("WebhookFunction", "WEBHOOK_QUEUE_URL"),
    ("FilesFunction", "FILES_QUEUE_URL"),
];
/// The functions that read the table's stream.
const READERS: [&str; 2] = ["BroadcastFunction", "DigestFunction"];
/// The functions that rules of the bus lead to.
const RULED: [&str; 2] = ["BroadcastFunction", "AccessFunction"];
/// The most messages that usually wait in a queue.
const BACKLOG_MAX: u64 = 10_000;

/// Whether all functions are there, and agree.
pub(super) fn functions(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for id in FUNCTIONS.iter().filter(|id| !facts.functions.contains_key(**id)) {
        let message = format!("the stack has no {id}");
        found.push(Finding::error("functions.missing", message, DEPLOY));
    }
    let mut values = BTreeMap::<&str, BTreeMap<&str, &str>>::new();
    for (id, function) in &facts.functions {
        for (name, value) in &function.environment {
            values.entry(name).or_default().entry(value).or_insert(id);
        }
        let built_for = function.architectures.first().map_or("", String::as_str);
        values.entry("its architecture").or_default().entry(built_for).or_insert(id);
        let runtime = function.runtime.as_deref().unwrap_or_default();
        values.entry("its runtime").or_default().entry(runtime).or_insert(id);
    }
    for (name, values) in values.iter().filter(|(_, values)| values.len() > 1) {
        let told: Vec<_> = values.iter().map(|(value, id)| format!("{value:?} in {id}")).collect();
        let message = format!("functions are of different versions: {name} is {}", told.join(", "));
        found.push(Finding::error("functions.differ", message, DEPLOY));
    }
    found
}

/// Whether the variables of all functions can be read. Where they cannot, the checks go by those of the others.
pub(super) fn variables(facts: &Facts) -> Vec<Finding> {
    let mut unread = BTreeMap::<&str, (&str, Vec<&str>)>::new();
    for (id, function) in &facts.functions {
        if let Some(error) = &function.environment_error {
            let (_, ids) = unread.entry(&error.error_code).or_insert((&error.message, Vec::new()));
            ids.push(id);
        }
    }
    let finding = |(code, (message, ids)): (&str, (&str, Vec<&str>))| {
        let message = format!("the variables of {} cannot be read: {code}: {message}", ids.join(", "));
        if is_denial(code) {
            let todo = "use credentials with kms:Decrypt for the key of the variables";
            return Finding::note("functions.variables", message, todo);
        }
        let todo = "mend the KMS key of the variables, or deploy without one: such a function does not start";
        Finding::error("functions.variables", message, todo)
    };
    unread.into_iter().map(finding).collect()
}

/// Whether each function is fed.
pub(super) fn mappings(facts: &Facts) -> Vec<Finding> {
    let Some(mappings) = facts.mappings.get() else { return Vec::new() };
    let of = |id: &str| -> Vec<&Mapping> {
        let arn = facts.functions.get(id).map(|function| function.function_arn.as_str());
        let arn = arn.filter(|arn| !arn.is_empty());
        mappings
            .iter()
            .filter(|mapping| arn.is_some_and(|arn| mapping.function_arn.starts_with(arn)))
            .collect()
    };
    let mut found = Vec::new();
    for (id, variable) in FED {
        let Some(Some(queue)) = facts.queues.get(variable).and_then(|queue| queue.get()) else { continue };
        let own = of(id).into_iter().find(|mapping| mapping.event_source_arn == queue.arn);
        found.extend(fed(id, &format!("the queue of {variable}"), own));
    }
    let stream = facts.table.get().and_then(Option::as_ref).and_then(|table| table.stream.as_deref());
    for id in READERS {
        // A local stack calls the stream something else than its engine does.
        let is_it = |source: &str| match stream {
            Some(stream) if !facts.is_local => source == stream,
            _ => source.contains(":dynamodb:"),
        };
        let own = of(id).into_iter().find(|mapping| is_it(&mapping.event_source_arn));
        found.extend(fed(id, "the table's present stream", own));
    }
    found
}

/// What is wrong with what feeds a function.
fn fed(id: &str, source: &str, mapping: Option<&Mapping>) -> Option<Finding> {
    let Some(Mapping { state, last_processing_result, .. }) = mapping else {
        let message = format!("nothing feeds {id} from {source}");
        return Some(Finding::error("mappings.missing", message, DEPLOY));
    };
    if state == "Disabled" || state == "Disabling" {
        let message = format!("what feeds {id} from {source} is disabled, so nothing of it is handled");
        let todo = "enable it: aws lambda update-event-source-mapping --enabled --uuid ...";
        return Some(Finding::error("mappings.disabled", message, todo));
    }
    let result = last_processing_result.as_deref().filter(|result| result.starts_with("PROBLEM"))?;
    let message = format!("the last batch of {id} from {source} failed: {result}");
    Some(Finding::warning(
        "mappings.failing",
        message,
        "see the log of the function: filter level = \"ERROR\"",
    ))
}

/// Whether the backend's events find their functions.
pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(rules) = facts.rules.get() else { return Vec::new() };
    let Some(rules) = rules else {
        let bus = facts.variable("BUS_NAME").unwrap_or_default();
        let message = format!("the bus {bus} does not exist: the backend's events and ours go nowhere");
        let todo = "make the bus that BusName names, or correct BusName, and deploy again";
        return vec![Finding::error("bus.missing", message, todo)];
    };
    let mut found = Vec::new();
    for id in RULED {
        let Some(arn) = facts.functions.get(id).map(|function| &function.function_arn) else { continue };
        let own: Vec<&Rule> = rules.iter().filter(|rule| rule.targets.contains(arn)).collect();
        if own.is_empty() {
            let message =
                format!("no rule of the bus leads to {id}: the backend's events for it are dropped");
            found.push(Finding::error("rules.missing", message, DEPLOY));
        }
        for rule in own {
            if !rule.is_enabled {
                let message =
                    format!("the rule {} of {id} is disabled: the backend's events are dropped", rule.name);
                let todo =
                    format!("enable it: aws events enable-rule --event-bus-name ... --name {}", rule.name);
                found.push(Finding::error("rules.disabled", message, todo));
            }
            found.extend(source(facts, id, rule));
        }
    }
    found
}

/// Whether a rule wants the events of the source that the parameter names.
fn source(facts: &Facts, id: &str, rule: &Rule) -> Option<Finding> {
    let expected = facts.variable("EVENT_SOURCE")?;
    let sources: BTreeSet<&str> =
        rule.pattern["source"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    (!sources.contains(expected)).then(|| {
        Finding::error(
            "rules.source",
            format!(
                "the rule {} of {id} wants events of {sources:?}, and EventSource is {expected}",
                rule.name
            ),
            DEPLOY,
        )
    })
}

/// Whether the queues are there, and what waits in them.
pub(super) fn queues(facts: &Facts) -> Vec<Finding> {
    let dead_letters = facts.queues.get("DEAD_LETTERS_URL").and_then(|queue| queue.get()?.as_ref());
    let mut found = Vec::new();
    for (variable, queue) in &facts.queues {
        let Some(queue) = queue.get() else { continue };
        let Some(queue) = queue else {
            let message = format!("the queue that {variable} names does not exist");
            found.push(Finding::error("queues.missing", message, DEPLOY));
            continue;
        };
        if *variable == "DEAD_LETTERS_URL" {
            // Those that another reader hides wait as well.
            let waiting = queue.waiting + queue.hidden;
            if waiting > 0 {
                let hidden = match queue.hidden {
                    0 => String::new(),
                    hidden => format!(" ({hidden} of them hidden by another reader at the moment)"),
                };
                found.push(Finding::warning(
                    "letters.waiting",
                    format!("about {waiting} dead letters wait, for 14 days at most{hidden}"),
                    "`dead-letters list` shows them; `retry` or `drop` them",
                ));
            }
            continue;
        }
        let expected = dead_letters.map(|queue| &queue.arn);
        if expected.is_some() && queue.dead_letters.as_ref() != expected {
            let message =
                format!("the queue of {variable} does not give up its messages to the dead letters");
            found.push(Finding::error("queues.redrive", message, DEPLOY));
        }
        if queue.waiting > BACKLOG_MAX {
            found.push(Finding::warning(
                "queues.backlog",
                format!("about {} messages wait in the queue of {variable}", queue.waiting),
                "see `Throttles` of its function and QueueConcurrency (docs/operations.md#quotas)",
            ));
        }
    }
    found
}
