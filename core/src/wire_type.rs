//! What the schemas of this crate are made of: the types of the wire as values, and the limits. Compiled only with the feature
//! `schema`, whose lists are in [`schema`](crate::schema).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::Error;

/// A type of the wire, as the functions that the generator needs of it.
#[derive(Debug, Clone, Copy)]
pub struct WireType {
    /// The name of the type in Rust.
    pub name: fn() -> Cow<'static, str>,
    /// The schema in full.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// A reference to the schema, which is kept among the generator's definitions.
    pub reference: fn(&mut SchemaGenerator) -> Schema,
    /// Decodes a value as this type, and encodes the result.
    pub again: fn(Value) -> serde_json::Result<Value>,
}

impl WireType {
    /// The functions of `T`.
    pub const fn of<T: JsonSchema + Serialize + DeserializeOwned>() -> Self {
        Self {
            name: T::schema_name,
            schema: T::json_schema,
            reference: SchemaGenerator::subschema_for::<T>,
            again: |value| serde_json::from_value::<T>(value).and_then(serde_json::to_value),
        }
    }
}

/// An action: its name, and the types of its fields and of the `data` of its reply.
#[derive(Debug)]
pub struct ActionType {
    /// The value of `action`.
    pub name: &'static str,
    /// The action's own fields, beside `action` and `id`.
    pub fields: WireType,
    /// The `data` of its reply.
    pub reply: WireType,
}

/// A limit that clients check too.
#[derive(Debug)]
pub struct Limit {
    /// The name of the constant, in Rust and in TypeScript.
    pub name: &'static str,
    /// The documentation of the constant.
    pub about: &'static str,
    /// The limit.
    pub value: u64,
}

/// The codes of errors, as a schema: the names of the variants of [`Error`], with the documentation of each.
#[derive(Debug)]
pub enum ErrorCode {}

impl JsonSchema for ErrorCode {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let error = Error::json_schema(generator);
        let codes = variants(&error).filter_map(|variant| {
            // A variant with a field is an object whose one property is the variant's name.
            let name = variant.get("const").or_else(|| variant.get("required")?.get(0))?;
            Some(json_schema!({"description": variant.get("description"), "type": "string", "const": name}))
        });
        json_schema!({"description": "The code of an error, for programs.", "oneOf": codes.collect::<Vec<_>>()})
    }
}

pub(crate) fn variants(schema: &Schema) -> impl Iterator<Item = &Value> {
    schema.get("oneOf").and_then(Value::as_array).into_iter().flatten()
}
