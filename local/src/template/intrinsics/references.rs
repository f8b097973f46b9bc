//! Physical names and ARNs: the values of `Ref` and `GetAtt`, in the forms that CloudFormation generates.
//!
//! A stack is named `funnelcast-{stage}`, and a resource without a name in the template `{stack}-{logical id}`.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::Resolver;
use crate::template::{ACCOUNT, REGION, document::Resource, names};

/// The stream's creation time, with which its ARN ends. It only has to stay the same.
const STREAM_LABEL: &str = "2026-01-01T00:00:00.000";

impl Resolver<'_> {
    /// The URL of the queue with this name.
    pub(in crate::template) fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoints.aws)
    }

    /// The value of `Ref` for a resource.
    pub(super) fn reference_to(&self, id: &str, resource: &Resource) -> Result<String> {
        Ok(match resource.kind.as_str() {
            "AWS::Serverless::WebSocketApi" | "AWS::Serverless::HttpApi" => names::api_id(id),
            "AWS::SQS::Queue" => self.queue_url(&self.name_of(id, resource)?),
            _ => self.name_of(id, resource)?,
        })
    }

    /// The value of `Ref` for a resource that SAM generates for one of the template's; `None` if it generates none with
    /// this logical id.
    pub(super) fn generated(&self, id: &str) -> Option<String> {
        for (owner, resource) in &self.document.resources {
            let Some(rest) = id.strip_prefix(owner.as_str()) else { continue };
            let known = match resource.kind.as_str() {
                "AWS::Serverless::Function" => {
                    rest == "Role" || has_key(resource, "Events", |event| event == rest)
                }
                "AWS::Serverless::WebSocketApi" => {
                    rest == "Stage" || has_key(resource, "Routes", |key| names::route_id(owner, key) == id)
                }
                "AWS::Serverless::HttpApi" => rest == "ApiGatewayDefaultStage",
                _ => false,
            };
            if known {
                return Some(id.to_owned());
            }
        }
        (id == names::IMPLICIT_HTTP_API).then(|| names::api_id(id))
    }

    /// The value of `GetAtt` for a resource.
    pub(in crate::template) fn attribute_of(
        &self,
        id: &str,
        resource: &Resource,
        attribute: &str,
    ) -> Result<String> {
        let name = self.name_of(id, resource)?;
        Ok(match (resource.kind.as_str(), attribute) {
            ("AWS::Serverless::Function", "Arn") => names::arn("lambda", &format!("function:{name}")),
            ("AWS::Serverless::WebSocketApi" | "AWS::Serverless::HttpApi", "ApiId") => names::api_id(id),
            ("AWS::Serverless::WebSocketApi", "ApiEndpoint") => format!("wss://{}", names::host(id)),
            ("AWS::Serverless::HttpApi", "ApiEndpoint") => format!("https://{}", names::host(id)),
            ("AWS::DynamoDB::Table", "Arn") => names::arn("dynamodb", &format!("table/{name}")),
            ("AWS::DynamoDB::Table", "StreamArn") => {
                if !resource.properties.contains_key("StreamSpecification") {
                    bail!("{id} has no StreamSpecification, and so no StreamArn");
                }
                names::arn("dynamodb", &format!("table/{name}/stream/{STREAM_LABEL}"))
            }
            ("AWS::SQS::Queue", "Arn") => names::arn("sqs", &name),
            ("AWS::SQS::Queue", "QueueName") | ("AWS::Events::EventBus", "Name") => name,
            ("AWS::SQS::Queue", "QueueUrl") => self.queue_url(&name),
            ("AWS::Events::EventBus", "Arn") => names::arn("events", &format!("event-bus/{name}")),
            ("AWS::Events::Rule", "Arn") => names::arn("events", &format!("rule/{name}")),
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{name}"),
            ("AWS::Logs::LogGroup", "Arn") => names::arn("logs", &format!("log-group:{name}:*")),
            ("AWS::ApiGatewayV2::DomainName", "RegionalDomainName") => {
                format!("d-{}.execute-api.{REGION}.amazonaws.com", names::api_id(id))
            }
            ("AWS::CloudFront::Distribution", "DomainName") => {
                format!("{}.cloudfront.net", names::api_id(id))
            }
            // Not used here, but well formed, so that an output or a variable may contain it.
            (kind, "Arn") => {
                let service = kind.split("::").nth(1).unwrap_or("unknown").to_lowercase();
                names::arn(&service, &name)
            }
            (kind, attribute) => bail!("{id} ({kind}) has no attribute {attribute} that is emulated"),
        })
    }

    /// The physical name of a resource: the template's, or a generated one.
    pub(in crate::template) fn name_of(&self, id: &str, resource: &Resource) -> Result<String> {
        let property = match resource.kind.as_str() {
            "AWS::Serverless::Function" => "FunctionName",
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::SQS::Queue" => "QueueName",
            "AWS::S3::Bucket" => "BucketName",
            "AWS::Logs::LogGroup" => "LogGroupName",
            "AWS::ApiGatewayV2::DomainName" => "DomainName",
            _ => "Name",
        };
        let given = match resource.properties.get(property) {
            Some(value) => self.resolve(value).with_context(|| format!("{id}: {property}"))?,
            None => None,
        };
        match given {
            // Names of buckets have no capital letters.
            None if resource.kind == "AWS::S3::Bucket" => {
                Ok(format!("{}-{id}", self.stack_name).to_lowercase())
            }
            None => Ok(format!("{}-{id}", self.stack_name)),
            Some(Value::String(name)) if !name.is_empty() => Ok(name),
            Some(_) => bail!("{id}: {property} is not a name"),
        }
    }
}

fn has_key(resource: &Resource, property: &str, matches: impl Fn(&str) -> bool) -> bool {
    let entries = resource.properties.get(property).and_then(Value::as_object);
    entries.is_some_and(|entries| entries.keys().any(|key| matches(key)))
}
