//! Interprets the response of a REQUEST authorizer: whether a client may connect, as which user, and how it is refused.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::policy::{Decision, Policy};
use crate::lambda::InvokeError;

/// The largest response of an authorizer.
const RESPONSE_BYTES_MAX: usize = 8 * 1024;
/// The error message by which a function asks for a 401; any other error is a 500.
const UNAUTHORIZED: &str = "Unauthorized";

/// The decision of the authorizer.
#[derive(Debug, PartialEq)]
pub(super) enum Authorization {
    /// The client may connect. Later events carry this as `requestContext.authorizer`.
    Allowed(Map<String, Value>),
    /// A statement of the policy denies it.
    Denied,
    /// No statement of the policy allows it.
    NotAllowed,
    /// The authorizer found no valid credentials.
    Unauthorized,
    /// The authorizer failed, or its response is malformed, for this reason. The reason is for the log only.
    Failed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerResponse {
    principal_id: String,
    policy_document: Policy,
    #[serde(default)]
    context: Option<Map<String, Value>>,
}

/// Interprets the response to the authorizer's event, for the method with this ARN.
pub(super) fn authorization(response: Result<Bytes, InvokeError>, method_arn: &str) -> Authorization {
    let response = match response {
        Ok(response) => response,
        Err(InvokeError::Function { message, .. }) if message == UNAUTHORIZED => {
            return Authorization::Unauthorized;
        }
        Err(error) => return Authorization::Failed(error.to_string()),
    };
    if response.len() > RESPONSE_BYTES_MAX {
        return Authorization::Failed(format!(
            "its response has {} bytes, more than {RESPONSE_BYTES_MAX}",
            response.len()
        ));
    }
    let response: AuthorizerResponse = match serde_json::from_slice(&response) {
        Ok(response) => response,
        Err(error) => return Authorization::Failed(format!("its response is malformed: {error}")),
    };
    match response.policy_document.decide("execute-api:Invoke", method_arn) {
        Decision::Denied => Authorization::Denied,
        Decision::NotAllowed => Authorization::NotAllowed,
        Decision::Allowed => match flat(response.context.unwrap_or_default()) {
            Ok(mut context) => {
                context.insert("principalId".to_owned(), response.principal_id.into());
                Authorization::Allowed(context)
            }
            Err(key) => Authorization::Failed(format!(
                "{key:?} in its context is neither a string, a number nor a boolean"
            )),
        },
    }
}

/// The context with every value as a string, as events carry it; or the key of a value that cannot be converted.
fn flat(context: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut flat = Map::new();
    for (key, value) in context {
        match value {
            Value::Null => {}
            Value::String(text) => _ = flat.insert(key, text.into()),
            Value::Bool(_) | Value::Number(_) => _ = flat.insert(key, value.to_string().into()),
            Value::Array(_) | Value::Object(_) => return Err(key),
        }
    }
    Ok(flat)
}

impl Authorization {
    /// The status and body of the refusal; `None` if the client may connect.
    pub(super) fn refusal(&self) -> Option<(u16, Value)> {
        let message = "User is not authorized to access this resource";
        match self {
            Self::Allowed(_) => None,
            Self::Denied => Some((403, json!({ "message": format!("{message} with an explicit deny") }))),
            Self::NotAllowed => Some((403, json!({ "message": message }))),
            Self::Unauthorized => Some((401, json!({ "message": UNAUTHORIZED }))),
            Self::Failed(_) => Some((500, json!({ "message": null }))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc123/dev/$connect";

    fn answer(effect: &str, context: &Value) -> Bytes {
        let statement = json!([{ "Effect": effect, "Action": "execute-api:Invoke", "Resource": ARN }]);
        let policy = json!({ "Version": "2012-10-17", "Statement": statement });
        json!({ "principalId": "user_1", "policyDocument": policy, "context": context }).to_string().into()
    }

    fn failure(message: &str) -> Result<Bytes, InvokeError> {
        let error_type = "Error".to_owned();
        Err(InvokeError::Function { error_type, message: message.to_owned(), payload: Bytes::new() })
    }

    #[test]
    fn scalars_of_the_context_become_strings() {
        let authorization =
            authorization(Ok(answer("Allow", &json!({ "a": "x", "n": 1.5, "b": true, "none": null }))), ARN);
        let Authorization::Allowed(context) = &authorization else { panic!("{authorization:?}") };
        assert_eq!(
            Value::Object(context.clone()),
            json!({ "a": "x", "n": "1.5", "b": "true", "principalId": "user_1" })
        );
        assert_eq!(authorization.refusal(), None);
    }

    #[test]
    fn each_refusal_has_its_status_and_message() {
        let words = |answer| {
            authorization(answer, ARN).refusal().map(|(status, body)| (status, body["message"].clone()))
        };
        assert_eq!(
            words(Ok(answer("Deny", &json!({})))),
            Some((403, "User is not authorized to access this resource with an explicit deny".into()))
        );
        assert_eq!(words(failure("Unauthorized")), Some((401, "Unauthorized".into())));
        assert_eq!(words(failure("unauthorized")), Some((500, Value::Null)));
        assert_eq!(words(Ok(Bytes::from("null"))), Some((500, Value::Null)));
        assert_eq!(words(Ok(answer("Allow", &json!({ "nested": [] })))), Some((500, Value::Null)));
        assert_eq!(
            words(Ok(answer("Allow", &json!({ "big": "x".repeat(RESPONSE_BYTES_MAX) })))),
            Some((500, Value::Null))
        );
        let elsewhere = authorization(Ok(answer("Allow", &json!({}))), "arn:other").refusal();
        assert_eq!(
            elsewhere,
            Some((403, json!({ "message": "User is not authorized to access this resource" })))
        );
    }
}
