//! Corrects what the engine does differently from AWS: every ARN has a region of the engine's own.

use bytes::Bytes;
use serde_json::Value;

use crate::{aws_error::AwsError, template::REGION};

const ENGINE_ARN: &str = "arn:aws:dynamodb:dynoxide:";
const ENGINE_REGION: &str = r#""awsRegion":"dynoxide""#;
/// Operations whose responses contain ARNs; in any other response an ARN is the caller's own data.
const RESPONSES_WITH_ARNS: [&str; 8] = [
    "CreateTable",
    "DeleteTable",
    "DescribeStream",
    "DescribeTable",
    "ListStreams",
    "TagResource",
    "UpdateTable",
    "UpdateTimeToLive",
];
/// Operations after which there may be new stream records.
const WRITES: [&str; 8] = [
    "BatchExecuteStatement",
    "BatchWriteItem",
    "DeleteItem",
    "ExecuteStatement",
    "ExecuteTransaction",
    "PutItem",
    "TransactWriteItems",
    "UpdateItem",
];

/// Whether `operation` may have written items.
pub(crate) fn writes(operation: &str) -> bool {
    WRITES.contains(&operation)
}

/// Names resources in a request as the engine does.
pub(super) fn correct_request(body: &mut Value) {
    for member in ["TableName", "ResourceArn"] {
        let ours = body.get(member).and_then(Value::as_str).and_then(|arn| arn.strip_prefix(&our_arn()));
        if let Some(rest) = ours {
            body[member] = Value::from(format!("{ENGINE_ARN}{rest}"));
        }
    }
}

/// Parses a response, naming resources as AWS does.
pub(super) fn parse_response(operation: &str, answer: &Bytes) -> Result<Value, AwsError> {
    let parsed = match std::str::from_utf8(answer) {
        Ok(text) if RESPONSES_WITH_ARNS.contains(&operation) => {
            serde_json::from_str(&text.replace(ENGINE_ARN, &our_arn()))
        }
        // Quotes inside an item are escaped, so these can only be members of the records.
        Ok(text) if operation == "GetRecords" => {
            serde_json::from_str(&text.replace(ENGINE_REGION, &format!(r#""awsRegion":"{REGION}""#)))
        }
        _ => serde_json::from_slice(answer),
    };
    parsed.map_err(|error| AwsError::internal(format!("the engine's response is not JSON: {error}")))
}

fn our_arn() -> String {
    format!("arn:aws:dynamodb:{REGION}:")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_arns_of_the_engine_are_rewritten() {
        let text = Bytes::from(r#"{"Table":{"TableArn":"arn:aws:dynamodb:dynoxide:0:table/t"}}"#);
        assert_eq!(
            parse_response("DescribeTable", &text).unwrap()["Table"]["TableArn"],
            "arn:aws:dynamodb:us-east-1:0:table/t"
        );
        let item = Bytes::from(r#"{"Item":{"a":{"S":"arn:aws:dynamodb:dynoxide:0"}}}"#);
        assert_eq!(
            parse_response("GetItem", &item).unwrap()["Item"]["a"]["S"],
            "arn:aws:dynamodb:dynoxide:0"
        );

        let mut request = json!({ "TableName": "arn:aws:dynamodb:us-east-1:0:table/t" });
        correct_request(&mut request);
        assert_eq!(request["TableName"], "arn:aws:dynamodb:dynoxide:0:table/t");
    }
}
