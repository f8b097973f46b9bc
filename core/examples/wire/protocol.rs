//! The schemas of everything that travels, for readers who do not know Rust.

use funnelcast_core::{
    RequestId,
    bus::DetailType,
    chat_event::ChatEvent,
    event::EventName,
    frame::{ErrorBody, Event},
    grant::Capability,
    http_api::{GatewayRefusal, OPERATIONS, Refusal},
    identity::Role,
    schema,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings, transform::Transform};
use serde_json::{Map, Value};

use crate::{
    Failure,
    tidy::{Nulls, Tidy, open, tagged},
};

/// The place of the definitions in a document. The last part of a reference is the name of the type.
pub(crate) const DEFINITIONS: &str = "/components/schemas";

/// Which types are collected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of the WebSocket's frames.
    Frames,
    /// Those of the HTTP API, the bus and tokens too.
    Everything,
}

/// Everything that travels.
pub(crate) struct Protocol {
    /// The schema of every type that is referred to, by its name.
    pub(crate) definitions: Map<String, Value>,
    /// The caller's reference for a request.
    pub(crate) request_id: Value,
    /// Every action.
    pub(crate) actions: Vec<Action>,
    /// The `data` of every event.
    pub(crate) payloads: Vec<Payload>,
    /// The `data` of every event that a client may publish, as the client sends it.
    pub(crate) drafts: Vec<Payload>,
    /// The details of the bus that are not the `data` of an event, each with a reference to its type. Empty within [`Scope::Frames`].
    pub(crate) details: Vec<(DetailType, Value)>,
    /// References to the types of the HTTP API's requests that are no actions, and of its replies. Empty within
    /// [`Scope::Frames`].
    pub(crate) http: Vec<HttpTypes>,
}

/// The types of an operation of the HTTP API.
pub(crate) struct HttpTypes {
    /// The operation's name.
    pub(crate) id: &'static str,
    /// Its method and path.
    pub(crate) place: String,
    /// A reference to the type of its request, where that is no action's.
    pub(crate) request: Option<Value>,
    /// A reference to the type of its reply; `None` where it redirects.
    pub(crate) reply: Option<Value>,
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
    /// Collects the schemas from the types.
    pub(crate) fn new(scope: Scope) -> Result<Self, Failure> {
        let mut sent = generator(schema::sent());
        let mut received = generator(schema::received());
        let mut tidy = Tidy::new(Nulls::Dropped);
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
        let (mut details, mut http) = (Vec::new(), Vec::new());
        if scope == Scope::Everything {
            for of in DetailType::ALL.into_iter().filter(|of| !is_payload(*of)) {
                details.push((of, (schema::detail(of).reference)(&mut sent).to_value()));
            }
            http = http_types(&mut sent, &mut received);
            received.subschema_for::<ChatEvent>();
            received.subschema_for::<Refusal>();
            received.subschema_for::<GatewayRefusal>();
            received.subschema_for::<Role>();
            received.subschema_for::<Capability>();
        }
        let mut definitions = received.take_definitions(false);
        definitions.values_mut().for_each(open);
        merge(&mut definitions, sent.take_definitions(false))?;
        for definition in definitions.values_mut() {
            tidy.transform(definition.try_into()?);
        }
        // `schemars` does not see `#[serde(tag)]` of a struct.
        let event = definitions.get_mut("Event").ok_or("no Event")?;
        *event = tagged("event", event);
        let request_id = RequestId::json_schema(&mut received).to_value();
        Ok(Self { definitions, request_id, actions, payloads, drafts, details, http })
    }

    /// The schema that a reference refers to.
    pub(crate) fn definition(&self, reference: &Value) -> Result<&Value, Failure> {
        let name = type_name(reference).ok_or_else(|| format!("no reference: {reference}"))?;
        self.definitions.get(name).ok_or_else(|| format!("no schema of {name}").into())
    }

    /// The documentation of an event's name.
    pub(crate) fn about_event(&self, name: &str) -> Option<String> {
        let names = self.definitions.get("EventName")?["oneOf"].as_array()?;
        names.iter().find(|one| one["const"] == name)?["description"].as_str().map(str::to_owned)
    }
}

/// Whether the detail is the `data` of the event that it publishes.
fn is_payload(of: DetailType) -> bool {
    of.event().is_some_and(|event| (schema::payload(event).name)() == (schema::detail(of).name)())
}

/// The name of an event on the wire.
pub(crate) fn name_of(event: EventName) -> Result<String, Failure> {
    Ok(serde_json::from_value(serde_json::to_value(event)?)?)
}

/// The name of the type that a schema refers to.
pub(crate) fn type_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

pub(crate) fn generator(mut settings: SchemaSettings) -> SchemaGenerator {
    settings.definitions_path = DEFINITIONS.into();
    settings.into_generator()
}

/// The types of the HTTP API.
fn http_types(sent: &mut SchemaGenerator, received: &mut SchemaGenerator) -> Vec<HttpTypes> {
    let actions: Vec<_> = schema::actions().iter().map(|action| (action.fields.name)()).collect();
    let types = OPERATIONS.iter().map(|operation| {
        let own = operation.request.filter(|request| !actions.contains(&(request.name)()));
        HttpTypes {
            id: operation.id,
            place: format!("{} {}", operation.method.as_str(), operation.path),
            request: own.map(|request| (request.reference)(sent).to_value()),
            reply: operation.reply.map(|reply| (reply.reference)(received).to_value()),
        }
    });
    types.collect()
}

/// Adds definitions to others.
pub(crate) fn merge(all: &mut Map<String, Value>, more: Map<String, Value>) -> Result<(), Failure> {
    for (name, definition) in more {
        match all.get(&name) {
            Some(other) if *other != definition => {
                return Err(format!("`{name}` is one thing when sent and another when received").into());
            }
            _ => all.insert(name, definition),
        };
    }
    Ok(())
}
