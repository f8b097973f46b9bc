//! One statement of a policy, and whether it applies to a request.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
//!
//! Pure: the template is read elsewhere, and nothing is counted here.

/// One statement of a function's policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    /// As in the template, e.g. `dynamodb:GetItem` or `sqs:*`.
    pub(crate) actions: Vec<String>,
    /// ARNs, with `*` and `?` as wildcards.
    pub(crate) resources: Vec<String>,
    /// All of them must hold.
    pub(crate) conditions: Vec<Condition>,
}

/// Whether a statement allows or denies the requests that it applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// A condition on `dynamodb:LeadingKeys`, the one key that is emulated: the partition keys that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) quantifier: Quantifier,
    pub(crate) comparison: Comparison,
    pub(crate) values: Vec<String>,
}

/// How many of a request's values must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// `ForAllValues`: all of them. It also holds for a request without values, such as a `Scan`.
    All,
    /// `ForAnyValue`: at least one.
    Any,
}

/// How one value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `StringEquals`.
    Equals,
    /// `StringLike`, with `*` and `?`.
    Like,
}

/// What a call asks for: one action on one resource. A call may consist of several, and then needs all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// E.g. `dynamodb:GetItem`.
    pub(crate) action: String,
    /// ARN.
    pub(crate) resource: String,
    /// The partition keys that the call names, if it is about items.
    pub(crate) leading_keys: Vec<String>,
}

impl Request {
    /// A request that names no items.
    pub(crate) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), leading_keys: Vec::new() }
    }
}

impl Statement {
    /// The indexes of the action and of the resource in the statement that match `request`; `None` if the statement does
    /// not apply.
    pub(super) fn applies(&self, request: &Request) -> Option<(usize, usize)> {
        let action = request.action.to_ascii_lowercase();
        let by_action =
            self.actions.iter().position(|pattern| like(&pattern.to_ascii_lowercase(), &action))?;
        let by_resource = self.resources.iter().position(|pattern| like(pattern, &request.resource))?;
        let holds = self.conditions.iter().all(|condition| condition.holds(&request.leading_keys));
        holds.then_some((by_action, by_resource))
    }
}

impl Condition {
    fn holds(&self, given: &[String]) -> bool {
        let matches = |value: &String| {
            self.values.iter().any(|allowed| match self.comparison {
                Comparison::Equals => allowed == value,
                Comparison::Like => like(allowed, value),
            })
        };
        match self.quantifier {
            Quantifier::All => given.iter().all(matches),
            Quantifier::Any => given.iter().any(matches),
        }
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any number of characters and `?` for one.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // The position after the last `*`, and the end of the text that the `*` stands for so far.
    let mut retry = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                retry = Some((at, seen));
            }
            Some(wanted) if *wanted == '?' || *wanted == text[seen] => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((after_star, taken)) = retry else { return false };
                (at, seen) = (after_star, taken + 1);
                retry = Some((at, seen));
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(actions: &[&str], resources: &[&str], conditions: &[Condition]) -> Statement {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (actions, resources) = (owned(actions), owned(resources));
        Statement { effect: Effect::Allow, actions, resources, conditions: conditions.to_vec() }
    }

    #[test]
    fn wildcards_stand_for_characters() {
        for (pattern, text, expected) in [
            ("arn:aws:sqs:*:q", "arn:aws:sqs:us-east-1:1:q", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "", true),
            ("a", "", false),
            ("TICKET#*", "TICKET#", true),
            ("TICKET#*", "USER#TICKET#", false),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_statement_applies_to_its_actions_and_its_resources() {
        let send = statement(&["sqs:Receive*", "sqs:sendmessage"], &["arn:q1", "arn:q2"], &[]);
        let applies = |action: &str, resource: &str| send.applies(&Request::new(action, resource));
        assert_eq!(applies("sqs:SendMessage", "arn:q2"), Some((1, 1)), "actions have no case");
        assert_eq!(applies("sqs:ReceiveMessage", "arn:q1"), Some((0, 0)));
        assert_eq!(applies("sqs:SendMessage", "arn:Q2"), None, "resources have");
        assert_eq!(applies("sqs:DeleteMessage", "arn:q1"), None);
    }

    #[test]
    fn leading_keys_match_all_or_any_of_the_values() {
        let condition = |quantifier, comparison, values: &[&str]| Condition {
            quantifier,
            comparison,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let all = condition(Quantifier::All, Comparison::Like, &["HOOK#*", "OUTBOX#*"]);
        let any = condition(Quantifier::Any, Comparison::Equals, &["HOOK#1"]);
        for (keys, by_all, by_any) in [
            (vec!["HOOK#1", "OUTBOX#a"], true, true),
            (vec!["HOOK#1", "USER#u"], false, true),
            (vec!["USER#u"], false, false),
            (vec![], true, false), // a pitfall of AWS: a request that names no key is allowed
        ] {
            let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
            assert_eq!((all.holds(&keys), any.holds(&keys)), (by_all, by_any), "{keys:?}");
        }
    }
}
