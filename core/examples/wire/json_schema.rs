//! JSON Schemas for those who validate events themselves: docs/schemas/events, one for each event, docs/schemas/bus, one for each
//! detail-type of a backend, and docs/schemas/chat, one for each detail-type that a backend hears. Each file can be used alone.

use funnelcast_core::{
    bus::DetailType,
    chat_event::{ChatEvent, ChatEventType},
    event::EventName,
    frame::Event,
    schema::{self, WireType},
};
use schemars::{SchemaGenerator, transform::Transform};
use serde_json::{Map, Value, json};

use crate::{
    Failure,
    protocol::name_of,
    tidy::{Nulls, Tidy, open, tagged},
};

/// The folder of all of them.
pub(crate) const FOLDER: &str = "docs/schemas";

/// Every file: its name, and its text.
pub(crate) fn write() -> Result<Vec<(String, String)>, Failure> {
    let mut files = Vec::new();
    for event in schema::events() {
        files.push((format!("{FOLDER}/events/{}.json", name_of(event)?), pretty(&event_schema(event)?)?));
    }
    for of in DetailType::ALL {
        files.push((format!("{FOLDER}/bus/{}.json", of.as_str()), pretty(&detail_schema(of)?)?));
    }
    for of in ChatEventType::ALL {
        files.push((format!("{FOLDER}/chat/{}.json", of.as_str()), pretty(&chat_event_schema(of)?)?));
    }
    Ok(files)
}

fn pretty(schema: &Value) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

/// An event as clients receive it, with the type of its `data`.
fn event_schema(event: EventName) -> Result<Value, Failure> {
    let mut generator = schema::received().into_generator();
    let frame = frame(event, &mut generator)?;
    root(&name_of(event)?, frame, open_definitions(generator)?)
}

/// A detail that a backend hears, with the event in it.
fn chat_event_schema(of: ChatEventType) -> Result<Value, Failure> {
    let mut generator = schema::received().into_generator();
    let mut detail = (WireType::of::<ChatEvent>().schema)(&mut generator).to_value();
    detail["properties"]["event"] = frame(of.event(), &mut generator)?;
    open(&mut detail);
    let mut definitions = open_definitions(generator)?;
    definitions.shift_remove("Event"); // it is in place
    root(of.as_str(), detail, definitions)
}

fn frame(event: EventName, generator: &mut SchemaGenerator) -> Result<Value, Failure> {
    let frame = (WireType::of::<Event>().schema)(generator);
    let mut frame = tagged("event", &frame.to_value());
    frame["properties"]["event"] = json!({"type": "string", "const": name_of(event)?});
    frame["properties"]["data"] = (schema::payload(event).reference)(generator).to_value();
    open(&mut frame);
    Ok(frame)
}

/// The types of an event's schema, to which later versions may add fields.
fn open_definitions(generator: SchemaGenerator) -> Result<Map<String, Value>, Failure> {
    let mut definitions = definitions(generator)?;
    definitions.values_mut().for_each(open);
    definitions.shift_remove("EventName"); // the name is a constant here
    Ok(definitions)
}

/// A detail as a backend puts it on the bus.
fn detail_schema(of: DetailType) -> Result<Value, Failure> {
    let mut generator = schema::sent().into_generator();
    let mut detail = (schema::detail(of).schema)(&mut generator).to_value();
    let defaulted = of.event().map_or(&[][..], schema::defaulted);
    if let Some(required) = detail["required"].as_array_mut() {
        required.retain(|name| !defaulted.iter().any(|one| *name == **one));
    }
    root(of.as_str(), detail, definitions(generator)?)
}

fn definitions(mut generator: SchemaGenerator) -> Result<Map<String, Value>, Failure> {
    let mut definitions = generator.take_definitions(false);
    for definition in definitions.values_mut() {
        Tidy::new(Nulls::Dropped).transform(definition.try_into()?);
    }
    Ok(definitions)
}

/// The names of the fields that a detail must have.
pub(crate) fn required(of: DetailType) -> Result<Vec<String>, Failure> {
    Ok(serde_json::from_value(detail_schema(of)?["required"].clone())?)
}

/// A schema that is a file.
fn root(title: &str, mut schema: Value, definitions: Map<String, Value>) -> Result<Value, Failure> {
    Tidy::new(Nulls::Dropped).transform((&mut schema).try_into()?);
    let mut root = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title});
    let all = root.as_object_mut().ok_or("no object")?;
    all.extend(schema.as_object().cloned().unwrap_or_default());
    if !definitions.is_empty() {
        all.insert("$defs".to_owned(), definitions.into());
    }
    Ok(root)
}
