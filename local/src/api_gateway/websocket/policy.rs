//! Evaluates the IAM policy in a Lambda authorizer's response, for one action on one resource.
//!
//! An explicit `Deny` overrides every `Allow`, and what no statement allows is not allowed
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>). Conditions are not
//! evaluated: an `Allow` with a condition allows nothing, and a `Deny` with one always denies.

use serde::Deserialize;

use crate::iam::like;

/// `policyDocument` of an authorizer's response.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
    condition: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The result of evaluating a policy for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    /// Some statement denies it.
    Denied,
    /// No statement allows it.
    NotAllowed,
}

impl Policy {
    /// Decides on `action`, e.g. `execute-api:Invoke`, on the resource with this ARN.
    pub(super) fn decide(&self, action: &str, arn: &str) -> Decision {
        let applies = |statement: &Statement| {
            let actions = statement.action.as_slice();
            let resources = statement.resource.as_slice();
            actions.iter().any(|pattern| like(&pattern.to_lowercase(), &action.to_lowercase()))
                && resources.iter().any(|pattern| like(pattern, arn))
        };
        let mut decision = Decision::NotAllowed;
        for statement in self.statement.as_slice().iter().filter(|statement| applies(statement)) {
            match statement.effect {
                Effect::Deny => return Decision::Denied,
                Effect::Allow if statement.condition.is_none() => decision = Decision::Allowed,
                Effect::Allow => {}
            }
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc123/dev/$connect";

    fn statement(effect: &str, resource: &str) -> Value {
        json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": resource })
    }

    fn decide(statements: &Value) -> Decision {
        let policy: Policy =
            serde_json::from_value(json!({ "Version": "2012-10-17", "Statement": statements })).unwrap();
        policy.decide("execute-api:Invoke", ARN)
    }

    #[test]
    fn a_statement_allows_what_it_names() {
        for resource in [ARN, "*", "arn:aws:execute-api:*:*:abc123/*", "arn:*/dev/$connect", "arn:*/d?v/*"] {
            assert_eq!(decide(&json!([statement("Allow", resource)])), Decision::Allowed, "{resource}");
        }
        for resource in
            ["arn:aws:execute-api:us-east-1:000000000000:other/*", "arn:*/prod/$connect", "", "arn:*/d?v"]
        {
            assert_eq!(decide(&json!([statement("Allow", resource)])), Decision::NotAllowed, "{resource}");
        }
        assert_eq!(decide(&json!([])), Decision::NotAllowed);
    }

    #[test]
    fn a_denial_overrides_every_allow() {
        let (allow, deny) = (statement("Allow", "*"), statement("Deny", ARN));
        assert_eq!(decide(&json!([allow, deny])), Decision::Denied);
        assert_eq!(decide(&json!([deny, allow])), Decision::Denied);
        assert_eq!(decide(&json!([allow, statement("Deny", "arn:*/prod/*")])), Decision::Allowed);
    }

    #[test]
    fn one_statement_is_read_like_a_list() {
        let actions = json!(["s3:GetObject", "Execute-API:*"]);
        let one = json!({ "Effect": "Allow", "Action": actions, "Resource": ["arn:x", ARN] });
        assert_eq!(decide(&one), Decision::Allowed);
        assert_eq!(
            decide(&json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" })),
            Decision::NotAllowed
        );
    }

    #[test]
    fn a_condition_never_allows_more() {
        let condition = json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } });
        let mut allow = statement("Allow", "*");
        allow["Condition"] = condition.clone();
        let mut deny = statement("Deny", "*");
        deny["Condition"] = condition;
        assert_eq!(decide(&json!([allow])), Decision::NotAllowed);
        assert_eq!(decide(&json!([statement("Allow", "*"), deny])), Decision::Denied);
    }

    #[test]
    fn what_is_no_policy_does_not_parse() {
        for wrong in [json!({}), json!({ "Statement": [{ "Effect": "Allow" }] }), json!("Allow")] {
            assert!(serde_json::from_value::<Policy>(wrong).is_err());
        }
        let misspelt = json!({ "Statement": [statement("allow", "*")] });
        assert!(serde_json::from_value::<Policy>(misspelt).is_err());
    }
}
