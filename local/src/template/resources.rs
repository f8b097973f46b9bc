//! Tables and queues.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::{
    Queue, Redrive, Table, document::Resource, intrinsics::Resolver, names, parameters::scalar,
    properties::Properties,
};

/// The properties of an `AWS::DynamoDB::Table` that a `CreateTable` call has too, by the same names.
const TABLE_PROPERTIES: [&str; 6] = [
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "ProvisionedThroughput",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
];
/// SQS's defaults:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const VISIBILITY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
pub(super) const VISIBILITY_TIMEOUT_MAX: Duration = Duration::from_hours(12);
const RETENTION_DEFAULT: Duration = Duration::from_hours(4 * 24);
const RETENTION_MAX_S: u64 = 14 * 24 * 3_600;
const RECEIVES_MAX_MAX: u32 = 1_000;

/// Reads an `AWS::DynamoDB::Table`.
pub(super) fn table(resolver: &Resolver, id: &str, resource: &Resource) -> Result<Table> {
    let properties = Properties::of(resolver, id, resource);
    let name = resolver.name_of(id, resource)?;
    let mut definition = Map::new();
    definition.insert("TableName".to_owned(), Value::String(name.clone()));
    for property in TABLE_PROPERTIES {
        if let Some(value) = properties.value(property)? {
            definition.insert(property.to_owned(), numbers(property, value));
        }
    }
    for required in ["AttributeDefinitions", "KeySchema"] {
        properties.required(required)?;
    }
    let mut stream_arn = None;
    if let Some(stream) = properties.within("StreamSpecification")? {
        let view = stream.required_string("StreamViewType")?;
        definition.insert(
            "StreamSpecification".to_owned(),
            serde_json::json!({ "StreamEnabled": true, "StreamViewType": view }),
        );
        stream_arn = Some(resolver.attribute_of(id, resource, "StreamArn")?);
    }
    let ttl_attribute = match properties.within("TimeToLiveSpecification")? {
        Some(ttl) if ttl.flag("Enabled")? => Some(ttl.required_string("AttributeName")?),
        _ => None,
    };
    let arn = resolver.attribute_of(id, resource, "Arn")?;
    Ok(Table {
        id: id.to_owned(),
        name,
        arn,
        stream_arn,
        definition: Value::Object(definition),
        ttl_attribute,
    })
}

/// Converts capacity units, which may be strings in a template (a parameter) but not in the call.
fn numbers(property: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name.clone(), numbers(&name, value))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| numbers(property, item)).collect(),
        Value::String(text) if property.ends_with("CapacityUnits") => {
            text.parse::<u64>().map_or(Value::String(text), Value::from)
        }
        other => other,
    }
}

/// Reads an `AWS::SQS::Queue`.
pub(super) fn queue(resolver: &Resolver, id: &str, resource: &Resource) -> Result<Queue> {
    let properties = Properties::of(resolver, id, resource);
    if properties.flag("FifoQueue")? {
        bail!("{id}: FifoQueue is not supported locally");
    }
    let name = resolver.name_of(id, resource)?;
    Ok(Queue {
        id: id.to_owned(),
        arn: names::arn("sqs", &name),
        url: resolver.queue_url(&name),
        name,
        visibility_timeout: properties
            .seconds("VisibilityTimeout", 0, VISIBILITY_TIMEOUT_MAX.as_secs())?
            .unwrap_or(VISIBILITY_TIMEOUT_DEFAULT),
        delay: properties.seconds("DelaySeconds", 0, 900)?.unwrap_or_default(),
        receive_wait: properties.seconds("ReceiveMessageWaitTimeSeconds", 0, 20)?.unwrap_or_default(),
        retention: properties
            .seconds("MessageRetentionPeriod", 60, RETENTION_MAX_S)?
            .unwrap_or(RETENTION_DEFAULT),
        redrive: redrive(&properties)?,
    })
}

fn redrive(properties: &Properties) -> Result<Option<Redrive>> {
    let Some(policy) = properties.within("RedrivePolicy")? else { return Ok(None) };
    Ok(Some(Redrive {
        target_arn: policy.required_string("deadLetterTargetArn")?,
        receives_max: policy
            .number("maxReceiveCount", 1, RECEIVES_MAX_MAX)?
            .with_context(|| format!("{}: maxReceiveCount is missing", policy.place()))?,
    }))
}

/// The text of an output.
pub(super) fn output(resolver: &Resolver, name: &str, output: &Value) -> Result<String> {
    let place = || format!("output {name}");
    let value = output.get("Value").with_context(place)?;
    let text = resolver.resolve(value).with_context(place)?;
    text.as_ref().and_then(scalar).with_context(|| format!("output {name} is not a plain value"))
}
