//! One entry of a pattern's list: a plain value, or an operator over the event's value.

use std::net::IpAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::wildcard::Wildcard;

/// What one plain value of an event is held against.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operator {
    /// Strings, numbers, booleans and null. As on AWS, 300 and 300.0 are two values.
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(Affix),
    Suffix(Affix),
    Wildcard(Wildcard),
    /// All must hold.
    Numeric(Vec<(Comparison, f64)>),
    Cidr {
        network: IpAddr,
        prefix_bits: u8,
    },
    Exists,
    Absent,
    /// None may match.
    AnythingBut(Vec<Operator>),
}

/// The beginning or end of a string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Affix {
    Exact(String),
    /// In lower case.
    IgnoreCase(String),
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
    /// Reads an entry of a list.
    pub(super) fn parse(value: &Value) -> Result<Self> {
        match value {
            Value::Array(_) => bail!("a list holds no lists"),
            Value::Object(fields) => {
                let (name, argument) = single(fields)?;
                Self::parse_operator(name, argument).with_context(|| name.clone())
            }
            plain => Ok(Self::Equals(plain.clone())),
        }
    }

    fn parse_operator(name: &str, argument: &Value) -> Result<Self> {
        Ok(match name {
            "equals-ignore-case" => Self::EqualsIgnoreCase(text(argument)?.to_lowercase()),
            "prefix" => Self::Prefix(Affix::parse(argument)?),
            "suffix" => Self::Suffix(Affix::parse(argument)?),
            "wildcard" => Self::Wildcard(Wildcard::parse(text(argument)?)?),
            "numeric" => Self::Numeric(numeric(argument)?),
            "cidr" => cidr(text(argument)?)?,
            "exists" => match argument.as_bool() {
                Some(true) => Self::Exists,
                Some(false) => Self::Absent,
                None => bail!("takes true or false"),
            },
            "anything-but" => Self::AnythingBut(anything_but(argument)?),
            _ => bail!("no such operator"),
        })
    }

    /// Whether a plain value matches: never an array or an object.
    pub(super) fn matches(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Equals(wanted), value) => wanted == value,
            (Self::EqualsIgnoreCase(wanted), Value::String(text)) => text.to_lowercase() == *wanted,
            (Self::Prefix(prefix), Value::String(text)) => match prefix {
                Affix::Exact(prefix) => text.starts_with(prefix),
                Affix::IgnoreCase(prefix) => text.to_lowercase().starts_with(prefix),
            },
            (Self::Suffix(suffix), Value::String(text)) => match suffix {
                Affix::Exact(suffix) => text.ends_with(suffix),
                Affix::IgnoreCase(suffix) => text.to_lowercase().ends_with(suffix),
            },
            (Self::Wildcard(pattern), Value::String(text)) => pattern.matches(text),
            (Self::Numeric(bounds), Value::Number(number)) => number.as_f64().is_some_and(|number| {
                bounds.iter().all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            (Self::Cidr { network, prefix_bits }, Value::String(text)) => {
                text.parse().is_ok_and(|address| same_network(*network, address, *prefix_bits))
            }
            (Self::Exists, _) => true,
            (Self::AnythingBut(operators), value) => {
                !operators.iter().any(|operator| operator.matches(value))
            }
            _ => false,
        }
    }

    /// Whether the lack of any plain value matches.
    pub(super) fn matches_absent(&self) -> bool {
        *self == Self::Absent
    }
}

impl Affix {
    fn parse(value: &Value) -> Result<Self> {
        if let Value::Object(fields) = value {
            let (name, argument) = single(fields)?;
            ensure!(name == "equals-ignore-case", "{name}: no such operator here");
            return Ok(Self::IgnoreCase(text(argument)?.to_lowercase()));
        }
        Ok(Self::Exact(text(value)?.to_owned()))
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "`=` is equality of the numbers as they are written")]
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
        _ => bail!("an operator is an object of one entry"),
    }
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("takes a string")
}

/// Values, or one operator over one or several strings.
fn anything_but(argument: &Value) -> Result<Vec<Operator>> {
    let each = |value: &Value, read: &dyn Fn(&Value) -> Result<Operator>| match value {
        Value::Array(items) => {
            ensure!(!items.is_empty(), "an empty list excludes nothing");
            items.iter().map(read).collect()
        }
        one => Ok(vec![read(one)?]),
    };
    match argument {
        Value::Object(fields) => {
            let (name, argument) = single(fields)?;
            ensure!(
                ["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(&name.as_str()),
                "{name}: no such operator here"
            );
            each(argument, &|value| Operator::parse_operator(name, value)).with_context(|| name.clone())
        }
        values => each(values, &|value| match value {
            Value::String(_) | Value::Number(_) => Ok(Operator::Equals(value.clone())),
            _ => bail!("takes strings or numbers"),
        }),
    }
}

fn numeric(argument: &Value) -> Result<Vec<(Comparison, f64)>> {
    let items = argument.as_array().context("takes a list")?;
    let (pairs, rest) = items.as_chunks::<2>();
    ensure!(
        !pairs.is_empty() && pairs.len() <= 2 && rest.is_empty(),
        "takes one or two comparisons with a number"
    );
    let pair = |[comparison, bound]: &[Value; 2]| {
        let comparison = match text(comparison)? {
            "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            other => bail!("{other} is no comparison"),
        };
        Ok((comparison, bound.as_f64().context("compares with a number")?))
    };
    pairs.iter().map(pair).collect()
}

fn cidr(text: &str) -> Result<Operator> {
    let (network, bits) = text.split_once('/').context("takes an address and its prefix's length")?;
    let network: IpAddr = network.parse().context("takes an address")?;
    let prefix_bits = bits.parse().context("takes a prefix's length")?;
    ensure!(prefix_bits <= if network.is_ipv4() { 32 } else { 128 }, "the prefix is too long");
    Ok(Operator::Cidr { network, prefix_bits })
}

fn same_network(network: IpAddr, address: IpAddr, prefix_bits: u8) -> bool {
    let prefix_bits = u32::from(prefix_bits);
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(32 - prefix_bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            (network.to_bits() ^ address.to_bits()).checked_shr(128 - prefix_bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}
