//! The one shape in which every emulated AWS service refuses a call.
//!
//! SDKs take the error's name from `__type` (or from the header `x-amzn-errortype`, which the front adds), and a
//! few errors carry members of their own, such as the reasons of a cancelled transaction; those are kept.

use serde_json::{Map, Value};

/// An error as an AWS service answers it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AwsError {
    /// HTTP status, 400 to 599.
    pub(crate) status: u16,
    /// The service's name of the error, without a namespace, e.g. `ResourceNotFoundException`.
    pub(crate) code: String,
    /// For a person.
    pub(crate) message: String,
    /// What this error carries beyond code and message, e.g. `CancellationReasons`.
    pub(crate) members: Map<String, Value>,
}

impl AwsError {
    /// An error with this HTTP status, name and text, and no further members.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), members: Map::new() }
    }

    /// A refusal that is the caller's fault: status 400.
    pub(crate) fn client(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// A fault of ours: status 500, `InternalServerError`, which SDKs retry.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalServerError", message)
    }

    /// An operation of a known service that is not emulated here.
    pub(crate) fn unknown_operation(operation: &str) -> Self {
        Self::client("UnknownOperationException", format!("{operation} is not available locally"))
    }

    /// Reads the error that a service speaking one of the AWS JSON protocols answered.
    pub(crate) fn parse(status: u16, body: Value) -> Self {
        let Value::Object(mut members) = body else {
            return Self::internal(format!("an error without a body, status {status}"));
        };
        let mut text = |key: &str| members.remove(key).and_then(|value| value.as_str().map(str::to_owned));
        let code = text("__type").unwrap_or_default();
        let message = text("message");
        let message = message.or_else(|| text("Message")).unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        Self { status, code, message, members }
    }

    /// The body of the AWS JSON protocols.
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
