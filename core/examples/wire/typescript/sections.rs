//! The sections of the file: what is in each of them.

use std::collections::BTreeMap;

use funnelcast_core::{
    bus::DetailType,
    channel::Kind,
    chat_event::ChatEventType,
    http_api::OPERATIONS,
    policy::{ChannelPolicy, POLICY},
    schema::{self, ON_EVERY_CHANNEL},
};
use schemars::JsonSchema as _;
use serde_json::Value;

use super::{File, type_of};
use crate::{
    Failure, json_schema,
    layout::{Field, Presence, Variant, quoted},
    protocol::{Payload, generator, name_of},
    tidy::{Nulls, Tidy},
};

impl File<'_> {
    pub(super) fn channels(&mut self) -> Result<(), Failure> {
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
    pub(super) fn map(
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

    pub(super) fn actions(&mut self) -> Result<(), Failure> {
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

    pub(super) fn http(&mut self) -> Result<(), Failure> {
        let entries = self.protocol.http.iter().filter_map(|types| {
            let reply = types.reply.as_ref()?;
            let place = Some(format!("`{}`", types.place));
            Some(type_of(reply).map(|reply| entry(types.id, place, reply)))
        });
        let about = "The body of the reply to each operation of the HTTP API, by its `operationId`.";
        let entries = entries.collect::<Result<Vec<_>, Failure>>()?;
        self.source.interface("HttpReplies", Some(about), &entries)?;
        for types in &self.protocol.http {
            types.request.iter().chain(&types.reply).try_for_each(|of| self.declare_all(of))?;
        }
        self.declare("Refusal")?;
        self.declare("GatewayRefusal")
    }

    pub(super) fn bus(&mut self) -> Result<(), Failure> {
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
        self.protocol.details.iter().try_for_each(|(_, detail)| self.declare_all(detail))?;
        self.chat_events()
    }

    /// What a backend hears.
    fn chat_events(&mut self) -> Result<(), Failure> {
        let types = ChatEventType::json_schema(&mut generator(schema::received())).to_value();
        let about = |of: ChatEventType| {
            let all = types["oneOf"].as_array().into_iter().flatten();
            all.into_iter().find(|one| one["const"] == of.as_str())?["description"]
                .as_str()
                .map(|about| about.replace('\n', " "))
        };
        let entries = ChatEventType::ALL
            .into_iter()
            .map(|of| Ok(entry(of.as_str(), about(of), quoted(&name_of(of.event())?))));
        let entries = entries.collect::<Result<Vec<_>, Failure>>()?;
        let doc = "The event that the detail of each event about a conversation has, by its detail-type.";
        self.source.interface("ChatEvents", Some(doc), &entries)?;
        self.declare("ChatEvent")
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

    pub(super) fn limits(&mut self) -> Result<(), Failure> {
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
