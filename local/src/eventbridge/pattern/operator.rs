//! One entry of a pattern's list: a plain value, or an operator over the event's value.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// What a plain value of an event is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operator {
    /// A string, number, boolean or null. As on AWS, 300 and 300.0 are different values.
    Equals(Value),
    Prefix(String),
    Suffix(String),
    /// All comparisons must hold.
    Numeric(Vec<(Comparison, f64)>),
    Exists,
    Absent,
    /// None may match.
    AnythingBut(Vec<Operator>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Parses an entry of a list.
    pub(super) fn parse(value: &Value) -> Result<Self> {
        match value {
            Value::Array(_) => bail!("a list must not contain lists"),
            Value::Object(fields) => {
                let (name, argument) = single(fields)?;
                Self::parse_operator(name, argument).with_context(|| name.clone())
            }
            plain => Ok(Self::Equals(plain.clone())),
        }
    }

    fn parse_operator(name: &str, argument: &Value) -> Result<Self> {
        Ok(match name {
            "prefix" => Self::Prefix(text(argument)?.to_owned()),
            "suffix" => Self::Suffix(text(argument)?.to_owned()),
            "numeric" => Self::Numeric(numeric(argument)?),
            "exists" => match argument.as_bool() {
                Some(true) => Self::Exists,
                Some(false) => Self::Absent,
                None => bail!("must be true or false"),
            },
            "anything-but" => Self::AnythingBut(anything_but(argument)?),
            _ => bail!("this operator is not supported locally"),
        })
    }

    /// Whether a plain value matches. Arrays and objects never do.
    pub(super) fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Equals(wanted), value) => wanted == value,
            (Self::Prefix(prefix), Value::String(text)) => text.starts_with(prefix),
            (Self::Suffix(suffix), Value::String(text)) => text.ends_with(suffix),
            (Self::Numeric(bounds), Value::Number(number)) => number.as_f64().is_some_and(|number| {
                bounds.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            (Self::Exists, _) => true,
            (Self::AnythingBut(operators), value) => {
                !operators.iter().any(|operator| operator.matches(value))
            }
            _ => false,
        }
    }

    /// Whether the absence of any plain value matches.
    pub(super) fn matches_absent(&self) -> bool {
        *self == Self::Absent
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "`=` compares the numbers as they are written")]
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

fn single(fields: &Map<String, Value>) -> Result<(&String, &Value)> {
    let mut entries = fields.iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        _ => bail!("an operator must be an object with one entry"),
    }
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("must be a string")
}

/// The argument of `anything-but`: values, or one operator with one or several strings.
fn anything_but(argument: &Value) -> Result<Vec<Operator>> {
    let each = |value: &Value, read: &dyn Fn(&Value) -> Result<Operator>| match value {
        Value::Array(items) => {
            ensure!(!items.is_empty(), "the list must not be empty");
            items.iter().map(read).collect()
        }
        one => Ok(vec![read(one)?]),
    };
    match argument {
        Value::Object(fields) => {
            let (name, argument) = single(fields)?;
            ensure!(
                ["prefix", "suffix"].contains(&name.as_str()),
                "{name}: this operator is not supported locally"
            );
            each(argument, &|value| Operator::parse_operator(name, value)).with_context(|| name.clone())
        }
        values => each(values, &|value| match value {
            Value::String(_) | Value::Number(_) => Ok(Operator::Equals(value.clone())),
            _ => bail!("must be strings or numbers"),
        }),
    }
}

fn numeric(argument: &Value) -> Result<Vec<(Comparison, f64)>> {
    let items = argument.as_array().context("must be a list")?;
    let (pairs, rest) = items.as_chunks::<2>();
    ensure!(
        !pairs.is_empty() && pairs.len() <= 2 && rest.is_empty(),
        "must be one or two comparisons with a number"
    );
    let pair = |[comparison, bound]: &[Value; 2]| {
        let comparison = match text(comparison)? {
            "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            other => bail!("{other} is not a comparison"),
        };
        Ok((comparison, bound.as_f64().context("the value to compare with must be a number")?))
    };
    pairs.iter().map(pair).collect()
}
