//! The client's `src/wire.ts`: the schemas as TypeScript.
//!
//! Only what the schemas of the wire use is understood. Anything else is an error, so that nothing is left out in silence.

use std::collections::BTreeSet;

use funnelcast_core::{
    channel::Kind,
    policy::{POLICY, Row},
    schema::ON_EVERY_CHANNEL,
};
use serde_json::Value;

use crate::{
    Failure,
    layout::{Field, Presence, Source, Variant, quoted},
    protocol::{Payload, Protocol, name_of, type_name},
};

const HEAD: &str = r"/**
 * What travels: the types of every frame. Types only, so that this file weighs nothing.
 *
 * Made from the Rust crate `funnelcast-core` by `make types`. What is wrong here is mended there.
 *
 * @module
 */
";

const REPLY: &str = r"
/** The answer to a request. */
export type Reply =
  | { type: 'reply'; id?: string; ok: true; data: unknown }
  | { type: 'reply'; id?: string; ok: false; error: ErrorBody };

/** Several events in one frame, in the order in which they happened. */
export interface Batch {
  type: 'batch';
  events: WireEvent[];
}

/** Whatever the server sends. API Gateway itself may send a frame that has no `type`. */
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
    let about = "The drafts of the events that a client may publish; the server adds who, where and when.";
    file.map("ClientDrafts", about, &protocol.drafts, |_| None)?;
    for draft in &protocol.drafts {
        file.declare_all(&draft.data)?;
    }
    file.source.section("requests and replies")?;
    file.actions()?;
    file.source.section("frames")?;
    file.declare("ErrorBody")?;
    file.source.text(REPLY);
    Ok(file.source.into_string())
}

/// The file, as far as it is written.
struct File<'a> {
    protocol: &'a Protocol,
    /// What has been declared, so that nothing is declared twice.
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
        } else if schema["type"] == "object" {
            self.interface(name, schema)?;
        } else if let Some(variants) = schema["oneOf"].as_array() {
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

    fn channels(&mut self) -> Result<(), Failure> {
        self.declared.insert("Channel".to_owned());
        let about = "A channel: `kind:id`, or `system`. An id is `[A-Za-z0-9_-]{1,64}`.";
        let kinds = POLICY.iter().map(|row| Variant { about: None, type_: channel_type(row.kind) });
        self.source.union("Channel", Some(about), &kinds.collect::<Vec<_>>())?;
        let about =
            "The names of the events that may come on a channel, by its kind: its name up to the colon.";
        self.by_kind("ChannelEvents", about, |row| {
            let own = row.events.iter().map(|(event, _)| *event);
            own.chain([ON_EVERY_CHANNEL]).map(name_of).collect()
        })?;
        let about = "The names of the events that a client may publish on a channel, by its kind.";
        self.by_kind("ChannelDrafts", about, |row| row.client_events.iter().copied().map(name_of).collect())
    }

    /// An interface with a field for every kind of channel.
    fn by_kind(
        &mut self,
        name: &str,
        about: &str,
        names: impl Fn(&Row) -> Result<Vec<String>, Failure>,
    ) -> Result<(), Failure> {
        let fields = POLICY.iter().map(|row| {
            let names: Vec<_> = names(row)?.iter().map(|name| quoted(name)).collect();
            let type_ = if names.is_empty() { "never".to_owned() } else { names.join(" | ") };
            Ok(entry(row.kind.as_str(), None, type_))
        });
        Ok(self.source.interface(name, Some(about), &fields.collect::<Result<Vec<_>, Failure>>()?)?)
    }

    /// An interface with a field for every event.
    fn map(
        &mut self,
        name: &str,
        about: &str,
        payloads: &[Payload],
        about_each: impl Fn(&Payload) -> Option<String>,
    ) -> Result<(), Failure> {
        let fields = payloads
            .iter()
            .map(|payload| Ok(entry(&payload.name, about_each(payload), type_of(&payload.data)?)));
        Ok(self.source.interface(name, Some(about), &fields.collect::<Result<Vec<_>, Failure>>()?)?)
    }

    fn actions(&mut self) -> Result<(), Failure> {
        let entries = self.protocol.actions.iter().map(|action| {
            let (fields, reply) = (fields_name(action.name), type_of(&action.reply)?);
            Ok(entry(action.name, None, format!("{{ fields: {fields}; reply: {reply} }}")))
        });
        let about = "Every action: the fields of its request, and the `data` of its reply.";
        let entries = entries.collect::<Result<Vec<_>, Failure>>()?;
        self.source.interface("Actions", Some(about), &entries)?;
        self.source.alias("ActionName", Some("The name of an action."), "keyof Actions")?;
        for action in &self.protocol.actions {
            let mut name = fields_name(action.name);
            let mut fields = action.fields.clone();
            if action.name == "send" {
                name += "<Name extends keyof ClientDrafts = keyof ClientDrafts>";
                let publishing = POLICY.iter().filter(|row| !row.client_events.is_empty());
                let channels: Vec<_> = publishing.map(|row| channel_type(row.kind)).collect();
                let fields = &mut fields["properties"];
                fields["channel"]["x-type"] = channels.join(" | ").into();
                fields["event"]["x-type"] = "Name".into();
                fields["data"]["x-type"] = "ClientDrafts[Name]".into();
            }
            self.interface(&name, &fields)?;
            self.declare_all(&fields)?;
            self.declare_all(&action.reply)?;
        }
        Ok(())
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

fn entry(name: &str, about: Option<String>, type_: String) -> Field {
    Field { about, name: name.to_owned(), presence: Presence::Required, type_ }
}

/// `JoinFields` of `join`.
fn fields_name(action: &str) -> String {
    let (first, rest) = action.split_at(1);
    format!("{}{rest}Fields", first.to_uppercase())
}

/// The names of the channels of a kind.
fn channel_type(kind: Kind) -> String {
    let name = kind.as_str();
    if kind.has_id() { format!("`{name}:${{string}}`") } else { quoted(name) }
}

/// What is said of a field, and its limits.
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

/// A type as it stands in a field.
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
        // What says only what it is about is any value.
        None if schema.as_object().is_some_and(|all| all.keys().all(|key| key == "description")) => {
            "unknown".to_owned()
        }
        _ => return Err(format!("this has no TypeScript yet: {schema}").into()),
    })
}
