//! The document of the protocol, docs/asyncapi.yaml: the parts that are written by hand (`asyncapi.yaml` and `connection.md` beside
//! this file), and the messages, operations and schemas of the types, with the samples as their examples.

use std::{fmt::Write as _, time::Duration};

use funnelcast_core::{
    frame::BATCH_BYTES_MAX,
    policy::{ChannelPolicy, Joiner, Lane, POLICY, Retention},
};
use schemars::{
    Schema,
    transform::{RemoveRefSiblings, Transform},
};
use serde_json::{Map, Value, json};

use crate::{
    Failure,
    protocol::{Action, Payload, Protocol, name_of},
    samples::Samples,
    tidy::{prefixed, tagged},
};

/// The whole document, as YAML.
pub(crate) fn write(protocol: &Protocol, samples: &Samples) -> Result<String, Failure> {
    let mut document: Value = yaml_serde::from_str(include_str!("asyncapi.yaml"))?;
    let mut messages = Map::new();
    let mut operations = Map::new();
    for action in &protocol.actions {
        let requests = requests(protocol, samples, action)?;
        let names: Vec<_> = requests.keys().cloned().collect();
        messages.extend(requests);
        let reply = format!("{}.reply", action.name);
        messages.insert(reply.clone(), reply_message(protocol, samples, action)?);
        operations.insert(action.name.to_owned(), operation(action, &names, &reply));
    }
    messages.insert("refusal".to_owned(), refusal_message(protocol, samples));
    let mut heard = Vec::new();
    for payload in &protocol.payloads {
        let name = format!("event.{}", payload.name);
        messages.insert(name.clone(), event_message(protocol, samples, payload)?);
        heard.push(name);
    }
    messages.insert("batch".to_owned(), batch_message(samples));
    heard.push("batch".to_owned());
    let about = "The events of the channels that the client has joined, one or several in a frame.";
    operations.insert("hear".to_owned(), pushed(about, &heard));
    let about = "An error from API Gateway itself: a request was refused, or took too long.";
    operations.insert("fail".to_owned(), pushed(about, &["gatewayError".to_owned()]));

    let components = &mut document["components"];
    messages.extend(components["messages"].as_object().cloned().unwrap_or_default());
    let names = messages.keys().map(|name| (name.clone(), reference("components/messages", name)));
    let names = names.collect();
    components["messages"] = Value::Object(messages);
    components["schemas"] = Value::Object(protocol.definitions.clone());
    // In the draft of JSON Schema that AsyncAPI uses, a reference must be the only key of its object.
    for part in ["messages", "schemas"] {
        for object in components[part].as_object_mut().into_iter().flat_map(Map::values_mut) {
            let schema = if part == "messages" { &mut object["payload"] } else { object };
            RemoveRefSiblings::default().transform(<&mut Schema>::try_from(schema)?);
        }
    }
    let connection = &mut document["channels"]["connection"];
    connection["description"] =
        include_str!("connection.md").replace("{channels}", channels()?.trim()).into();
    connection["messages"] = Value::Object(names);
    document["operations"] = Value::Object(operations);
    Ok(format!("# Made by `make types`.\n{}", crate::yaml(&document)?))
}

fn reference(to: &str, name: &str) -> Value {
    json!({"$ref": format!("#/{to}/{name}")})
}

fn message_references(names: &[String]) -> Value {
    names.iter().map(|name| reference("channels/connection/messages", name)).collect()
}

/// An operation: the server receives a request, and answers with a reply or a refusal.
fn operation(action: &Action, requests: &[String], reply: &str) -> Value {
    json!({
        "action": "receive",
        "channel": reference("channels", "connection"),
        "title": action.name,
        "summary": action.fields["description"],
        "messages": message_references(requests),
        "reply": {
            "channel": reference("channels", "connection"),
            "messages": message_references(&[reply.to_owned(), "refusal".to_owned()]),
        },
    })
}

/// An operation by which the server sends messages that answer no request.
fn pushed(summary: &str, messages: &[String]) -> Value {
    json!({
        "action": "send",
        "channel": reference("channels", "connection"),
        "summary": summary,
        "messages": message_references(messages),
    })
}

fn message(title: &str, summary: &Value, payload: &Value, samples: &[(&String, &Value)]) -> Value {
    let examples = samples.iter().map(|(name, payload)| json!({"name": name, "payload": payload}));
    let examples: Value = examples.collect();
    json!({"title": title, "summary": summary, "payload": payload, "examples": examples})
}

/// A message that is matched by the `id` of its request.
fn correlated(mut message: Value) -> Value {
    message["correlationId"] = reference("components/correlationIds", "request");
    message
}

/// The messages that request an action: one, or one for each draft.
fn requests(protocol: &Protocol, samples: &Samples, action: &Action) -> Result<Map<String, Value>, Failure> {
    let envelope = json!({
        "properties": {"action": {"type": "string", "const": action.name}, "id": protocol.request_id},
        "required": ["action"],
    });
    let payload = prefixed(&envelope, &action.fields);
    if action.name != "send" {
        let of_action = |(name, _): &(&String, &Value)| name.split('.').next() == Some(action.name);
        let samples: Vec<_> = samples.requests.iter().filter(of_action).collect();
        let message = message(action.name, &action.fields["description"], &payload, &samples);
        return Ok(Map::from_iter([(action.name.to_owned(), correlated(message))]));
    }
    let mut messages = Map::new();
    for draft in &protocol.drafts {
        let name = format!("send.{}", draft.name);
        let mut payload = payload.clone();
        payload["properties"]["event"] = json!({"type": "string", "const": draft.name});
        payload["properties"]["data"] = draft.data.clone();
        let mut rows = POLICY.iter().filter(|row| row.client_may_publish(draft.event));
        if rows.any(|row| row.lane(draft.event).is_some_and(Lane::is_durable)) {
            payload["required"].as_array_mut().ok_or("nothing is required")?.push("key".into());
        }
        let sample = samples.requests.get_key_value(&name).ok_or_else(|| format!("no sample of {name}"))?;
        let data = protocol.definition(&draft.data)?;
        messages.insert(name.clone(), correlated(message(&name, &data["description"], &payload, &[sample])));
    }
    Ok(messages)
}

fn reply_message(protocol: &Protocol, samples: &Samples, action: &Action) -> Result<Value, Failure> {
    let payload = reply(protocol, true, "data", &action.reply);
    let sample = samples.replies.get_key_value(action.name).ok_or("no sample of a reply")?;
    let data = protocol.definition(&action.reply)?;
    let title = format!("reply to {}", action.name);
    Ok(correlated(message(&title, &data["description"], &payload, &[sample])))
}

fn refusal_message(protocol: &Protocol, samples: &Samples) -> Value {
    let payload = reply(protocol, false, "error", &reference("components/schemas", "ErrorBody"));
    let samples: Vec<_> = samples.refusals.iter().collect();
    correlated(message(
        "refusal",
        &"A request has been refused, or carried out only in part.".into(),
        &payload,
        &samples,
    ))
}

fn reply(protocol: &Protocol, ok: bool, field: &str, type_: &Value) -> Value {
    let fields = json!({
        "type": "object",
        "properties": {"id": protocol.request_id, "ok": {"type": "boolean", "const": ok}, field: type_},
        "required": ["ok", field],
    });
    tagged("reply", &fields)
}

fn event_message(protocol: &Protocol, samples: &Samples, payload: &Payload) -> Result<Value, Failure> {
    let name = json!({"type": "string", "const": payload.name});
    let own = json!({"properties": {"event": name, "data": payload.data}});
    let whole = json!({"allOf": [reference("components/schemas", "Event"), own]});
    let sample = samples.events.get_key_value(&payload.name).ok_or("no sample of an event")?;
    let about = protocol.about_event(&payload.name).unwrap_or_default();
    Ok(message(&payload.name, &about.into(), &whole, &[sample]))
}

fn batch_message(samples: &Samples) -> Value {
    let events = json!({"type": "array", "minItems": 2, "items": reference("components/schemas", "Event")});
    let fields = json!({"type": "object", "properties": {"events": events}, "required": ["events"]});
    let about =
        format!("Several events in the order in which they happened, at most {BATCH_BYTES_MAX} bytes.");
    message("batch", &about.into(), &tagged("batch", &fields), &[(&"batch".to_owned(), &samples.batch)])
}

const CHANNELS_HEAD: &str = "\
| channel | who may join | events | a client may publish | kept | presence |
|---|---|---|---|---|---|
";

/// The table of channels, in Markdown.
fn channels() -> Result<String, Failure> {
    let mut table = CHANNELS_HEAD.to_owned();
    for row in &POLICY {
        let kind = row.kind.as_str();
        let channel = if row.kind.has_id() { format!("`{kind}:{{id}}`") } else { format!("`{kind}`") };
        let joiner = match row.joiner {
            Joiner::Team => "the team of the company",
            Joiner::Owner => "the user",
            Joiner::Participant => "its participants, and the team of its company",
            Joiner::Anyone => "every user",
            Joiner::Visitor => "who has access to the experience, by Whop or by `experiences` of the token",
            Joiner::Guest => "whom `rooms` of the token names it, and who has a grant",
        };
        let events =
            row.events.iter().map(|(event, lane)| Ok(format!("`{}` {}", name_of(*event)?, lane_name(*lane))));
        let events = events.collect::<Result<Vec<_>, Failure>>()?.join(", ");
        let drafts = row.client_events.iter().map(|event| Ok(format!("`{}`", name_of(*event)?)));
        let drafts = drafts.collect::<Result<Vec<_>, Failure>>()?.join(", ");
        let drafts = if drafts.is_empty() { "nothing" } else { &drafts };
        let presence = if row.presence { "yes" } else { "no" };
        let kept = kept(row);
        writeln!(table, "| {channel} | {joiner} | {events} | {drafts} | {kept} | {presence} |")?;
    }
    Ok(table)
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Durable => "(durable)",
        Lane::DurableAndLatest => "(durable; `join` returns the latest of each)",
        Lane::Latest => "(`join` returns the latest of each)",
        Lane::Ephemeral => "(ephemeral)",
    }
}

fn kept(row: &ChannelPolicy) -> String {
    match row.retention {
        Retention::For(time) => format!("{} d", time.as_secs() / Duration::from_hours(24).as_secs()),
        Retention::Configured => "for ever, or as the stack is configured".to_owned(),
    }
}
