//! Parsing of JSON into types, with errors that give the path of the field and say what it must be.
//!
//! The errors of `serde_json` have no paths, and name Rust's types. So values are read by a deserializer of this crate, whose
//! errors are made from what `serde` reports: the expected and the found type, the known fields, the known variants. They
//! never quote a value, because users' texts do not belong in a log.

use std::fmt;

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess,
        Unexpected, Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::{Error, json};

impl Error {
    /// Parses untrusted input. The error says what is wrong with which field.
    pub fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Self> {
        parse(value, "")
    }

    /// Parses a part of untrusted input whose path is `root`.
    pub fn parse_at<T: DeserializeOwned>(root: &str, value: Value) -> Result<T, Self> {
        parse(value, root)
    }
}

/// Parses a value whose path is `root`. An empty `root` is the request itself.
pub(crate) fn parse<T: DeserializeOwned>(value: Value, root: &str) -> Result<T, Error> {
    check(&value).and_then(|()| T::deserialize(Node(value))).map_err(|fault| fault.under(root).into())
}

/// Checks what holds for every value, whatever its type; see [`json`].
fn check(value: &Value) -> Result<(), Fault> {
    let Some(fields) = value.as_object() else { return json::check(value).map_err(Fault::here) };
    let has = |(name, value): (&String, &Value)| json::check(value).map_err(|reason| Fault::at(name, reason));
    fields.iter().try_for_each(has)
}

/// Reads a whole number from `min` to `max`. JSON does not tell integers from other numbers, so `41.0` is accepted as 41.
pub(crate) fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
    min: u64,
    max: u64,
) -> Result<u64, D::Error> {
    deserializer.deserialize_f64(WholeNumber { min, max })
}

/// What is wrong, and its path relative to the value that is being read.
#[derive(Debug)]
struct Fault {
    path: String,
    reason: String,
}

impl Fault {
    fn here(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    fn at(field: &str, reason: impl Into<String>) -> Self {
        Self { path: field.to_owned(), reason: reason.into() }
    }

    /// This fault with its path relative to the value one level above.
    fn under(mut self, parent: &str) -> Self {
        let is_joined = parent.is_empty() || self.path.is_empty() || self.path.starts_with('[');
        self.path = format!("{parent}{}{}", if is_joined { "" } else { "." }, self.path);
        self
    }
}

impl From<Fault> for Error {
    fn from(Fault { path, reason }: Fault) -> Self {
        if path.is_empty() {
            Self::BadRequest(format!("the request {reason}").into())
        } else {
            Self::invalid(&path, reason)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.reason)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::here(Error::as_reason(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::here(format!("must be {}, not {}", in_json(expected), kind(found)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::here(format!("must be {}", in_json(expected)))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::here(format!("must be {}", in_json(expected)))
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        Self::here(format!("must be one of {}", variants.join(", ")))
    }

    fn unknown_field(field: &str, fields: &'static [&'static str]) -> Self {
        let known = fields.join(", ");
        let known = if known.is_empty() { "there are none".to_owned() } else { format!("known are {known}") };
        Self::at(field, format!("is not a known field; {known}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::at(field, "is missing")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::at(field, "must be given once")
    }
}

/// The expected type, in the terms of JSON.
fn in_json(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            "a whole number".to_owned()
        }
        "f32" | "f64" | "a JSON number" => "a number".to_owned(),
        "a map" => "an object".to_owned(),
        "a sequence" => "a list".to_owned(),
        _ if text.starts_with("struct ") => "an object".to_owned(),
        _ => text,
    }
}

/// The type that was found, in the terms of JSON.
const fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "something else",
    }
}

/// A value as a deserializer.
struct Node(Value);

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (None, Some(number), _) => visitor.visit_i64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(values) => visitor.visit_seq(Elements(values.into_iter().enumerate())),
            Value::Object(fields) => visitor.visit_map(Entries { rest: fields.into_iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(variant.into_deserializer()),
            _ => Err(de::Error::unknown_variant("", variants)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// The elements of a list, as they are read.
struct Elements(std::iter::Enumerate<std::vec::IntoIter<Value>>);

impl<'de> SeqAccess<'de> for Elements {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((index, value)) = self.0.next() else { return Ok(None) };
        seed.deserialize(Node(value)).map(Some).map_err(|fault| fault.under(&format!("[{index}]")))
    }
}

/// The fields of an object, as they are read.
struct Entries {
    rest: serde_json::map::IntoIter,
    /// The field whose name has been read and whose value has not.
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        let name_of = seed.deserialize(name.clone().into_deserializer());
        self.value = Some((name, value));
        name_of.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Node(value)).map_err(|fault| fault.under(&name))
    }
}

/// The visitor of [`whole_number`].
struct WholeNumber {
    min: u64,
    max: u64,
}

impl WholeNumber {
    fn check<E: de::Error>(&self, number: u64) -> Result<u64, E> {
        if (self.min..=self.max).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), self))
        }
    }
}

impl Visitor<'_> for WholeNumber {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.min, self.max)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        self.check(number)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        let whole = u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))?;
        self.check(whole)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is whole and not negative, and one that is too large saturates"
    )]
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
        if number >= 0.0 && number.fract() == 0.0 {
            self.check(number as u64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }
}

#[cfg(test)]
mod tests;
