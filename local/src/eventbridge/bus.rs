//! The stack's buses: `PutEvents`, rules with event patterns, and schedules; and the lists of rules, for whoever operates the stack.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
//!
//! A rule's target is a function (an event invocation, with Lambda's retries), a queue, or a URL. All have kept an event before
//! `PutEvents` answers, so that only a URL needs the rule's own retries and dead-letter queue.
//!
//! Unlike on AWS, which would accept and lose it, an event for a bus that is not in the template is refused.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};
use uuid::Uuid;

use super::{destination, pattern::Pattern, transformer::Occasion};
use crate::{
    aws_error::AwsError,
    lambda::Lambda,
    secrets_manager::Secrets,
    sqs::Queues,
    template::{ACCOUNT, Input, REGION, Rule, Stack, Target, Trigger},
};

/// The most entries of one call.
const ENTRIES_MAX: usize = 10;
/// The most bytes of all entries of one call.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const ENTRIES_BYTES_MAX: usize = 262_144;
/// The size that an entry's `Time` counts for.
const TIME_BYTES: usize = 14;
/// The bus of entries that name none.
const DEFAULT_BUS: &str = "default";

/// The stack's event buses. Cheap to clone; the schedules and what sends events to URLs end with the last clone.
#[derive(Clone)]
pub(crate) struct Bus {
    shared: Arc<Shared>,
}

struct Shared {
    buses: BTreeSet<String>,
    /// By the name of the bus.
    rules: HashMap<String, Vec<(Pattern, Rule)>>,
    targets: Targets,
    /// The ARNs of the functions, by their logical ids.
    arns: BTreeMap<String, String>,
    /// The schedules, and what sends events to URLs.
    _tasks: JoinSet<()>,
}

/// What rules send events to.
#[derive(Clone)]
struct Targets {
    lambda: Lambda,
    queues: Queues,
}

/// Why an entry was refused, with the error code of AWS.
struct Refusal {
    code: &'static str,
    message: String,
}

impl Bus {
    /// Starts the rules of the stack, including its schedules.
    ///
    /// # Errors
    /// If the key of an API destination is missing.
    pub(crate) fn start(
        stack: &Stack,
        lambda: &Lambda,
        queues: &Queues,
        secrets: &Secrets,
    ) -> anyhow::Result<Self> {
        let targets = Targets { lambda: lambda.clone(), queues: queues.clone() };
        let mut rules: HashMap<_, Vec<_>> = HashMap::new();
        let mut tasks = JoinSet::new();
        for rule in &stack.rules {
            if let Target::Destination(target) = &rule.target {
                tasks.spawn(destination::sending(&rule.arn, target, queues, secrets)?);
            }
            match &rule.trigger {
                Trigger::Event { bus, pattern } => {
                    rules.entry(bus.clone()).or_default().push((pattern.clone(), rule.clone()));
                }
                Trigger::Every { period } => {
                    tasks.spawn(every(*period, rule.clone(), targets.clone()));
                }
            }
        }
        let buses = stack.buses.iter().cloned().collect();
        let arns = stack.functions.iter().map(|(id, function)| (id.clone(), function.arn.clone())).collect();
        Ok(Self { shared: Arc::new(Shared { buses, rules, targets, arns, _tasks: tasks }) })
    }

    /// Answers `AWSEvents.{operation}`.
    pub(crate) fn call(&self, operation: &str, body: Value) -> Result<Value, AwsError> {
        match operation {
            "PutEvents" => self.put_events(body),
            "ListRules" => Ok(self.list_rules(&body)),
            "ListTargetsByRule" => self.list_targets(&body),
            other => Err(AwsError::unknown_operation(other)),
        }
    }

    /// The rules of a bus with their patterns, all in one page.
    fn list_rules(&self, body: &Value) -> Value {
        let mut listed = BTreeMap::new();
        for (pattern, rule) in self.rules_of(body) {
            listed.entry(&rule.name).or_insert_with(|| {
                json!({
                    "Name": rule.name, "Arn": rule.arn, "State": "ENABLED",
                    "EventBusName": bus_of(body), "EventPattern": pattern.as_json().to_string(),
                })
            });
        }
        json!({ "Rules": listed.into_values().collect::<Vec<_>>() })
    }

    /// The targets of a rule of a bus, by their ARNs.
    fn list_targets(&self, body: &Value) -> Result<Value, AwsError> {
        let name = body["Rule"].as_str().unwrap_or_default();
        let rules = self.rules_of(body).iter().filter(|(_, rule)| rule.name == name);
        let target = |(number, (_, rule)): (usize, &(Pattern, Rule))| {
            let arn = match &rule.target {
                Target::Function(id) => self.shared.arns.get(id).cloned().unwrap_or_default(),
                Target::Queue(arn) => arn.clone(),
                Target::Destination(target) => target.queue.arn.clone(),
            };
            json!({ "Id": format!("Target{number}"), "Arn": arn })
        };
        let targets: Vec<Value> = rules.enumerate().map(target).collect();
        if targets.is_empty() {
            let message = format!("Rule {name} does not exist on EventBus {}.", bus_of(body));
            return Err(AwsError::client("ResourceNotFoundException", message));
        }
        Ok(json!({ "Targets": targets }))
    }

    fn rules_of(&self, body: &Value) -> &[(Pattern, Rule)] {
        self.shared.rules.get(bus_of(body)).map_or(&[][..], Vec::as_slice)
    }

    /// Puts an event of an AWS service on the default bus, where its rules' targets have kept it when this returns.
    pub(crate) fn put_from_aws(
        &self,
        source: &str,
        detail_type: &str,
        resource: &str,
        detail: &Value,
    ) -> Result<(), AwsError> {
        let now = Timestamp::now();
        let event = envelope(source, detail_type, now, &json!([resource]), detail);
        self.shared.targets.deliver(self.matching(DEFAULT_BUS, &event, now))
    }

    /// What the targets of the bus's rules that match get.
    fn matching(&self, bus: &str, event: &Value, taken_at: Timestamp) -> Vec<(Target, String)> {
        let rules = self.shared.rules.get(bus).map_or(&[][..], Vec::as_slice);
        let matching = rules.iter().filter(|(pattern, _)| pattern.matches(event));
        let delivery = |(_, rule): &(Pattern, Rule)| {
            tracing::debug!(bus, id = event["id"].as_str(), rule = rule.name, "an event matches a rule");
            (rule.target.clone(), input(rule, event, taken_at))
        };
        matching.map(delivery).collect()
    }

    fn put_events(&self, mut body: Value) -> Result<Value, AwsError> {
        let Some(Value::Array(entries)) = body.get_mut("Entries").map(Value::take) else {
            return Err(AwsError::client("ValidationException", "Entries is not a list."));
        };
        if entries.is_empty() || entries.len() > ENTRIES_MAX {
            let bound =
                if entries.is_empty() { "greater than or equal to 1" } else { "less than or equal to 10" };
            let reason = "1 validation error detected: Value at 'entries' failed to satisfy constraint";
            let message = format!("{reason}: Member must have length {bound}");
            return Err(AwsError::client("ValidationException", message));
        }
        if entries.iter().map(entry_bytes).sum::<usize>() > ENTRIES_BYTES_MAX {
            let message = "Total size of the entries in the request is over the limit.";
            return Err(AwsError::client("ValidationException", message));
        }
        let mut deliveries = Vec::new();
        let put: Vec<Result<String, Refusal>> =
            entries.iter().map(|entry| self.put(entry, &mut deliveries)).collect();
        let delivered = self.shared.targets.deliver(deliveries);
        let mut failed = 0;
        let answers: Vec<Value> = put
            .into_iter()
            .map(|put| match (put, &delivered) {
                (Ok(id), Ok(())) => json!({ "EventId": id }),
                (Err(refusal), _) => {
                    failed += 1;
                    json!({ "ErrorCode": refusal.code, "ErrorMessage": refusal.message })
                }
                (Ok(_), Err(error)) => {
                    failed += 1;
                    json!({ "ErrorCode": "InternalFailure", "ErrorMessage": error.message })
                }
            })
            .collect();
        Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
    }

    /// Puts an entry on its bus, and adds the targets of matching rules to `deliveries`. Returns the event's id.
    fn put(&self, entry: &Value, deliveries: &mut Vec<(Target, String)>) -> Result<String, Refusal> {
        let bus = entry.get("EventBusName").and_then(Value::as_str).unwrap_or(DEFAULT_BUS);
        let bus = bus.rsplit('/').next().unwrap_or(bus);
        if !self.shared.buses.contains(bus) {
            return Err(invalid("EventBusName", &format!("Event bus {bus} does not exist.")));
        }
        let taken_at = Timestamp::now();
        let event = event(entry, taken_at)?;
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        deliveries.extend(self.matching(bus, &event, taken_at));
        Ok(id)
    }
}

impl Targets {
    /// Delivers events to their targets, which have kept all of them when this returns.
    ///
    /// If it fails, some may have been delivered. The caller puts the events again, and delivery is at least once.
    fn deliver(&self, deliveries: Vec<(Target, String)>) -> Result<(), AwsError> {
        let mut invocations = Vec::new();
        for (target, event) in deliveries {
            match target {
                Target::Function(id) => invocations.push((id, Bytes::from(event))),
                Target::Queue(arn) => self.queues.send(&arn, event)?,
                Target::Destination(target) => self.queues.send(&target.queue.arn, event)?,
            }
        }
        self.lambda.accept(invocations)
    }
}

/// The name of the bus that a request is about, which it may give as an ARN.
fn bus_of(body: &Value) -> &str {
    let bus = body["EventBusName"].as_str().unwrap_or(DEFAULT_BUS);
    bus.rsplit('/').next().unwrap_or(bus)
}

/// The input of a rule's target for an event.
fn input(rule: &Rule, event: &Value, ingested_at: Timestamp) -> String {
    let occasion = Occasion { rule_arn: &rule.arn, rule_name: &rule.name, ingested_at };
    match &rule.input {
        Input::Event => event.to_string(),
        Input::Constant(input) => input.clone(),
        Input::Transformed(transformer) => transformer.apply(event, occasion),
    }
}

/// Fires the rule of a schedule for ever, the first time after one period, as on AWS.
async fn every(period: Duration, rule: Rule, targets: Targets) {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let now = Timestamp::now();
        let event = envelope("aws.events", "Scheduled Event", now, &json!([rule.arn]), &json!({}));
        if let Err(error) = targets.deliver(vec![(rule.target.clone(), input(&rule, &event, now))]) {
            tracing::error!(rule = rule.name, "{}", error.message);
        }
    }
}

/// Converts an entry into an event.
fn event(entry: &Value, taken_at: Timestamp) -> Result<Value, Refusal> {
    let required = |name: &str| {
        let text = entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| invalid(name, &format!("{name} is a required argument.")))
    };
    let source = required("Source")?;
    if source.starts_with("aws.") {
        let message = "Not authorized for the source.".to_owned();
        return Err(Refusal { code: "NotAuthorizedForSourceException", message });
    }
    let detail_type = required("DetailType")?;
    let Ok(detail @ Value::Object(_)) = serde_json::from_str(required("Detail")?) else {
        return Err(Refusal { code: "MalformedDetail", message: "Detail is malformed.".to_owned() });
    };
    let time = match entry.get("Time") {
        None | Some(Value::Null) => taken_at,
        Some(time) => time
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .and_then(|since| Timestamp::from_duration(since.try_into().ok()?).ok())
            .ok_or_else(|| invalid("Time", "Time is not seconds since the epoch."))?,
    };
    let resources = entry.get("Resources").filter(|resources| resources.is_array()).cloned();
    Ok(envelope(source, detail_type, time, &resources.unwrap_or_else(|| json!([])), &detail))
}

/// <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>
fn envelope(source: &str, detail_type: &str, time: Timestamp, resources: &Value, detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": format!("{time:.0}"),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    })
}

fn invalid(parameter: &str, reason: &str) -> Refusal {
    Refusal {
        code: "InvalidArgument",
        message: format!("Parameter {parameter} is not valid. Reason: {reason}"),
    }
}

/// The size of an entry, as AWS counts it.
fn entry_bytes(entry: &Value) -> usize {
    let length = |value: Option<&Value>| value.and_then(Value::as_str).map_or(0, str::len);
    let resources = entry.get("Resources").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let time = if entry.get("Time").is_some_and(|time| !time.is_null()) { TIME_BYTES } else { 0 };
    let texts: usize = ["Source", "DetailType", "Detail"].iter().map(|name| length(entry.get(*name))).sum();
    time + texts + resources.iter().map(|resource| length(Some(resource))).sum::<usize>()
}

#[cfg(test)]
mod tests;
