//! docs/samples has a sample of every frame and of every operation of the HTTP API. Decoding and encoding a sample gives the same
//! sample, and the schemas describe it as the types do. The documents and the TypeScript client are made from the same samples
//! and schemas.

#![expect(clippy::unwrap_used, reason = "a sample that cannot be read is a test that fails")]

mod documents;
mod http;
mod schemas;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use funnelcast_core::{
    Channel, Error, Identity, RequestId, Seq, Timestamp,
    action::{Send, parse},
    chat_event::{ChatEvent, ChatEventType},
    event::MessageBody,
    frame::{self, Event, Reply, Sender},
    identity::CompaniesBy,
    message::Message,
    policy::{Lane, POLICY},
    publication::{Effect, Publication, References},
    schema::{self, WireType},
};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json, value::RawValue};

const FOLDERS: [&str; 4] = ["requests", "replies", "events", "refusals"];

fn samples(folder: &str) -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/samples").join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

fn names(folder: &str) -> BTreeSet<String> {
    samples(folder).into_keys().collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The name of an event on the wire, which is also the name of its sample.
fn name(event: impl serde::Serialize) -> String {
    serde_json::from_value(serde_json::to_value(event).unwrap()).unwrap()
}

/// A sample, or a part of one, that has a type.
struct Typed {
    of: String,
    type_: WireType,
    settings: SchemaSettings,
    value: Value,
}

/// Every sample, and every part of one, that has a type.
fn typed() -> Vec<Typed> {
    let [requests, replies, events, _] = FOLDERS.map(samples);
    let mut all = Vec::new();
    let mut add = |of: String, type_, settings, value: &Value| {
        all.push(Typed { of, type_, settings, value: value.clone() });
    };
    for action in schema::actions() {
        let reply = &replies[action.name];
        add(format!("replies/{}", action.name), action.reply, schema::received(), &reply["data"]);
        for (name, request) in requests.iter().filter(|(name, _)| name.split('.').next() == Some(action.name))
        {
            assert_eq!(request["action"], action.name);
            let mut fields = request.clone();
            fields.as_object_mut().unwrap().retain(|field, _| field != "action" && field != "id");
            add(format!("requests/{name}"), action.fields, schema::sent(), &fields);
        }
    }
    for event in schema::events() {
        let (of, event_type) = (name(event), WireType::of::<Event>());
        add(format!("events/{of}"), event_type, schema::received(), &events[&of]);
        add(format!("data of events/{of}"), schema::payload(event), schema::received(), &events[&of]["data"]);
        if let Some(draft) = schema::draft(event) {
            let of = format!("send.{of}");
            add(format!("data of requests/{of}"), draft, schema::sent(), &requests[&of]["data"]);
        }
    }
    for (of, detail) in samples("chat-events") {
        assert!(ChatEventType::ALL.iter().any(|one| one.as_str() == of), "{of}");
        add(format!("chat-events/{of}"), WireType::of::<ChatEvent>(), schema::received(), &detail);
    }
    for event in replies["history"]["data"]["events"].as_array().unwrap() {
        let payload = schema::payload(serde_json::from_value(event["event"].clone()).unwrap());
        add("data of replies/history".to_owned(), payload, schema::received(), &event["data"]);
    }
    all.extend(http::typed());
    all.extend(documents::typed_details());
    all
}

#[test]
fn there_is_a_sample_of_every_frame_and_no_other() {
    let [requests, replies, events, refusals] = FOLDERS.map(names);
    let actions: BTreeSet<_> = schema::actions().iter().map(|action| action.name.to_owned()).collect();
    assert_eq!(replies, actions);
    assert_eq!(events, schema::events().into_iter().map(name).collect());
    assert_eq!(refusals, schema::codes().into_iter().collect());
    // An action may have several samples: `history.before`, `history.after`.
    let asked = requests.iter().map(|name| name.split('.').next().unwrap().to_owned());
    assert_eq!(asked.collect::<BTreeSet<_>>(), actions);
    let drafts = schema::events().into_iter().filter(|event| schema::draft(*event).is_some());
    let sends = requests.iter().filter_map(|name| name.strip_prefix("send.")).map(str::to_owned);
    assert_eq!(sends.collect::<BTreeSet<_>>(), drafts.map(name).collect());
}

#[test]
fn decoding_and_encoding_a_sample_gives_the_sample() {
    for Typed { of, type_, value, .. } in typed() {
        assert_eq!(
            (type_.again)(value.clone()).unwrap_or_else(|error| panic!("{of}: {error}")),
            value,
            "{of}"
        );
    }
}

#[test]
fn replies_and_batches_are_framed_as_the_server_frames_them() {
    for (of, reply) in samples("replies") {
        let id = serde_json::from_value(reply["id"].clone()).ok();
        assert_eq!(serde_json::to_value(Reply::ok(id.as_ref(), &reply["data"])).unwrap(), reply, "{of}");
    }
    let batch = samples("")["batch"].clone();
    let events: Vec<Box<RawValue>> = serde_json::from_value(batch["events"].clone()).unwrap();
    let frames = frame::frames(&events.iter().map(|event| &**event).collect::<Vec<_>>()).unwrap();
    assert_eq!(
        frames.iter().map(|frame| serde_json::from_str(frame).unwrap()).collect::<Vec<Value>>(),
        [batch]
    );
}

/// An error of each code, as the samples of refusals have it.
fn errors() -> [Error; 14] {
    let call = samples("refusals")["conflict"]["error"]["call"].clone();
    let until = || Some("2026-11-24T10:00:00.000Z".to_owned());
    let reason = || Some("spam".to_owned());
    [
        Error::invalid("channel", "is missing"),
        Error::UnknownAction,
        "chat:1".parse::<Channel>().unwrap_err(),
        Error::connection_ended(),
        Error::Forbidden("a client may not publish this event on this channel"),
        Error::Muted { until: until(), reason: reason() },
        Error::Banned { until: until(), reason: reason() },
        Error::Refused { reason: reason() },
        Error::NotJoined,
        Error::NotFound("the message"),
        Error::TooLarge { what: "data.content".into(), bytes_max: 16 * 1024 },
        Error::RateLimited { retry_after_ms: 250 },
        Error::InCall { reason: "another device of yours is in this call", call },
        Error::Internal("the table is on fire".into()),
    ]
}

#[test]
fn refusals_are_those_of_errors() {
    let errors = errors();
    let said = errors.iter().map(|error| {
        let id: RequestId = "1".parse().unwrap();
        (error.code().to_owned(), serde_json::to_value(Reply::error(Some(&id), error)).unwrap())
    });
    assert_eq!(said.collect::<BTreeMap<_, _>>(), samples("refusals"));
}

#[test]
fn the_policy_allows_each_event_on_its_channel() {
    for event in schema::events() {
        let sample = &samples("events")[&name(event)];
        let channel: Channel = serde_json::from_value(sample["channel"].clone()).unwrap();
        let lane = channel.kind().policy().lane(event);
        assert!(lane.is_some() || event == schema::ON_EVERY_CHANNEL, "{sample}");
        assert_eq!(sample["seq"].is_u64(), lane.is_some_and(Lane::is_durable), "{sample}");
        let may_be_published = POLICY.iter().any(|row| row.client_may_publish(event));
        assert_eq!(schema::draft(event).is_some(), may_be_published, "{sample}");
    }
}

/// The user who publishes an event of the samples.
fn sender_of(event: &Value, at: Timestamp) -> Identity {
    let Sender { user_id: user, name } = serde_json::from_value(event["from"].clone()).unwrap();
    Identity {
        user,
        name,
        companies: vec![],
        companies_by: CompaniesBy::Token,
        experiences: vec![],
        rooms: vec![],
        expires_at: at,
    }
}

/// The event of a message lacks what depends on the log, and that of a change is made from the message.
#[test]
fn a_draft_becomes_its_event() {
    let (requests, mut events) = (samples("requests"), samples("events"));
    let body: MessageBody = serde_json::from_value(events["chat.message"]["data"].clone()).unwrap();
    let message = Message { from: body.user_id.clone(), body, reactions: Vec::new() };
    for (request, name) in
        requests.iter().filter_map(|(name, request)| Some((request, name.strip_prefix("send.")?)))
    {
        let event = events.get_mut(name).unwrap();
        let send = parse::<Send>(&request.to_string()).unwrap().action;
        let at: Timestamp = serde_json::from_value(event["at"].clone()).unwrap();
        let id = event["data"]["id"].as_str().unwrap_or_default().to_owned();
        let mut published = Publication::from_client(send, &sender_of(event, at), None, at, || id).unwrap();
        match &published.effect {
            Effect::Message(References { reply_to, mentions, attachments, .. }) => {
                let data = event["data"].as_object_mut().unwrap();
                assert_eq!(json!(reply_to), data["replyTo"]["seq"]);
                assert_eq!(json!(mentions), data["mentions"]);
                let ids = data["attachments"].as_array().unwrap().iter().map(|file| &file["id"]);
                assert_eq!(json!(attachments), ids.cloned().collect::<Value>());
                data.retain(|field, _| {
                    !["n", "replyTo", "reactions", "editedAt", "attachments"].contains(&field.as_str())
                });
            }
            Effect::Change(change) => published.data = message.clone().changed(change, at).unwrap().data,
            Effect::None => {}
        }
        let seq: Option<Seq> = serde_json::from_value(event["seq"].clone()).unwrap();
        assert_eq!(serde_json::to_value(published.into_event(seq)).unwrap(), *event);
    }
}
