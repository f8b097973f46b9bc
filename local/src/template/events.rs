//! The `Events` of a function, which are rules, schedules, mappings and routes of the HTTP API; `AWS::Events::Rule`; and
//! `AWS::Lambda::EventSourceMapping`.
//!
//! template.yaml has neither schedules nor the SAM events `DynamoDB` and `SQS`. They are read
//! because whoever extends a SAM template expects them. Any other type of event is an error.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventsource.html>

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    Function, HttpRoute, Input, Rule, Target, Trigger, destinations,
    document::Resource,
    intrinsics::Resolver,
    mappings,
    names::{self, DEFAULT_BUS},
    properties::Properties,
    references::{Arns, Triggers},
};
use crate::eventbridge::{Pattern, Transformer};

/// Reads all events of one function into `triggers`.
pub(super) fn read(
    resolver: &Resolver,
    function: &Function,
    resource: &Resource,
    arns: &Arns,
    triggers: &mut Triggers,
) -> Result<()> {
    for (name, event) in Properties::of(resolver, &function.id, resource).entries("Events")? {
        let id = format!("{}{name}", function.id);
        let kind = event.required_string("Type")?;
        let properties = event.within_or_empty("Properties")?;
        match kind.as_str() {
            "EventBridgeRule" => {
                let bus = bus(&properties, arns)?;
                let trigger = matching(&properties, "Pattern", &bus)?;
                triggers.rules.extend(sam_rule(&id, &properties, trigger, function, arns)?);
            }
            "Schedule" => {
                let trigger = every(&properties, "Schedule")?;
                triggers.rules.extend(sam_rule(&id, &properties, trigger, function, arns)?);
            }
            "DynamoDB" => {
                let source = properties.required_string("Stream")?;
                triggers.mappings.extend(mappings::read(&id, &function.id, source, &properties, arns)?);
            }
            "SQS" => {
                let source = properties.required_string("Queue")?;
                triggers.mappings.extend(mappings::read(&id, &function.id, source, &properties, arns)?);
            }
            "HttpApi" => triggers.http_routes.push(http_route(&properties, &function.id)?),
            other => bail!("{}: an event of type {other} is not supported locally", event.place()),
        }
    }
    Ok(())
}

/// Reads an `AWS::Events::Rule` into one rule for each of its targets.
pub(super) fn read_rule(
    resolver: &Resolver,
    id: &str,
    resource: &Resource,
    arns: &Arns,
) -> Result<Vec<Rule>> {
    let properties = Properties::of(resolver, id, resource);
    if properties.string("State")?.is_some_and(|state| state == "DISABLED") {
        return Ok(Vec::new());
    }
    let name = resolver.name_of(id, resource)?;
    let bus = bus(&properties, arns)?;
    let trigger = if properties.value("EventPattern")?.is_some() {
        matching(&properties, "EventPattern", &bus)?
    } else {
        every(&properties, "ScheduleExpression")?
    };
    let mut rules = Vec::new();
    for target in properties.items("Targets")? {
        let arn = target.required_string("Arn")?;
        let to = if let Some(destination) = arns.destinations.get(&arn) {
            Target::Destination(Box::new(destinations::target(&target, &name, destination, arns)?))
        } else {
            check_dead_letters(&target, arns)?;
            arns.target(&arn).with_context(|| {
                format!("{}: {arn} is no function, queue or API destination of the template", target.place())
            })?
        };
        rules.push(rule(&name, trigger.clone(), to, input(&target)?));
    }
    Ok(rules)
}

/// Reads the raw `AWS::Lambda::EventSourceMapping` into `triggers`.
pub(super) fn read_mapping(
    resolver: &Resolver,
    id: &str,
    resource: &Resource,
    arns: &Arns,
    triggers: &mut Triggers,
) -> Result<()> {
    let properties = Properties::of(resolver, id, resource);
    let function = arns.function(&properties.required_string("FunctionName")?);
    let function =
        function.with_context(|| format!("{id}: FunctionName is not a function of the template"))?;
    let source = properties.required_string("EventSourceArn")?;
    triggers.mappings.extend(mappings::read(id, function, source, &properties, arns)?);
    Ok(())
}

fn sam_rule(
    id: &str,
    properties: &Properties,
    trigger: Trigger,
    function: &Function,
    arns: &Arns,
) -> Result<Option<Rule>> {
    check_dead_letters(properties, arns)?;
    let disabled = properties.string("State")?.is_some_and(|state| state == "DISABLED")
        || (properties.value("Enabled")?.is_some() && !properties.flag("Enabled")?);
    if disabled {
        return Ok(None);
    }
    let given = match properties.string("RuleName")? {
        Some(name) => Some(name),
        None => properties.string("Name")?,
    };
    let name = given.unwrap_or_else(|| format!("{}-{id}", properties.resolver.stack_name));
    Ok(Some(rule(&name, trigger, Target::Function(function.id.clone()), input(properties)?)))
}

fn rule(name: &str, trigger: Trigger, target: Target, input: Input) -> Rule {
    let path = match &trigger {
        Trigger::Event { bus, .. } if bus != DEFAULT_BUS => format!("rule/{bus}/{name}"),
        _ => format!("rule/{name}"),
    };
    Rule { name: name.to_owned(), arn: names::arn("events", &path), trigger, target, input }
}

/// The name of the bus, which the template gives as a name or an ARN. It must exist.
fn bus(properties: &Properties, arns: &Arns) -> Result<String> {
    let given = properties.string("EventBusName")?.unwrap_or_else(|| DEFAULT_BUS.to_owned());
    let name = given.rsplit('/').next().unwrap_or(&given).to_owned();
    ensure!(arns.buses.contains(&name), "{}: the template has no event bus {name}", properties.place());
    Ok(name)
}

fn matching(properties: &Properties, property: &str, bus: &str) -> Result<Trigger> {
    let pattern = Pattern::parse(&properties.required(property)?)
        .with_context(|| format!("{}: {property}", properties.place()))?;
    Ok(Trigger::Event { bus: bus.to_owned(), pattern })
}

/// A schedule of the form `rate(5 minutes)`, the only one that is emulated.
fn every(properties: &Properties, property: &str) -> Result<Trigger> {
    let expression = properties.required_string(property)?;
    let period = rate(&expression).with_context(|| {
        format!(
            "{}: {property} is {expression:?}; only rate(N minutes|hours|days) is supported locally",
            properties.place()
        )
    })?;
    Ok(Trigger::Every { period })
}

fn rate(expression: &str) -> Option<Duration> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.trim().split_once(' ')?;
    let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
    let unit_s = match unit.trim() {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(unit_s)?))
}

/// What the target gets of an event. `InputPath` is not emulated, and ignoring it would give the target another input.
fn input(properties: &Properties) -> Result<Input> {
    if properties.value("InputPath")?.is_some() {
        bail!("{}: InputPath is not supported locally", properties.place());
    }
    let constant = properties.string("Input")?;
    let Some(transformer) = properties.within("InputTransformer")? else {
        return Ok(constant.map_or(Input::Event, Input::Constant));
    };
    ensure!(constant.is_none(), "{}: Input and InputTransformer cannot both be set", properties.place());
    let mut paths = BTreeMap::new();
    if let Some(map) = transformer.value("InputPathsMap")? {
        paths = serde_json::from_value(map).with_context(|| transformer.place().to_owned())?;
    }
    let template = transformer.required_string("InputTemplate")?;
    let parsed = Transformer::parse(&paths, &template).with_context(|| transformer.place().to_owned())?;
    Ok(Input::Transformed(parsed))
}

/// Checks that the dead-letter queue exists of a rule whose target is a function or a queue. Nothing is ever sent to it, as these
/// accept every event.
fn check_dead_letters(properties: &Properties, arns: &Arns) -> Result<()> {
    let Some(config) = properties.within("DeadLetterConfig")? else { return Ok(()) };
    // There is no ARN if SAM creates the queue itself.
    let Some(arn) = config.string("Arn")? else { return Ok(()) };
    ensure!(arns.queues.contains(&arn), "{}: {arn} is not a queue of the template", config.place());
    Ok(())
}

fn http_route(properties: &Properties, function: &str) -> Result<HttpRoute> {
    let path = properties.string("Path")?.unwrap_or_else(|| "$default".to_owned());
    let method = properties.string("Method")?.unwrap_or_else(|| "ANY".to_owned()).to_uppercase();
    let method = if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" { "ANY".to_owned() } else { method };
    if let Some(api) = properties.value("ApiId")? {
        ensure!(matches!(api, Value::String(_)), "{}: ApiId is not an id", properties.place());
    }
    Ok(HttpRoute { method, path, function: function.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(rate("rate(1 minute)"), Some(Duration::from_mins(1)));
        assert_eq!(rate("rate(12 hours)"), Some(Duration::from_hours(12)));
        for wrong in
            ["rate(0 minutes)", "rate(1 fortnight)", "cron(* * * * ? *)", "rate(minute)", "5 minutes"]
        {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
    }
}
