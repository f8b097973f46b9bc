//! Reads a REQUEST authorizer's answer: who comes in, as whom, and what everybody else is told.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::policy::{Decision, Policy};
use crate::lambda::InvokeError;

/// The most that an authorizer may answer.
const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// The error by which a function asks for a 401; any other error is a 500.
const UNAUTHORIZED: &str = "Unauthorized";

/// What the authorizer decided.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// In, with what later events carry as `requestContext.authorizer`.
    Allowed(Map<String, Value>),
    /// Some statement of its policy denies it.
    Denied,
    /// No statement of its policy allows it.
    NotAllowed,
    /// It said that there are no good credentials.
    Unauthorized,
    /// It failed, or its answer cannot be understood: the reason, for the log alone.
    Failed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    principal_id: String,
    policy_document: Policy,
    #[serde(default)]
    context: Option<Map<String, Value>>,
}

/// Judges the answer to the authorizer's event for the method with this ARN.
pub(super) fn verdict(answer: Result<Bytes, InvokeError>, method_arn: &str) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(InvokeError::Function { message, .. }) if message == UNAUTHORIZED => {
            return Verdict::Unauthorized;
        }
        Err(error) => return Verdict::Failed(error.to_string()),
    };
    if answer.len() > ANSWER_BYTES_MAX {
        return Verdict::Failed(format!("its answer is {} bytes, over {ANSWER_BYTES_MAX}", answer.len()));
    }
    let answer: Answer = match serde_json::from_slice(&answer) {
        Ok(answer) => answer,
        Err(error) => return Verdict::Failed(format!("its answer is malformed: {error}")),
    };
    match answer.policy_document.decide("execute-api:Invoke", method_arn) {
        Decision::Denied => Verdict::Denied,
        Decision::NotAllowed => Verdict::NotAllowed,
        Decision::Allowed => match flat(answer.context.unwrap_or_default()) {
            Ok(mut context) => {
                context.insert("principalId".to_owned(), answer.principal_id.into());
                Verdict::Allowed(context)
            }
            Err(key) => {
                Verdict::Failed(format!("its context's '{key}' is neither string, number nor boolean"))
            }
        },
    }
}

/// The context with every value as a string, as events carry it; or the key of a value that cannot be one.
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

impl Verdict {
    /// Status and body for a client that is not let in; `None` for one that is.
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
        let verdict =
            verdict(Ok(answer("Allow", &json!({ "a": "x", "n": 1.5, "b": true, "none": null }))), ARN);
        let Verdict::Allowed(context) = &verdict else { panic!("{verdict:?}") };
        assert_eq!(
            Value::Object(context.clone()),
            json!({ "a": "x", "n": "1.5", "b": "true", "principalId": "user_1" })
        );
        assert_eq!(verdict.refusal(), None);
    }

    #[test]
    fn each_refusal_has_its_own_status_and_words() {
        let words =
            |answer| verdict(answer, ARN).refusal().map(|(status, body)| (status, body["message"].clone()));
        assert_eq!(
            words(Ok(answer("Deny", &json!({})))),
            Some((403, "User is not authorized to access this resource with an explicit deny".into()))
        );
        assert_eq!(words(failure("Unauthorized")), Some((401, "Unauthorized".into())));
        assert_eq!(words(failure("unauthorized")), Some((500, Value::Null)));
        assert_eq!(words(Ok(Bytes::from("null"))), Some((500, Value::Null)));
        assert_eq!(words(Ok(answer("Allow", &json!({ "nested": [] })))), Some((500, Value::Null)));
        assert_eq!(
            words(Ok(answer("Allow", &json!({ "big": "x".repeat(ANSWER_BYTES_MAX) })))),
            Some((500, Value::Null))
        );
        let elsewhere = verdict(Ok(answer("Allow", &json!({}))), "arn:other").refusal();
        assert_eq!(
            elsewhere,
            Some((403, json!({ "message": "User is not authorized to access this resource" })))
        );
    }
}
