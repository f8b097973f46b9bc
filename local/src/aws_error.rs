//! The error with which an emulated AWS service refuses a call.
//!
//! SDKs take the error's name from `__type`, or from the header `x-amzn-errortype`, which `front` adds. Some errors have
//! further members, such as the reasons of a cancelled transaction.

use serde_json::{Map, Value};

/// An error as an AWS service answers it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AwsError {
    /// HTTP status, 400 to 599.
    pub(crate) status: u16,
    /// The name of the error without its namespace, e.g. `ResourceNotFoundException`.
    pub(crate) code: String,
    /// The message for people.
    pub(crate) message: String,
    /// Further members, e.g. `CancellationReasons`.
    pub(crate) members: Map<String, Value>,
}

impl AwsError {
    /// An error with this HTTP status, name and message, and no further members.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), members: Map::new() }
    }

    /// An error of the caller: status 400.
    pub(crate) fn client(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// An error of the service: status 500, `InternalServerError`, which SDKs retry.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalServerError", message)
    }

    /// An operation of a known service that is not emulated here.
    pub(crate) fn unknown_operation(operation: &str) -> Self {
        Self::client("UnknownOperationException", format!("{operation} is not supported locally"))
    }

    /// Parses the error response of a service with an AWS JSON protocol.
    pub(crate) fn parse(status: u16, body: Value) -> Self {
        let Value::Object(mut members) = body else {
            return Self::internal(format!("an error response without a body, status {status}"));
        };
        let mut text = |key: &str| members.remove(key).and_then(|value| value.as_str().map(str::to_owned));
        let code = text("__type").unwrap_or_default();
        let message = text("message");
        let message = message.or_else(|| text("Message")).unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        Self { status, code, message, members }
    }

    /// The response body in the AWS JSON protocols.
    pub(crate) fn body(&self) -> Value {
        let mut body = self.members.clone();
        body.insert("__type".to_owned(), Value::from(self.code.as_str()));
        body.insert("message".to_owned(), Value::from(self.message.as_str()));
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_keeps_its_members_and_loses_its_namespace() {
        let reasons = json!([{ "Code": "ConditionalCheckFailed" }]);
        let error = AwsError::parse(
            400,
            json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "cancelled", "CancellationReasons": reasons,
            }),
        );
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("TransactionCanceledException", "cancelled")
        );
        assert_eq!(
            error.body(),
            json!({ "__type": "TransactionCanceledException", "message": "cancelled", "CancellationReasons": reasons })
        );
    }
}
