//! Event patterns: which events a rule wants, and which records an event source mapping lets through.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>
//!
//! A pattern is parsed once, whole, so that an operator which does not exist is an error when the stack
//! starts and not an event that never comes. `EventBridge` and Lambda's event filtering share the language,
//! and so this.
//!
//! An event's arrays are sets of values: one element that matches is enough, and an empty array is as good as
//! absent.
//!
//! Never here: where events come from or go.

mod operator;
mod wildcard;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use operator::Operator;

/// What an event must look like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern(Fields);

impl Pattern {
    /// Reads a pattern. Fails on an unknown operator, an empty list, or a value that is in no list, with the
    /// path to it.
    pub(crate) fn parse(pattern: &Value) -> Result<Self> {
        let fields = pattern.as_object().context("a pattern is an object")?;
        Fields::parse(fields).map(Self)
    }

    /// Whether `event` has all that the pattern asks for.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        self.0.matches(Some(event))
    }
}

/// An object of the pattern: every field must match, and of each `$or` one alternative.
#[derive(Debug, Clone, PartialEq)]
struct Fields {
    all: Vec<(String, Node)>,
    alternatives: Vec<Vec<Fields>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Fields(Fields),
    /// One must match.
    Leaf(Vec<Operator>),
}

impl Fields {
    fn parse(pattern: &Map<String, Value>) -> Result<Self> {
        ensure!(!pattern.is_empty(), "an object of a pattern is not empty");
        let mut fields = Self { all: Vec::new(), alternatives: Vec::new() };
        for (name, value) in pattern {
            match value {
                Value::Array(items) if name == "$or" => {
                    ensure!(items.len() >= 2, "$or takes two alternatives or more");
                    let alternative =
                        |item: &Value| item.as_object().context("is an object").and_then(Self::parse);
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
                ensure!(!items.is_empty(), "an empty list matches nothing");
                items.iter().map(Operator::parse).collect::<Result<_>>().map(Self::Leaf)
            }
            _ => bail!("a value stands in a list"),
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

/// The plain values of a value: itself, or those of an array. An object is not a value that an operator can
/// match.
fn collect_leaves<'v>(value: &'v Value, leaves: &mut Vec<&'v Value>) {
    match value {
        Value::Object(_) => {}
        Value::Array(items) => items.iter().for_each(|item| collect_leaves(item, leaves)),
        plain => leaves.push(plain),
    }
}

#[cfg(test)]
mod tests;
