//! How a row is tried: the frame, the request or the event, and the table's word for its outcome.

use anyhow::{Context as _, Result, bail};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Stack, file_draft, sha256, unique};

use super::people::Person;

/// The things of a company that a row is tried with.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    /// The channel; empty where the row has none.
    pub(super) channel: String,
    /// The participant's spare connection, where the row is about that.
    pub(super) connection: Option<String>,
    /// The company's conversation as it is, for a request that sets it.
    pub(super) conversation: Value,
    /// A file of the participant's.
    pub(super) file: String,
}

/// Tries a row; returns the verdict, and what the person was told.
pub(super) async fn probe(
    stack: &Stack,
    person: &mut Person,
    what: &str,
    thing: &Thing,
) -> Result<(String, String)> {
    if ["GET ", "POST ", "PUT ", "DELETE "].iter().any(|method| what.starts_with(method)) {
        return request(stack, person, what, thing).await;
    }
    let channel = &thing.channel;
    let (action, fields) = match what {
        "ping" | "status" => (what, json!({})),
        "$default" => ("dance", json!({})),
        "join" | "leave" | "presence" | "receipts" => (what, json!({"channel": channel})),
        "history" => (what, json!({"channel": channel, "limit": 10})),
        "inbox" if channel.is_empty() => (what, json!({"limit": 10})),
        "inbox" => (what, json!({"companyId": channel.trim_start_matches("inbox:"), "limit": 10})),
        "search" => (what, json!({"channel": channel, "query": "hello", "limit": 10})),
        "search all" if channel.is_empty() => ("search", json!({"query": "hello", "limit": 10})),
        "search all" => {
            let company = channel.trim_start_matches("inbox:");
            ("search", json!({"companyId": company, "query": "hello", "limit": 10}))
        }
        "ack" => (what, json!({"channel": channel, "seq": 1, "state": "delivered"})),
        // There is no such call; who may change one has tests of its own.
        "call" => (what, json!({"channel": channel, "callId": "none", "change": "decline", "peerId": "p"})),
        _ => ("send", draft(what.strip_prefix("send ").with_context(|| what.to_owned())?, channel)),
    };
    let id = person.client.request(action, fields).await?;
    Ok(match person.client.reply(&id).await? {
        Ok(_) if action == "leave" => ("yes".to_owned(), String::new()), // it only repeats the request
        Ok(data) => ("yes".to_owned(), data.to_string()),
        Err(refusal) => (word(&refusal.code), refusal.message),
    })
}

/// The fields of a `send`.
fn draft(event: &str, channel: &str) -> Value {
    let data = match event {
        "chat.message" => json!({"content": "hello"}),
        // There is no such message; who may change one has tests of its own.
        "chat.edit" => json!({"target": 9_999, "content": "new"}),
        "chat.delete" => json!({"target": 9_999}),
        "chat.reaction" => json!({"target": 1, "emoji": "👍", "on": true}),
        "chat.typing" => json!({"isTyping": true}),
        "signal" => json!({"name": "wave"}),
        "presence.update" => json!({"status": "away"}),
        "app.event" | "app.signal" => json!({"name": "poll.vote", "payload": {"option": 2}}),
        _ => json!({"type": "deployed", "level": "info", "title": "t", "message": "m"}),
    };
    json!({"channel": channel, "event": event, "key": unique("key"), "data": data})
}

async fn request(stack: &Stack, person: &Person, what: &str, thing: &Thing) -> Result<(String, String)> {
    let Thing { channel, connection, conversation, file } = thing;
    // A request for another user's connection names the one channel that everybody may join.
    let (id, channel) = match connection {
        Some(spare) => (spare, "system"),
        None => (&person.connection, channel.as_str()),
    };
    let encoded = id.replace('=', "%3D").replace('+', "%2B").replace('/', "%2F");
    let (method, path, body) = match what {
        "GET conversations" if channel.is_empty() => {
            (Method::GET, "../conversations?limit=10".to_owned(), None)
        }
        "GET conversations" if channel.starts_with("inbox:") => {
            let company = channel.trim_start_matches("inbox:");
            (Method::GET, format!("../conversations?limit=10&companyId={company}"), None)
        }
        _ if what.ends_with(" conversations") => {
            let method: Method = what.trim_end_matches(" conversations").parse()?;
            let body = (method == Method::PUT).then(|| conversation.clone());
            (method, channel.replacen("conversation:", "../conversations/", 1), body)
        }
        "POST files" => (Method::POST, "../files".to_owned(), Some(file_draft(channel, "text/plain", b"x"))),
        "POST calls/ice" => (Method::POST, "../calls/ice".to_owned(), Some(json!({"channel": channel}))),
        "POST files/{id}" => (Method::POST, format!("../files/{file}"), None),
        "POST files/{id}/parts" => {
            let body = json!({"first": 1, "sha256": [sha256(b"x")]});
            (Method::POST, format!("../files/{file}/parts"), Some(body))
        }
        "DELETE files/{id}" => (Method::DELETE, format!("../files/{file}"), None),
        "GET files/{id}" => (Method::GET, format!("../files/{file}"), None),
        "GET files/{id}/link" => (Method::GET, format!("../files/{file}/link"), None),
        "POST connect" => (Method::POST, "connect".to_owned(), None),
        "GET status" | "GET channels" => (Method::GET, what.trim_start_matches("GET ").to_owned(), None),
        "GET moderation" => {
            let (name, id) = scope(channel);
            (Method::GET, format!("moderation?userId=nobody&{name}={id}"), None)
        }
        "POST moderation" => {
            let (name, id) = scope(channel);
            let body = json!({"userId": "nobody", (name): id, "restriction": "mute"});
            (Method::POST, "moderation".to_owned(), Some(body))
        }
        "POST webhooks/whop" => {
            (Method::POST, "webhooks/whop".to_owned(), Some(json!({"type": "membership.activated"})))
        }
        "POST publish" => {
            let notice = json!({"level": "info", "title": "t", "message": "m"});
            let events = json!({"events": [{"type": "SystemNotification", "detail": notice}]});
            (Method::POST, "../publish".to_owned(), Some(events))
        }
        "POST messages" => (Method::POST, "messages".to_owned(), Some(draft("chat.message", channel))),
        "POST receipts" => {
            let body = json!({"channel": channel, "seq": 1, "state": "read"});
            (Method::POST, "receipts".to_owned(), Some(body))
        }
        "GET search all" if channel.is_empty() => {
            (Method::GET, "search?query=hello&limit=10".to_owned(), None)
        }
        "GET search all" => {
            let company = channel.trim_start_matches("inbox:");
            (Method::GET, format!("search?companyId={company}&query=hello&limit=10"), None)
        }
        "GET search" => (Method::GET, format!("search?channel={channel}&query=hello&limit=10"), None),
        "GET messages" => (Method::GET, format!("messages?channel={channel}&limit=10"), None),
        "POST channels" => {
            (Method::POST, "channels".to_owned(), Some(json!({"connectionId": id, "channel": channel})))
        }
        "DELETE channels" => {
            (Method::DELETE, format!("channels?connectionId={encoded}&channel={channel}"), None)
        }
        "DELETE disconnect" if connection.is_none() => (Method::DELETE, "disconnect".to_owned(), None),
        "DELETE disconnect" => (Method::DELETE, format!("disconnect?connectionId={encoded}"), None),
        other => bail!("no way to try {other}"),
    };
    let request = match path.strip_prefix("../") {
        Some(path) => stack.ask_api(method, path),
        None => stack.ask(method, &path),
    };
    let mut request = request.token(&person.user.token()?);
    if let Some(body) = body {
        request = request.body(&body.to_string());
    }
    let answer = request.send().await?;
    if answer.status == StatusCode::FOUND {
        return Ok(("yes".to_owned(), String::new()));
    }
    let told = if what == "DELETE channels" { String::new() } else { answer.body.to_string() };
    Ok(match answer.refused() {
        Ok((_, code)) => (word(code), told),
        Err(_) => (answer.done().map(|_| "yes".to_owned())?, told),
    })
}

/// The field for the company or conversation in which somebody is restricted, and its id.
fn scope(channel: &str) -> (&'static str, &str) {
    match channel.split_once(':') {
        Some(("company", id)) => ("companyId", id),
        Some((_, id)) => ("conversationId", id),
        None => ("conversationId", channel),
    }
}

/// The table's word for an error code; a code without one stands for itself.
fn word(code: &str) -> String {
    match code {
        "forbidden" => "no",
        "not_joined" => "out",
        "bad_request" => "off",
        "not_found" => "404",
        "unknown_action" => "405",
        "unauthorized" => "401",
        other => other,
    }
    .to_owned()
}

/// The detail of an event that a backend emits for a channel, with the mark in it.
pub(super) fn detail(what: &str, channel: &str, person: &str, mark: &str) -> Value {
    let (kind, id) = channel.split_once(':').unwrap_or((channel, ""));
    let notice = json!({"level": "info", "title": mark, "message": "m"});
    match (what, kind) {
        ("AppEvent" | "AppSignal", _) => json!({"channel": channel, "name": mark}),
        ("AccessChanged", _) => json!({"userId": person, "companyId": id}),
        ("Kick", _) => json!({"channel": channel, "userId": person, "reason": mark}),
        ("Moderation", _) => {
            json!({"conversationId": id, "userId": person, "restriction": "mute", "reason": mark})
        }
        ("ChatEdit", _) => json!({"conversationId": id, "target": 1, "content": mark}),
        ("ChatDelete", _) => json!({"conversationId": id, "target": 1}),
        ("ChatTyping", _) => {
            json!({"conversationId": id, "isTyping": true, "userId": person, "userName": mark})
        }
        ("ChatReaction", _) => {
            json!({"conversationId": id, "target": 1, "emoji": mark, "on": true, "userId": person})
        }
        (_, "funnel_updates") => json!({"type": "deployed", "funnelId": "funnel", "funnelName": mark,
            "userId": person, "companyId": id}),
        (_, "resource_updates") => {
            json!({"type": "created", "resourceId": "resource", "resourceType": "link",
            "resourceName": mark, "companyId": id})
        }
        (_, "analytics") => json!({"metric": mark, "value": 1, "companyId": id}),
        (_, "conversation") => json!({"conversationId": id, "type": "system", "content": mark}),
        (_, "experience" | "room") => json!({"name": mark}),
        (_, "user") => json!({"userId": id, "level": "info", "title": mark, "message": "m"}),
        _ => notice,
    }
}

/// The event of an outbox item for a channel of this kind.
pub(super) fn event_of(whose: &str) -> &'static str {
    match whose {
        "funnel_updates" => "funnel.update",
        "resource_updates" => "resource.update",
        "analytics" => "analytics.update",
        "user" => "user.notification",
        "conversation" | "nobodys" => "chat.message",
        "experience" | "room" => "app.event",
        _ => "system.notification",
    }
}
