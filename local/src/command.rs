//! What the commands have in common: values of options, and why a command failed.

use std::{fmt, str::FromStr, time::Duration};

use jiff::SignedDuration;

/// Why a command failed.
pub(crate) enum Failure {
    /// The input cannot be used: exit code 2, as for an invalid option.
    Input(anyhow::Error),
    /// Any other reason: exit code 1.
    Other(anyhow::Error),
    /// Another process of ours has failed with this exit code, and has said why.
    Reported(u8),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) | Self::Other(error) => write!(f, "{error:#}"),
            Self::Reported(code) => write!(f, "exit code {code}"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// A positive duration, written as `500ms`, `29s`, `10m` or `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Duration);

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let period: SignedDuration =
            text.parse().map_err(|_| "must be a duration such as 500ms, 29s, 10m or 2h".to_owned())?;
        match Duration::try_from(period) {
            Ok(period) if !period.is_zero() => Ok(Self(period)),
            _ => Err("must be longer than zero".to_owned()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = SignedDuration::try_from(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{period:#}")
    }
}

/// Parses `KEY=VALUE`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

/// Parses the id of a key, which a token's header has.
pub(crate) fn kid(text: &str) -> Result<String, String> {
    if (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 printable ASCII characters without spaces and quotation marks".to_owned())
    }
}

/// Parses a number that is at least 1.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked() {
        for text in ["500ms", "29s", "10m", "2h"] {
            assert_eq!(text.parse::<Period>().map(|period| period.to_string()).as_deref(), Ok(text));
        }
        for wrong in ["", "10", "-1s", "0s", "soon"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
        assert_eq!(key_value("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert!(key_value("A").is_err() && key_value("=b").is_err());
        assert!(at_least_one("0").is_err() && at_least_one("x").is_err());
    }
}
