//! Schemas without what only Rust knows: links of rustdoc, widths of integers, and `null` for a field that is absent.

use std::collections::BTreeMap;

use funnelcast_core::{frame::BATCH_BYTES_MAX, schema};
use schemars::{
    Schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::Value;

/// A transformation of schemas.
pub(crate) struct Tidy {
    /// The replacement of each name that documentation links to.
    meanings: BTreeMap<String, String>,
    nulls: Nulls,
}

/// What becomes of `null` as the value of an optional field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// It is left out, because clients should not rely on it.
    Dropped,
    /// It stays, so that a schema allows what the server accepts.
    Kept,
}

impl Tidy {
    pub(crate) fn new(nulls: Nulls) -> Self {
        let batch = ("BATCH_BYTES_MAX".to_owned(), BATCH_BYTES_MAX.to_string());
        let limits = schema::limits().map(|limit| (limit.name.to_owned(), limit.value.to_string()));
        let actions = schema::actions();
        let actions =
            actions.iter().map(|action| ((action.fields.name)().into_owned(), format!("`{}`", action.name)));
        Self { meanings: limits.chain([batch]).chain(actions).collect(), nulls }
    }

    /// Rustdoc as plain Markdown: paragraphs in one line, and no links.
    pub(crate) fn text(&self, rustdoc: &str) -> String {
        let paragraphs = rustdoc.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        let text = paragraphs.collect::<Vec<_>>().join("\n\n");
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some((before, link)) = rest.split_once("[`") {
            let Some((name, after)) = link.split_once("`]") else { break };
            plain.push_str(before);
            plain.push_str(self.meanings.get(name).unwrap_or(&format!("`{name}`")));
            // A link may have an explicit target.
            rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
                Some((_, after)) => after,
                None => after,
            };
        }
        plain + rest
    }
}

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = self.text(description);
        }
        // The width of an integer is no format of JSON Schema; the limits say what matters.
        if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            schema.remove("format");
        }
        if self.nulls == Nulls::Dropped {
            drop_nulls(schema);
        }
        transform_subschemas(self, schema);
    }
}

/// Removes `null` from the types of optional fields.
fn drop_nulls(object: &mut Schema) {
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
    for (_, schema) in properties.iter_mut().filter(|(name, _)| !required.iter().any(|one| one == *name)) {
        if let Some([one, Value::String(null)]) = schema["type"].as_array().map(Vec::as_slice)
            && null == "null"
        {
            schema["type"] = one.clone();
        }
        if let Some([one, null]) = schema["anyOf"].as_array().map(Vec::as_slice)
            && null["type"] == "null"
            && let (Value::Object(one), Value::Object(schema)) = (one.clone(), schema)
        {
            schema.shift_remove("anyOf");
            schema.extend(one);
        }
    }
}

/// Allows unknown fields: what the server sends may have more fields one day, however strict it is about what it accepts.
pub(crate) fn open(definition: &mut Value) {
    if definition["additionalProperties"] == false {
        definition.as_object_mut().and_then(|object| object.shift_remove("additionalProperties"));
    }
}

/// Forbids unknown fields, so that a check against the schema notices a field that is not documented.
pub(crate) fn close(definition: &mut Value) {
    if definition["properties"].is_object() && definition["additionalProperties"].is_null() {
        definition["additionalProperties"] = false.into();
    }
}

/// An object's schema with `type` before its other fields.
pub(crate) fn tagged(tag: &str, object: &Value) -> Value {
    let first =
        serde_json::json!({"properties": {"type": {"type": "string", "const": tag}}, "required": ["type"]});
    prefixed(&first, object)
}

/// An object's schema with the fields of another one before its own.
pub(crate) fn prefixed(first: &Value, object: &Value) -> Value {
    let mut all = object.clone();
    let properties = [first, object].map(|part| part["properties"].as_object().cloned().unwrap_or_default());
    all["properties"] = properties.into_iter().flatten().collect();
    let required = [first, object].map(|part| part["required"].as_array().cloned().unwrap_or_default());
    all["required"] = required.concat().into();
    all
}
