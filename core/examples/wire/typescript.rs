//! The client's `src/wire.ts`: the schemas as TypeScript types, and the limits as constants.
//!
//! It understands the forms of schemas that the types of core have. Any other form is an error, so that nothing is left out.

use std::collections::{BTreeMap, BTreeSet};

use funnelcast_core::{
    bus::DetailType,
    channel::Kind,
    http_api::OPERATIONS,
    policy::{ChannelPolicy, POLICY},
    schema::{self, ON_EVERY_CHANNEL},
};
use serde_json::Value;

use crate::{
    Failure, json_schema,
    layout::{Field, Presence, Source, Variant, quoted},
    protocol::{Payload, Protocol, name_of, type_name},
    tidy::{Nulls, Tidy},
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
        names: impl Fn(&ChannelPolicy) -> Result<Vec<String>, Failure>,
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

    fn http(&mut self) -> Result<(), Failure> {
        let entries = self
            .protocol
            .http
            .iter()
            .map(|types| Ok(entry(types.id, Some(format!("`{}`", types.place)), type_of(&types.reply)?)));
        let about = "The body of the reply to each operation of the HTTP API, by its `operationId`.";
        let entries = entries.collect::<Result<Vec<_>, Failure>>()?;
        self.source.interface("HttpReplies", Some(about), &entries)?;
        for types in &self.protocol.http {
            types.request.iter().try_for_each(|request| self.declare_all(request))?;
            self.declare_all(&types.reply)?;
        }
        self.declare("Refusal")?;
        self.declare("GatewayRefusal")
    }

    fn bus(&mut self) -> Result<(), Failure> {
        let about = "A payload of which some fields may be left out, because they have defaults.";
        let type_ = "Omit<T, Name> & Partial<Pick<T, Name>>";
        self.source.alias("WithDefaults<T, Name extends keyof T>", Some(about), type_)?;
        let entries = DetailType::ALL.into_iter().map(|of| {
            let own = self.protocol.details.iter().find(|(own, _)| *own == of);
            let type_ = match own {
                Some((_, type_)) => type_of(type_)?,
                None => self.published(of)?,
            };
            Ok(entry(of.as_str(), None, type_))
        });
        let entries = entries.collect::<Result<Vec<_>, Failure>>()?;
        let about = "The detail of each event that a backend puts on the event bus, by its detail-type.";
        self.source.interface("BusDetails", Some(about), &entries)?;
        self.protocol.details.iter().try_for_each(|(_, detail)| self.declare_all(detail))
    }

    /// The type of a detail that publishes an event.
    fn published(&self, of: DetailType) -> Result<String, Failure> {
        let name = (schema::detail(of).name)();
        let payload = self.protocol.definitions.get(&*name).ok_or_else(|| format!("no schema of {name}"))?;
        let needed = json_schema::required(of)?;
        let names = payload["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let optional = names.filter(|name| !needed.iter().any(|one| one == name)).map(quoted);
        Ok(format!("WithDefaults<{name}, {}>", optional.collect::<Vec<_>>().join(" | ")))
    }

    fn limits(&mut self) -> Result<(), Failure> {
        let tidy = Tidy::new(Nulls::Dropped);
        for limit in schema::limits() {
            self.source.constant(limit.name, &tidy.text(limit.about.trim()), &limit.value.to_string())?;
        }
        for pattern in schema::patterns() {
            let schema = (pattern.of.schema)(&mut schema::sent().into_generator()).to_value();
            let text =
                schema["pattern"].as_str().ok_or_else(|| format!("{} has no pattern", pattern.name))?;
            let bounds = [&schema["minLength"], &schema["maxLength"]].map(Value::as_u64);
            let text = match bounds {
                [Some(min), Some(max)] => text.replace("+$", &format!("{{{min},{max}}}$")),
                _ => text.to_owned(),
            };
            self.source.constant(pattern.name, pattern.about, &format!("/{text}/"))?;
        }
        let mut routes = BTreeMap::<_, Vec<_>>::new();
        for operation in &OPERATIONS {
            routes.entry(operation.path).or_default().push(quoted(operation.method.as_str()));
        }
        let routes = routes
            .into_iter()
            .map(|(path, methods)| format!("  {}: [{}],\n", quoted(path), methods.join(", ")));
        let routes = format!("{{\n{}}} as const", routes.collect::<String>());
        Ok(self.source.constant(
            "HTTP_ROUTES",
            "The paths of the HTTP API, and the methods of each.",
            &routes,
        )?)
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
        // A schema that has only a description allows any value.
        None if schema.as_object().is_some_and(|all| all.keys().all(|key| key == "description")) => {
            "unknown".to_owned()
        }
        _ => return Err(format!("this has no TypeScript yet: {schema}").into()),
    })
}
