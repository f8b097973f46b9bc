//! Bounded text and numbers: a payload's fields that have a limit but no grammar.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Text of 1 to `BYTES_MAX` bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, extend("minLength" = 1, "maxLength" = BYTES_MAX)))]
#[serde(try_from = "String")]
pub struct Text<const BYTES_MAX: usize>(String);

impl<const BYTES_MAX: usize> Text<BYTES_MAX> {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const BYTES_MAX: usize> TryFrom<String> for Text<BYTES_MAX> {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        match text.len() {
            0 => Err(Error::BadRequest("text must not be empty".into())),
            n if n > BYTES_MAX => Err(Error::TooLarge { what: "text", bytes_max: BYTES_MAX }),
            _ => Ok(Self(text)),
        }
    }
}

/// How far something has come, in percent: 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, extend("maximum" = 100)))]
#[serde(try_from = "u8")]
pub struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = Error;

    fn try_from(number: u8) -> Result<Self, Error> {
        if number <= 100 {
            Ok(Self(number))
        } else {
            Err(Error::BadRequest("progress is a whole number from 0 to 100".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_two_ends() {
        assert!(serde_json::from_str::<Text<3>>("\"\"").is_err());
        assert!(serde_json::from_str::<Text<3>>("\"abc\"").is_ok());
        assert!(serde_json::from_str::<Text<3>>("\"abcd\"").is_err());
        assert!(serde_json::from_str::<Text<3>>("\"üü\"").is_err(), "bytes count, not characters");
    }

    #[test]
    fn percent_has_two_ends() {
        assert!(serde_json::from_str::<Percent>("0").is_ok());
        assert!(serde_json::from_str::<Percent>("100").is_ok());
        assert!(serde_json::from_str::<Percent>("101").is_err());
        assert!(serde_json::from_str::<Percent>("-1").is_err());
    }
}
