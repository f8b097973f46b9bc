//! What the wire consists of, for those who write it down: the generator of `docs/asyncapi.yaml` and of the client's
//! types (`examples/wire`), and the test that holds `docs/samples` against the types. Only with the feature `schema`.
//!
//! A type's schema is derived where the type is; here is what no type says: which payload an event has, and which codes
//! there are. All of it is a `match` over an enum, so a new event or error cannot be forgotten.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use crate::action::actions;
use crate::{
    Error,
    event::{
        AccessRevoked, AnalyticsUpdate, ChatDraft, ChatMessage, EventName, FunnelUpdate, Notification,
        Presence, PresenceCount, PresenceDraft, Receipt, ResourceUpdate, Signal, SignalDraft, TypingDraft,
        TypingIndicator, UserNotification,
    },
};

/// What may come on every channel, beside what [`POLICY`](crate::policy::POLICY) says of its kind: it is not published
/// there, but told to the one whom it is about.
pub const ON_EVERY_CHANNEL: EventName = EventName::AccessRevoked;

/// A type of the wire.
#[derive(Debug, Clone, Copy)]
pub struct WireType {
    /// What it is called in Rust.
    pub name: fn() -> Cow<'static, str>,
    /// Its schema in full.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// A reference to its schema, which is kept among the generator's definitions.
    pub reference: fn(&mut SchemaGenerator) -> Schema,
    /// Decodes a value as this type, and encodes what came of it.
    pub again: fn(Value) -> serde_json::Result<Value>,
}

impl WireType {
    /// Of `T`.
    pub fn of<T: JsonSchema + Serialize + DeserializeOwned>() -> Self {
        Self {
            name: T::schema_name,
            schema: T::json_schema,
            reference: SchemaGenerator::subschema_for::<T>,
            again: |value| serde_json::from_value::<T>(value).and_then(serde_json::to_value),
        }
    }
}

/// An action: its name, and the types of its fields and of its reply's `data`.
#[derive(Debug)]
pub struct ActionType {
    /// The value of `action`.
    pub name: &'static str,
    /// Its own fields, beside `action` and `id`.
    pub fields: WireType,
    /// The `data` of its reply.
    pub reply: WireType,
}

/// Settings for what clients send: what they may leave out need not be there.
pub fn sent() -> SchemaSettings {
    SchemaSettings::draft2020_12().for_deserialize()
}

/// Settings for what clients get: what is always there may be relied on.
pub fn received() -> SchemaSettings {
    SchemaSettings::draft2020_12().for_serialize()
}

/// Every event.
pub fn events() -> Vec<EventName> {
    let names = EventName::json_schema(&mut received().into_generator());
    consts(&names).filter_map(|name| serde_json::from_value(name.clone()).ok()).collect()
}

/// The `data` of an event.
pub fn payload(event: EventName) -> WireType {
    match event {
        EventName::ChatMessage => WireType::of::<ChatMessage>(),
        EventName::ChatTyping => WireType::of::<TypingIndicator>(),
        EventName::ChatReceipt => WireType::of::<Receipt>(),
        EventName::Signal => WireType::of::<Signal>(),
        EventName::PresenceJoin | EventName::PresenceLeave | EventName::PresenceUpdate => {
            WireType::of::<Presence>()
        }
        EventName::PresenceCount => WireType::of::<PresenceCount>(),
        EventName::AccessRevoked => WireType::of::<AccessRevoked>(),
        EventName::FunnelUpdate => WireType::of::<FunnelUpdate>(),
        EventName::ResourceUpdate => WireType::of::<ResourceUpdate>(),
        EventName::AnalyticsUpdate => WireType::of::<AnalyticsUpdate>(),
        EventName::SystemNotification => WireType::of::<Notification>(),
        EventName::UserNotification => WireType::of::<UserNotification>(),
    }
}

/// What a client sends as the `data` of an event; nothing for those that no client may publish anywhere.
pub fn draft(event: EventName) -> Option<WireType> {
    match event {
        EventName::ChatMessage => Some(WireType::of::<ChatDraft>()),
        EventName::ChatTyping => Some(WireType::of::<TypingDraft>()),
        EventName::Signal => Some(WireType::of::<SignalDraft>()),
        EventName::PresenceUpdate => Some(WireType::of::<PresenceDraft>()),
        _ => None,
    }
}

/// The codes of errors, as a schema: the names of [`Error`]'s variants, with what each is for.
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
        json_schema!({"description": "What programs read of a refusal.", "oneOf": codes.collect::<Vec<_>>()})
    }
}

/// Every code of an error.
pub fn codes() -> Vec<String> {
    let codes = ErrorCode::json_schema(&mut received().into_generator());
    consts(&codes).filter_map(|code| Some(code.as_str()?.to_owned())).collect()
}

fn variants(schema: &Schema) -> impl Iterator<Item = &Value> {
    schema.get("oneOf").and_then(Value::as_array).into_iter().flatten()
}

fn consts(schema: &Schema) -> impl Iterator<Item = &Value> {
    variants(schema).filter_map(|variant| variant.get("const"))
}
