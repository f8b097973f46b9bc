//! Bounded text and numbers: fields of a payload that have a limit but no grammar.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected, Visitor},
};
use serde_json::Number;

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
        if (1..=BYTES_MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(Error::BadRequest(format!("must be 1 to {BYTES_MAX} bytes of text").into()))
        }
    }
}

/// Whether a character garbles the text in which it stands: it controls it, breaks its line or turns its direction, so that
/// `gnp.exe` is shown as `exe.png` (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>).
pub(crate) fn garbles(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether there is anything to see of a text.
pub(crate) fn is_visible(text: &str) -> bool {
    text.chars().any(|char| !char.is_control() && !char.is_whitespace() && !is_blank(char))
}

/// Whether a character has no form of its own, beside spaces and control characters: those with the property
/// `Default_Ignorable_Code_Point` (<https://www.unicode.org/Public/17.0.0/ucd/DerivedCoreProperties.txt>), and the empty cell of
/// Braille.
const fn is_blank(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A progress in percent, from 0 to 100. It is kept as the producer wrote it, such as `33.3` or `50.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(inline, with = "f64", extend("minimum" = 0, "maximum" = 100))
)]
pub struct Percent(Number);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(PercentVisitor)
    }
}

struct PercentVisitor;

impl PercentVisitor {
    fn check<E: de::Error>(&self, number: Option<Number>) -> Result<Percent, E> {
        let in_range =
            |number: &Number| number.as_f64().is_some_and(|number| (0.0..=100.0).contains(&number));
        let number =
            number.filter(in_range).ok_or_else(|| E::invalid_value(Unexpected::Other("it"), self))?;
        Ok(Percent(number))
    }
}

impl Visitor<'_> for PercentVisitor {
    type Value = Percent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 100")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Percent, E> {
        self.check(Some(number.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Percent, E> {
        self.check(Some(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Percent, E> {
        self.check(Number::from_f64(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_least_and_a_greatest_length() {
        assert!(serde_json::from_str::<Text<3>>("\"\"").is_err());
        assert!(serde_json::from_str::<Text<3>>("\"abc\"").is_ok());
        assert!(serde_json::from_str::<Text<3>>("\"abcd\"").is_err());
        assert!(serde_json::from_str::<Text<3>>("\"üü\"").is_err(), "bytes count, not characters");
    }

    #[test]
    fn what_turns_or_breaks_a_text_garbles_it_and_what_joins_its_letters_does_not() {
        for char in ['\n', '\u{7f}', '\u{85}', '\u{2028}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            assert!(garbles(char), "{char:?}");
        }
        for char in [' ', 'a', 'ש', '\u{200d}', '\u{200f}', '\u{fe0f}', '👧'] {
            assert!(!garbles(char), "{char:?}");
        }
    }

    #[test]
    fn a_text_of_blanks_is_not_visible() {
        for text in
            ["", " \u{a0}\u{3000}", "\n", "\u{200b}", "\u{202e}", "\u{3164}", "\u{2800}\u{fe0f}", "\u{e0020}"]
        {
            assert!(!is_visible(text), "{text:?}");
        }
        for text in ["a", "\u{200b}.", "👩‍👩‍👧", "שלום", "ㅤn"] {
            assert!(is_visible(text), "{text:?}");
        }
    }

    #[test]
    fn percent_is_from_0_to_100() {
        assert!(serde_json::from_str::<Percent>("0").is_ok());
        assert!(serde_json::from_str::<Percent>("100").is_ok());
        assert!(serde_json::from_str::<Percent>("101").is_err());
        assert!(serde_json::from_str::<Percent>("-1").is_err());
        assert!(serde_json::from_str::<Percent>("100.01").is_err());
    }

    #[test]
    fn percent_is_kept_as_it_was_written() {
        for number in ["0", "50", "50.0", "33.3", "100.0"] {
            let percent: Percent = serde_json::from_str(number).unwrap();
            assert_eq!(serde_json::to_string(&percent).unwrap(), number);
        }
    }
}
