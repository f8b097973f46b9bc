//! Untrusted JSON as plain data.
//!
//! With its feature `raw_value`, `serde_json` reads an object with the key `$serde_json::private::RawValue` as the JSON text in
//! that key's value, and counts the nesting of that text anew. A caller could use this to store a message that is nested
//! deeper than readers accept, so that nobody could read it again. [`Plain`] gives the key no meaning, and `check` refuses
//! it, as it refuses values that are nested too deep.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value, value::RawValue};

use crate::Error;

limits! {
    /// The most levels of nested objects and lists in a value. Parsers stop at 128, and a delivered value is nested some
    /// levels deeper than the one that was sent.
    pub const LEVELS_MAX: usize = 100;
}

/// The prefix of the keys that have a meaning for `serde_json` itself.
const PRIVATE: &str = "$serde_json::private::";

/// A JSON value in which no key has a special meaning.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plain(pub Value);

/// Parses a JSON text.
///
/// # Errors
/// [`Error::BadRequest`] if it is not valid JSON.
pub fn read(text: &[u8]) -> Result<Value, Error> {
    let plain: Result<Plain, _> = serde_json::from_slice(text);
    plain.map(|Plain(value)| value).map_err(|error| Error::from_serde(&error))
}

/// A value as the JSON text in which it is stored and sent.
pub(crate) fn raw(payload: &impl Serialize) -> Result<Box<RawValue>, Error> {
    serde_json::value::to_raw_value(payload).map_err(|error| Error::internal("a payload", &error))
}

/// An object with further fields after its own. Neither may have a field of the other.
///
/// # Errors
/// [`Error::Internal`] if one of them is not an object, or cannot be serialised.
pub fn extended(object: &RawValue, fields: &impl Serialize) -> Result<Box<RawValue>, Error> {
    let not_json = |error| Error::internal("an object to extend", &error);
    let fields = serde_json::value::to_raw_value(fields).map_err(not_json)?;
    let inner = |object: &RawValue| {
        let inner = object.get().strip_prefix('{')?.strip_suffix('}')?.trim();
        Some(inner.to_owned()).filter(|inner| !inner.is_empty())
    };
    let parts: Vec<_> = [object, &*fields].into_iter().filter_map(inner).collect();
    RawValue::from_string(format!("{{{}}}", parts.join(","))).map_err(not_json)
}

/// Checks that a value has no private key and is not nested too deep. The error completes a sentence that begins with the field.
pub(crate) fn check(value: &Value) -> Result<(), String> {
    check_levels(value, LEVELS_MAX)
}

fn check_levels(value: &Value, left: usize) -> Result<(), String> {
    let below = |value: &Value| match left.checked_sub(1) {
        Some(left) => check_levels(value, left),
        None => Err(format!("must be nested at most {LEVELS_MAX} levels deep")),
    };
    match value {
        Value::Array(values) => values.iter().try_for_each(below),
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            if key.starts_with(PRIVATE) {
                return Err(format!("must not have a key that begins with {PRIVATE}"));
            }
            below(value)
        }),
        _ => Ok(()),
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson).map(Self)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Plain(value)) = elements.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((key, Plain(value))) = entries.next_entry::<String, Plain>()? {
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn no_key_has_a_special_meaning() {
        let inner = nested(100).replace('"', "\\\"");
        for key in ["$serde_json::private::RawValue", "\\u0024serde_json::private::RawValue"] {
            let text = format!(r#"{{"a":{{"{key}":"{inner}"}}}}"#);
            let value = read(text.as_bytes()).unwrap();
            assert_eq!(value, json!({"a": {"$serde_json::private::RawValue": nested(100)}}));
            assert!(check(&value).unwrap_err().contains("must not have a key"));
        }
        assert_eq!(check(&json!({"a": "$serde_json::private::RawValue"})), Ok(()), "it is allowed as a text");
    }

    #[test]
    fn an_object_is_extended_by_fields() {
        let extended = |object: &str, fields: Value| {
            let object = RawValue::from_string(object.to_owned()).unwrap();
            extended(&object, &fields).map(|extended| extended.get().to_owned())
        };
        assert_eq!(extended(r#"{"a": {"b": 1} }"#, json!({"c": 2})).unwrap(), r#"{"a": {"b": 1},"c":2}"#);
        assert_eq!(extended("{}", json!({"c": 2})).unwrap(), r#"{"c":2}"#);
        assert_eq!(extended(r#"{"a":1}"#, json!({})).unwrap(), r#"{"a":1}"#);
        assert_eq!(extended("{ }", json!({})).unwrap(), "{}");
    }

    #[test]
    fn at_most_100_levels_are_accepted() {
        let levels = |levels| check(&read(nested(levels).as_bytes()).unwrap());
        assert_eq!(levels(LEVELS_MAX), Ok(()));
        assert!(levels(LEVELS_MAX + 1).unwrap_err().contains("100 levels"));
        assert!(read(nested(200).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn other_texts_are_read_as_by_serde_json(text in r#"[\[\]{}:,"a-c0-9 .e+-]{0,40}"#) {
            let theirs = serde_json::from_str::<Value>(&text).ok();
            prop_assert_eq!(read(text.as_bytes()).ok(), theirs);
        }
    }
}
