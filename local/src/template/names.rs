//! Physical names and ARNs: what `Ref` and `GetAtt` give, in the shapes that CloudFormation generates.
//!
//! A stack is called `funnelcast-{stage}`, and a resource that the template does not name `{stack}-{logical
//! id}`.

use anyhow::{Context, Result, bail};

use super::{ACCOUNT, REGION, document::Resource, intrinsics::Resolver};

/// The stream's creation time, which ends its ARN; any will do, so long as it stays the same.
const STREAM_LABEL: &str = "2026-01-01T00:00:00.000";

/// The well-formed ARN of `resource` (e.g. `table/x`) of `service`.
pub(super) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// Ten lower-case letters and digits, as API Gateway makes its ids; the same for the same logical id.
pub(super) fn api_id(logical_id: &str) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // FNV-1a: it only has to spread and to stay the same from build to build.
    let mut hash = logical_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut id = String::with_capacity(10);
    for _ in 0..10 {
        id.push(char::from(DIGITS[usize::try_from(hash % 36).unwrap_or(0)]));
        hash /= 36;
    }
    id
}

/// The logical id of a route that SAM makes: `WebSocketApi` and `$connect` give `WebSocketApiConnectRoute`.
pub(super) fn route_id(api: &str, key: &str) -> String {
    format!("{api}{}Route", capitalised(key.trim_start_matches('$')))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// URL of the queue of this name.
pub(super) fn queue_url(resolver: &Resolver, name: &str) -> String {
    format!("{}/{ACCOUNT}/{name}", resolver.endpoints.aws)
}

/// What `Ref` gives for a resource.
pub(super) fn reference(resolver: &Resolver, id: &str, resource: &Resource) -> Result<String> {
    Ok(match resource.kind.as_str() {
        "AWS::Serverless::WebSocketApi" | "AWS::Serverless::HttpApi" => api_id(id),
        "AWS::SQS::Queue" => queue_url(resolver, &name(resolver, id, resource)?),
        _ => name(resolver, id, resource)?,
    })
}

/// What `Ref` gives for a resource that SAM makes beside one of the template's, or `None` where it makes none
/// so called.
pub(super) fn generated(resolver: &Resolver, id: &str) -> Option<String> {
    for (owner, resource) in &resolver.document.resources {
        let Some(rest) = id.strip_prefix(owner.as_str()) else { continue };
        let known = match resource.kind.as_str() {
            "AWS::Serverless::Function" => {
                rest == "Role" || has_key(resource, "Events", |event| event == rest)
            }
            "AWS::Serverless::WebSocketApi" => {
                rest == "Stage" || has_key(resource, "Routes", |key| route_id(owner, key) == id)
            }
            "AWS::Serverless::HttpApi" => rest == "ApiGatewayDefaultStage",
            _ => false,
        };
        if known {
            return Some(id.to_owned());
        }
    }
    (id == super::events::IMPLICIT_HTTP_API).then(|| api_id(id))
}

fn has_key(resource: &Resource, property: &str, matches: impl Fn(&str) -> bool) -> bool {
    let entries = resource.properties.get(property).and_then(serde_json::Value::as_object);
    entries.is_some_and(|entries| entries.keys().any(|key| matches(key)))
}

/// What `GetAtt` gives for a resource.
pub(super) fn attribute(
    resolver: &Resolver,
    id: &str,
    resource: &Resource,
    attribute: &str,
) -> Result<String> {
    let name = name(resolver, id, resource)?;
    Ok(match (resource.kind.as_str(), attribute) {
        ("AWS::Serverless::Function", "Arn") => arn("lambda", &format!("function:{name}")),
        ("AWS::Serverless::WebSocketApi" | "AWS::Serverless::HttpApi", "ApiId") => api_id(id),
        ("AWS::Serverless::WebSocketApi", "ApiEndpoint") => format!("wss://{}", host(id)),
        ("AWS::Serverless::HttpApi", "ApiEndpoint") => format!("https://{}", host(id)),
        ("AWS::DynamoDB::Table", "Arn") => arn("dynamodb", &format!("table/{name}")),
        ("AWS::DynamoDB::Table", "StreamArn") => {
            if !resource.properties.contains_key("StreamSpecification") {
                bail!("{id} has no StreamSpecification, so it has no StreamArn");
            }
            arn("dynamodb", &format!("table/{name}/stream/{STREAM_LABEL}"))
        }
        ("AWS::SQS::Queue", "Arn") => arn("sqs", &name),
        ("AWS::SQS::Queue", "QueueName") | ("AWS::Events::EventBus", "Name") => name,
        ("AWS::SQS::Queue", "QueueUrl") => queue_url(resolver, &name),
        ("AWS::Events::EventBus", "Arn") => arn("events", &format!("event-bus/{name}")),
        ("AWS::Events::Rule", "Arn") => arn("events", &format!("rule/{name}")),
        ("AWS::Logs::LogGroup", "Arn") => arn("logs", &format!("log-group:{name}:*")),
        // Of no use here, but well formed, so that an output or a variable may carry it.
        (kind, "Arn") => {
            let service = kind.split("::").nth(1).unwrap_or("unknown").to_lowercase();
            arn(&service, &name)
        }
        (kind, attribute) => bail!("{id} ({kind}) has no attribute {attribute} here"),
    })
}

/// Host of an API of the template, as on AWS.
pub(super) fn host(api: &str) -> String {
    format!("{}.execute-api.{REGION}.amazonaws.com", api_id(api))
}

/// The physical name of a resource: the template's, else a generated one.
pub(super) fn name(resolver: &Resolver, id: &str, resource: &Resource) -> Result<String> {
    let property = match resource.kind.as_str() {
        "AWS::Serverless::Function" => "FunctionName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::Logs::LogGroup" => "LogGroupName",
        _ => "Name",
    };
    let given = match resource.properties.get(property) {
        Some(value) => resolver.resolve(value).with_context(|| format!("{id}: {property}"))?,
        None => None,
    };
    match given {
        None => Ok(format!("{}-{id}", resolver.stack_name)),
        Some(serde_json::Value::String(name)) if !name.is_empty() => Ok(name),
        Some(_) => bail!("{id}: {property} is not a name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_those_of_aws() {
        let id = api_id("WebSocketApi");
        assert_eq!(id, api_id("WebSocketApi"));
        assert_ne!(id, api_id("HttpApi"));
        assert!(id.len() == 10 && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{id}");
        assert_eq!(route_id("WebSocketApi", "$connect"), "WebSocketApiConnectRoute");
        assert_eq!(route_id("Api", "join"), "ApiJoinRoute");
    }
}
