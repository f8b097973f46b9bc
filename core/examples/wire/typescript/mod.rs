//! The client's `src/wire.ts`: the schemas as TypeScript types, and the limits as constants.
//!
//! It understands the forms of schemas that the types of core have. Any other form is an error, so that nothing is left out.

mod sections;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    Failure,
    layout::{Field, Presence, Source, Variant, quoted},
    protocol::{Payload, Protocol, type_name},
};

const HEAD: &str = r"/**
 * What travels: the types of every frame, of the HTTP API, of the event bus and of tokens, and the limits of their fields. Types
 * add nothing to a bundle, and a bundler keeps only the constants that are used.
 *
 * Generated from the Rust crate `funnelcast-core` by `make types`: change it there.
 *
 * @module
 */
";

const REPLY: &str = r"
/** The reply to a request. */
export type Reply =
  | { type: 'reply'; id?: string; ok: true; data: unknown }
  | { type: 'reply'; id?: string; ok: false; error: ErrorBody };

/** Several events in one frame, in the order in which they happened. */
export interface Batch {
  type: 'batch';
  events: WireEvent[];
}

/** Every frame of the server. API Gateway itself may send a frame without `type`. */
export type ServerFrame = Reply | WireEvent | Batch;
";

/// The whole file.
pub(crate) fn write(protocol: &Protocol) -> Result<String, Failure> {
    let mut file = File { protocol, declared: BTreeSet::new(), source: Source::default() };
    file.source.text(HEAD);
    file.declare("Timestamp")?;
    file.declare("Seq")?;
    file.source.section("channels")?;
    file.channels()?;
    file.source.section("events")?;
    file.declare("Event")?;
    let about = |payload: &Payload| protocol.about_event(&payload.name);
    file.map("EventData", "The payload of each event.", &protocol.payloads, about)?;
    file.source.alias("EventName", Some("The name of an event."), "keyof EventData")?;
    for payload in &protocol.payloads {
        file.declare_all(&payload.data)?;
    }
    file.source.section("what a client may publish")?;
    let about = "The drafts of the events that a client may publish. The server adds the sender, the channel and the time.";
    file.map("ClientDrafts", about, &protocol.drafts, |_| None)?;
    for draft in &protocol.drafts {
        file.declare_all(&draft.data)?;
    }
    file.source.section("requests and replies")?;
    file.actions()?;
    file.source.section("frames")?;
    file.declare("ErrorBody")?;
    file.source.text(REPLY);
    file.source.section("the HTTP API")?;
    file.http()?;
    file.source.section("the event bus")?;
    file.bus()?;
    file.source.section("tokens")?;
    file.declare("Role")?;
    file.declare("Capability")?;
    file.source.section("limits")?;
    file.limits()?;
    Ok(file.source.into_string())
}

/// The file, as it is written.
struct File<'a> {
    protocol: &'a Protocol,
    /// The names of the types that have been declared.
    declared: BTreeSet<String>,
    source: Source,
}

impl File<'_> {
    /// Declares a type, and then what it refers to.
    fn declare(&mut self, name: &str) -> Result<(), Failure> {
        // The names of events are the keys of `EventData`.
        if name == "EventName" || !self.declared.insert(name.to_owned()) {
            return Ok(());
        }
        let schema = self.protocol.definitions.get(name).ok_or_else(|| format!("no schema of {name}"))?;
        let about = schema["description"].as_str();
        if name == "Event" {
            let mut event = schema.clone();
            event["properties"]["event"]["x-type"] = "Name".into();
            event["properties"]["data"]["x-type"] = "EventData[Name]".into();
            self.interface("WireEvent<Name extends EventName = EventName>", &event)?;
        } else if name == "ChatEvent" {
            let mut detail = schema.clone();
            detail["properties"]["event"]["x-type"] = "WireEvent<ChatEvents[Type]>".into();
            self.interface("ChatEvent<Type extends keyof ChatEvents = keyof ChatEvents>", &detail)?;
        } else if schema["type"] == "object" {
            self.interface(name, schema)?;
        } else if let Some(variants) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            let variants = variants
                .iter()
                .map(|variant| Ok(Variant { about: described(variant), type_: type_of(variant)? }));
            self.source.union(name, about, &variants.collect::<Result<Vec<_>, Failure>>()?)?;
        } else {
            self.source.alias(name, about, &type_of(schema)?)?;
        }
        self.declare_all(schema)
    }

    /// Declares all that a schema refers to.
    fn declare_all(&mut self, schema: &Value) -> Result<(), Failure> {
        match schema {
            Value::Object(object) => {
                if let Some(name) = type_name(schema) {
                    self.declare(name)?;
                }
                object.values().try_for_each(|part| self.declare_all(part))
            }
            Value::Array(parts) => parts.iter().try_for_each(|part| self.declare_all(part)),
            _ => Ok(()),
        }
    }

    fn interface(&mut self, name: &str, object: &Value) -> Result<(), Failure> {
        let required: Vec<_> = object["required"].as_array().into_iter().flatten().collect();
        let fields = object["properties"].as_object().into_iter().flatten().map(|(name, schema)| {
            let is_required = required.iter().any(|one| *one == name);
            let presence = if is_required { Presence::Required } else { Presence::Optional };
            let (about, type_) = (described(schema), type_of(schema)?);
            Ok(Field { about, name: name.clone(), presence, type_ })
        });
        let fields = fields.collect::<Result<Vec<_>, Failure>>()?;
        Ok(self.source.interface(name, object["description"].as_str(), &fields)?)
    }
}

/// The documentation of a field, with its limits.
fn described(schema: &Value) -> Option<String> {
    let about = schema["description"].as_str()?;
    let limits = ["minimum", "maximum", "minLength", "maxLength"].map(|limit| schema[limit].as_u64());
    Some(match limits {
        [Some(min), Some(max), ..] => format!("{about} {min} to {max}."),
        // An id has a shape rather than a length.
        [.., Some(min), Some(max)] if schema["pattern"].is_null() && !about.contains("bytes") => {
            format!("{about} {min} to {max} bytes.")
        }
        _ => about.to_owned(),
    })
}

/// The text of a type.
fn type_of(schema: &Value) -> Result<String, Failure> {
    if let Some(own) = schema["x-type"].as_str() {
        return Ok(own.to_owned());
    }
    if let Some(name) = type_name(schema) {
        // A page has an `Event` of its own.
        return Ok(if name == "Event" { "WireEvent" } else { name }.to_owned());
    }
    if let Some(one) = schema["const"].as_str() {
        return Ok(quoted(one));
    }
    Ok(match schema["type"].as_str() {
        Some("string") => "string".to_owned(),
        Some("number" | "integer") => "number".to_owned(),
        Some("boolean") => "boolean".to_owned(),
        Some("array") => format!("{}[]", type_of(&schema["items"])?),
        Some("object") if schema["additionalProperties"] == true => "Record<string, unknown>".to_owned(),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("Record<string, {}>", type_of(&schema["additionalProperties"])?)
        }
        // A schema that has only a description allows any value.
        None if schema.as_object().is_some_and(|all| all.keys().all(|key| key == "description")) => {
            "unknown".to_owned()
        }
        _ => return Err(format!("this has no TypeScript yet: {schema}").into()),
    })
}
