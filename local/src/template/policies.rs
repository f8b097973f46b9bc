//! A function's `Policies`: statements that are written in the template itself.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html#sam-function-policies>
//!
//! What is not emulated is an error: a condition that is ignored would allow more, or less, than AWS does.

use anyhow::{Result, bail};

use super::properties::Properties;
use crate::iam::{Comparison, Condition, Effect, Quantifier, READ_QUEUE, READ_STREAM, Statement};

/// The only condition key that is emulated.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
/// The actions of the managed policies that SAM attaches for events of these types.
const OF_EVENTS: [(&str, &[&str]); 2] = [("DynamoDB", READ_STREAM), ("SQS", READ_QUEUE)];

/// Reads the statements of one function, in the order of the template.
pub(super) fn read(properties: &Properties) -> Result<Vec<Statement>> {
    if properties.value("Role")?.is_some() {
        bail!("{}: Role is not supported locally; use Policies", properties.place());
    }
    let mut statements = Vec::new();
    if properties.value("Policies")?.is_some() {
        for document in properties.items("Policies")? {
            if document.value("Statement")?.is_none() {
                bail!("{}: only statements are supported locally", document.place());
            }
            for entry in document.items("Statement")? {
                statements.push(statement(&entry)?);
            }
        }
    }
    for (_, event) in properties.entries("Events")? {
        let kind = event.string("Type")?;
        if let Some((_, actions)) = OF_EVENTS.iter().find(|(of, _)| Some(*of) == kind.as_deref()) {
            let actions = actions.iter().map(|action| (*action).to_owned()).collect();
            let resources = vec!["*".to_owned()];
            statements.push(Statement { effect: Effect::Allow, actions, resources, conditions: Vec::new() });
        }
    }
    Ok(statements)
}

fn statement(entry: &Properties) -> Result<Statement> {
    for element in ["NotAction", "NotResource", "Principal", "NotPrincipal"] {
        if entry.value(element)?.is_some() {
            bail!("{}: {element} is not supported locally", entry.place());
        }
    }
    let effect = match entry.required_string("Effect")?.as_str() {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        other => bail!("{}: Effect is {other}, not Allow or Deny", entry.place()),
    };
    let (actions, resources) = (entry.strings("Action")?, entry.strings("Resource")?);
    if actions.is_empty() || resources.is_empty() {
        bail!("{}: a statement must have an Action and a Resource", entry.place());
    }
    let mut conditions = Vec::new();
    for (operator, keys) in entry.entries("Condition")? {
        let Some((quantifier, comparison)) = operator_of(&operator) else {
            bail!("{}: this operator is not supported locally", keys.place());
        };
        for key in keys.names() {
            if key != LEADING_KEYS {
                bail!("{}: the key {key} is not supported locally", keys.place());
            }
            conditions.push(Condition { quantifier, comparison, values: keys.strings(key)? });
        }
    }
    Ok(Statement { effect, actions, resources, conditions })
}

fn operator_of(text: &str) -> Option<(Quantifier, Comparison)> {
    let (quantifier, operator) = text.split_once(':')?;
    let quantifier = match quantifier {
        "ForAllValues" => Quantifier::All,
        "ForAnyValue" => Quantifier::Any,
        _ => return None,
    };
    let comparison = match operator {
        "StringEquals" => Comparison::Equals,
        "StringLike" => Comparison::Like,
        _ => return None,
    };
    Some((quantifier, comparison))
}
