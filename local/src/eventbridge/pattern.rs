//! Event patterns: which events a rule matches, and which records an event source mapping passes on. EventBridge and
//! Lambda's event filtering share this language.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>
//!
//! Supported are plain values and the operators `prefix`, `suffix`, `numeric`, `exists`, `anything-but` and `$or`. A
//! pattern is parsed when the stack starts, so that any other operator is an error there, and not an event that never
//! matches.
//!
//! An array in an event is a set of values: one matching element is enough, and an empty array counts as absent.
//!
//! Never here: where events come from or go.

mod operator;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use operator::Operator;

/// A condition on events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    fields: Fields,
    /// As it was written.
    text: Value,
}

impl Pattern {
    /// Parses a pattern. It fails on an unsupported operator, an empty list, or a value outside of a list; the error has
    /// the path to it.
    pub(crate) fn parse(pattern: &Value) -> Result<Self> {
        let fields = pattern.as_object().context("a pattern must be an object")?;
        Ok(Self { fields: Fields::parse(fields)?, text: pattern.clone() })
    }

    /// Whether `event` matches the pattern.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        self.fields.matches(Some(event))
    }

    /// The pattern as it was written.
    pub(crate) fn as_json(&self) -> &Value {
        &self.text
    }
}

/// An object of the pattern: every field must match, and one alternative of each `$or`.
#[derive(Debug, Clone, PartialEq)]
struct Fields {
    all: Vec<(String, Node)>,
    alternatives: Vec<Vec<Fields>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Fields(Fields),
    /// One of the operators must match.
    Leaf(Vec<Operator>),
}

impl Fields {
    fn parse(pattern: &Map<String, Value>) -> Result<Self> {
        ensure!(!pattern.is_empty(), "an object in a pattern must not be empty");
        let mut fields = Self { all: Vec::new(), alternatives: Vec::new() };
        for (name, value) in pattern {
            match value {
                Value::Array(items) if name == "$or" => {
                    ensure!(items.len() >= 2, "$or must have at least two alternatives");
                    let alternative =
                        |item: &Value| item.as_object().context("must be an object").and_then(Self::parse);
                    let alternatives = items.iter().map(alternative).collect::<Result<_>>().context("$or")?;
                    fields.alternatives.push(alternatives);
                }
                value => fields.all.push((name.clone(), Node::parse(value).with_context(|| name.clone())?)),
            }
        }
        Ok(fields)
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(items)) if !items.is_empty() => {
                items.iter().any(|item| self.matches(Some(item)))
            }
            value => {
                let object = value.and_then(Value::as_object);
                self.all.iter().all(|(name, node)| node.matches(object.and_then(|object| object.get(name))))
                    && self.alternatives.iter().all(|any| any.iter().any(|fields| fields.matches(value)))
            }
        }
    }
}

impl Node {
    fn parse(value: &Value) -> Result<Self> {
        match value {
            Value::Object(fields) => Fields::parse(fields).map(Self::Fields),
            Value::Array(items) => {
                ensure!(!items.is_empty(), "the list must not be empty");
                items.iter().map(Operator::parse).collect::<Result<_>>().map(Self::Leaf)
            }
            _ => bail!("a value must be in a list"),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Fields(fields) => fields.matches(value),
            Self::Leaf(operators) => {
                let mut leaves = Vec::new();
                if let Some(value) = value {
                    collect_leaves(value, &mut leaves);
                }
                if leaves.is_empty() {
                    return operators.iter().any(Operator::matches_absent);
                }
                leaves.iter().any(|leaf| operators.iter().any(|operator| operator.matches(leaf)))
            }
        }
    }
}

/// Collects the plain values of a value: itself, or the elements of an array. No operator matches an object.
fn collect_leaves<'v>(value: &'v Value, leaves: &mut Vec<&'v Value>) {
    match value {
        Value::Object(_) => {}
        Value::Array(items) => items.iter().for_each(|item| collect_leaves(item, leaves)),
        plain => leaves.push(plain),
    }
}

#[cfg(test)]
mod tests;
