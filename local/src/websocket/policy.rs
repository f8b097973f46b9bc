//! Evaluates the IAM policy that a Lambda authorizer answers, for one action on one resource.
//!
//! An explicit `Deny` beats every `Allow`, and nothing is allowed that no statement allows
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>). Conditions are not
//! evaluated: an `Allow` with one allows nothing here, a `Deny` with one always denies.

use serde::Deserialize;

/// `policyDocument` of an authorizer's answer.
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

/// What a policy says of one request.
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
            actions.iter().any(|pattern| matches(&pattern.to_lowercase(), &action.to_lowercase()))
                && resources.iter().any(|pattern| matches(pattern, arn))
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

/// Whether `text` is what `pattern` means: `*` is any characters (`/` and `:` too), `?` is any one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The last `*`, and how much of the text it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
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
    fn a_denial_wins_wherever_it_stands() {
        let (allow, deny) = (statement("Allow", "*"), statement("Deny", ARN));
        assert_eq!(decide(&json!([allow, deny])), Decision::Denied);
        assert_eq!(decide(&json!([deny, allow])), Decision::Denied);
        assert_eq!(decide(&json!([allow, statement("Deny", "arn:*/prod/*")])), Decision::Allowed);
    }

    #[test]
    fn one_and_many_read_alike() {
        let actions = json!(["s3:GetObject", "Execute-API:*"]);
        let one = json!({ "Effect": "Allow", "Action": actions, "Resource": ["arn:x", ARN] });
        assert_eq!(decide(&one), Decision::Allowed);
        assert_eq!(
            decide(&json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" })),
            Decision::NotAllowed
        );
    }

    #[test]
    fn a_condition_never_widens() {
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
