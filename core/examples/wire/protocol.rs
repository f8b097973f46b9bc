//! The schemas of all that travels, made fit for readers who know no Rust.

use std::collections::BTreeMap;

use funnelcast_core::{
    RequestId,
    event::{CONTENT_BYTES_MAX, EventName, METADATA_BYTES_MAX, SIGNAL_BYTES_MAX},
    frame::{BATCH_BYTES_MAX, ErrorBody, Event},
    schema,
};
use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

use crate::Failure;

/// Where the definitions are in the document; a reference's last part is the type's name.
const DEFINITIONS: &str = "/components/schemas";

/// All that travels.
pub(crate) struct Protocol {
    /// The schema of every type that is referred to, by its name.
    pub(crate) definitions: Map<String, Value>,
    /// The caller's own reference for a request.
    pub(crate) request_id: Value,
    /// Every action.
    pub(crate) actions: Vec<Action>,
    /// The `data` of every event.
    pub(crate) payloads: Vec<Payload>,
    /// The `data` of every event that a client may publish, as the client sends it.
    pub(crate) drafts: Vec<Payload>,
}

/// An action.
pub(crate) struct Action {
    /// The value of `action`.
    pub(crate) name: &'static str,
    /// An object: the action's own fields.
    pub(crate) fields: Value,
    /// A reference to the type of its reply's `data`.
    pub(crate) reply: Value,
}

/// What an event carries.
pub(crate) struct Payload {
    /// Which event.
    pub(crate) event: EventName,
    /// Its name on the wire.
    pub(crate) name: String,
    /// A reference to the type of its `data`.
    pub(crate) data: Value,
}

impl Protocol {
    /// Asks the types.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut sent = generator(schema::sent());
        let mut received = generator(schema::received());
        let mut tidy = Tidy::new();
        let mut actions = Vec::new();
        for action in schema::actions() {
            let mut fields = (action.fields.schema)(&mut sent);
            tidy.transform(&mut fields);
            let reply = (action.reply.reference)(&mut received).to_value();
            actions.push(Action { name: action.name, fields: fields.to_value(), reply });
        }
        let (mut payloads, mut drafts) = (Vec::new(), Vec::new());
        for event in schema::events() {
            let name = name_of(event)?;
            let data = (schema::payload(event).reference)(&mut received).to_value();
            payloads.push(Payload { event, name: name.clone(), data });
            if let Some(draft) = schema::draft(event) {
                drafts.push(Payload { event, name, data: (draft.reference)(&mut sent).to_value() });
            }
        }
        received.subschema_for::<Event>();
        received.subschema_for::<ErrorBody>();
        let mut definitions = received.take_definitions(false);
        definitions.values_mut().for_each(open);
        for (name, definition) in sent.take_definitions(false) {
            match definitions.get(&name) {
                Some(other) if *other != definition => {
                    return Err(format!("`{name}` is one thing when sent and another when received").into());
                }
                _ => definitions.insert(name, definition),
            };
        }
        for definition in definitions.values_mut() {
            tidy.transform(definition.try_into()?);
        }
        // `schemars` does not see `#[serde(tag)]` of a struct.
        let event = definitions.get_mut("Event").ok_or("no Event")?;
        *event = tagged("event", event);
        let request_id = RequestId::json_schema(&mut received).to_value();
        Ok(Self { definitions, request_id, actions, payloads, drafts })
    }

    /// What a reference refers to.
    pub(crate) fn definition(&self, reference: &Value) -> Result<&Value, Failure> {
        let name = type_name(reference).ok_or_else(|| format!("no reference: {reference}"))?;
        self.definitions.get(name).ok_or_else(|| format!("no schema of {name}").into())
    }

    /// What the enum of names says of an event.
    pub(crate) fn about_event(&self, name: &str) -> Option<String> {
        let names = self.definitions.get("EventName")?["oneOf"].as_array()?;
        names.iter().find(|one| one["const"] == name)?["description"].as_str().map(str::to_owned)
    }
}

/// The name of an event on the wire.
pub(crate) fn name_of(event: EventName) -> Result<String, Failure> {
    Ok(serde_json::from_value(serde_json::to_value(event)?)?)
}

/// The name of the type that a schema refers to.
pub(crate) fn type_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// An object's schema with `type` before its other fields.
pub(crate) fn tagged(tag: &str, object: &Value) -> Value {
    prefixed(&json!({"properties": {"type": {"type": "string", "const": tag}}, "required": ["type"]}), object)
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

/// What the server sends may have more fields one day, however strict it is about what it gets.
fn open(definition: &mut Value) {
    if definition["additionalProperties"] == false {
        definition.as_object_mut().and_then(|object| object.shift_remove("additionalProperties"));
    }
}

fn generator(mut settings: SchemaSettings) -> SchemaGenerator {
    settings.definitions_path = DEFINITIONS.into();
    settings.into_generator()
}

/// Takes out of a schema what only Rust knows.
struct Tidy {
    /// What the names in the links of the documentation stand for.
    meanings: BTreeMap<String, String>,
}

impl Tidy {
    fn new() -> Self {
        let limits = [
            ("BATCH_BYTES_MAX", BATCH_BYTES_MAX),
            ("CONTENT_BYTES_MAX", CONTENT_BYTES_MAX),
            ("METADATA_BYTES_MAX", METADATA_BYTES_MAX),
            ("SIGNAL_BYTES_MAX", SIGNAL_BYTES_MAX),
        ];
        let limits = limits.map(|(name, limit)| (name.to_owned(), limit.to_string()));
        let actions = schema::actions();
        let actions =
            actions.iter().map(|action| ((action.fields.name)().into_owned(), format!("`{}`", action.name)));
        Self { meanings: limits.into_iter().chain(actions).collect() }
    }

    /// Rustdoc as plain Markdown: paragraphs in one line, and no links.
    fn text(&self, rustdoc: &str) -> String {
        let paragraphs = rustdoc.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        let text = paragraphs.collect::<Vec<_>>().join("\n\n");
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some((before, link)) = rest.split_once("[`") {
            let Some((name, after)) = link.split_once("`]") else { break };
            plain.push_str(before);
            plain.push_str(self.meanings.get(name).unwrap_or(&format!("`{name}`")));
            // A link may say where it leads.
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
        // The width of an integer is no format that JSON Schema knows; the limits say it.
        if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            schema.remove("format");
        }
        absent_not_null(schema);
        transform_subschemas(self, schema);
    }
}

/// A field that may be absent is written down as that, and no more: that `null` is taken for it is nothing to rely on.
fn absent_not_null(object: &mut Schema) {
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
