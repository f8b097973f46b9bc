//! A dead letter, in whatever shape it lies in the queue: docs/operations.md describes them.

use funnelcast_aws::account::mail::Mail;
use funnelcast_core::Timestamp;
use serde_json::Value;

/// The names of where letters come from: first the sources of functions, as they are in their letters, then those of others.
pub(super) const SOURCES: [&str; 12] = [
    "bus",
    "outbox",
    "stream",
    "deliveries",
    "timers",
    "webhooks",
    "files",
    "invocation",
    "batch",
    "queue",
    "rule",
    "unknown",
];
/// The codes that letters have: those of refusals, as on the wire, and `internal`.
pub(super) const CODES: [&str; 14] = [
    "bad_request",
    "unknown_action",
    "invalid_channel",
    "unauthorized",
    "forbidden",
    "muted",
    "banned",
    "refused",
    "not_joined",
    "not_found",
    "too_large",
    "rate_limited",
    "conflict",
    "internal",
];

/// A letter that was received.
#[derive(Debug)]
pub(super) struct Letter {
    /// The message that it came in.
    pub(super) mail: Mail,
    /// Who has put it there, and so where it came from.
    pub(super) origin: Origin,
    /// The id that the sender of the item knows.
    pub(super) id: String,
    /// The code of a refusal, or `internal`; none where no function could write it down.
    pub(super) code: Option<String>,
    /// What is wrong.
    pub(super) reason: String,
    /// The field that is wrong, if it is one.
    pub(super) field: Option<String>,
    /// When it was put here.
    pub(super) at: Option<Timestamp>,
    /// The item that could not be handled.
    pub(super) item: Value,
    /// Whether the item is only the beginning of it.
    pub(super) is_cut: bool,
}

/// Who has put a letter into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A function of the stack, which names the source.
    Function(String),
    /// Lambda, which has given up an event for the function with this ARN.
    Invocation(String),
    /// Lambda, which has given up a batch of a stream.
    Batch,
    /// SQS, which has moved it from the queue with this ARN.
    Queue(String),
    /// EventBridge, which could not give it to the target with this ARN.
    Rule(String),
    /// Somebody else.
    Unknown,
}

impl Letter {
    /// Reads a message of the queue. Whatever it is, it is a letter.
    pub(super) fn read(mail: Mail) -> Self {
        let body: Value =
            serde_json::from_str(&mail.body).unwrap_or_else(|_| Value::from(mail.body.as_str()));
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let attributes = mail.attributes.clone();
        let attribute = |name: &str| attributes.get(name).cloned();
        let own_id = text("/id");
        let mut letter = Self {
            origin: Origin::Unknown,
            id: String::new(),
            code: None,
            reason: "it is in no known shape".to_owned(),
            field: None,
            at: mail.sent_at,
            item: Value::Null,
            is_cut: false,
            mail,
        };
        if let Some(queue) = letter.mail.from_queue.clone() {
            letter.reason = String::from("its function crashed, or ran out of time; the log has the rest");
            letter.origin = Origin::Queue(queue);
            (letter.id, letter.item) = (own_id.unwrap_or_default(), body);
        } else if let Some(target) = attribute("TARGET_ARN") {
            let code = attribute("ERROR_CODE").unwrap_or_default();
            letter.reason = format!("{code}: {}", attribute("ERROR_MESSAGE").unwrap_or_default());
            letter.origin = Origin::Rule(target);
            (letter.id, letter.item) = (own_id.unwrap_or_default(), body);
        } else if let (Some(source), Some(code), Some(item)) =
            (text("/source"), text("/code"), body.get("item"))
        {
            letter.reason = text("/reason").unwrap_or_default();
            letter.field = text("/field");
            letter.at = text("/at").and_then(|at| at.parse().ok()).or(letter.at);
            letter.is_cut = body["cut"] == true;
            letter.id = own_id.unwrap_or_default();
            letter.item = item.clone();
            (letter.origin, letter.code) = (Origin::Function(source), Some(code));
        } else if let (Some(function), Some(event)) =
            (text("/requestContext/functionArn"), body.get("requestPayload"))
        {
            letter.reason = text("/responsePayload/errorMessage")
                .or_else(|| text("/requestContext/condition"))
                .unwrap_or_default();
            letter.id =
                text("/requestPayload/event/id").or_else(|| text("/requestPayload/id")).unwrap_or_default();
            letter.code = Some("internal".to_owned());
            letter.item = event.clone();
            letter.origin = Origin::Invocation(function);
        } else if let Some(batch) = body.get("DDBStreamBatchInfo") {
            letter.reason = text("/requestContext/condition").unwrap_or_default();
            letter.item = batch.clone();
            letter.origin = Origin::Batch;
        } else {
            letter.item = body;
        }
        letter
    }

    /// The name of where it came from.
    pub(super) fn source(&self) -> &str {
        match &self.origin {
            Origin::Function(source) => source,
            Origin::Invocation(_) => "invocation",
            Origin::Batch => "batch",
            Origin::Queue(_) => "queue",
            Origin::Rule(_) => "rule",
            Origin::Unknown => "unknown",
        }
    }

    /// Whether it came in the message with this id, which no other has.
    pub(super) fn is_message(&self, id: &str) -> bool {
        self.mail.id == id
    }

    /// Whether it is known by this id, of its message or of its item. Letters of one item have the same.
    pub(super) fn is(&self, id: &str) -> bool {
        self.is_message(id) || (!self.id.is_empty() && self.id == id)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// A letter with this text.
    pub(in crate::commands::dead_letters) fn letter(body: &Value) -> Letter {
        Letter::read(Mail { id: "m1".to_owned(), body: body.to_string(), ..Mail::default() })
    }

    #[test]
    fn the_sources_and_codes_are_those_of_letters() {
        use funnelcast_aws::letters::Source;
        use funnelcast_core::Error;

        for source in [
            Source::Bus,
            Source::Outbox,
            Source::Stream,
            Source::Deliveries,
            Source::Timers,
            Source::Webhooks,
            Source::Files,
        ] {
            assert!(SOURCES.iter().any(|name| json!(source) == *name), "{source:?}");
        }
        for error in [Error::UnknownAction, Error::NotJoined, Error::Internal(String::new())] {
            assert!(CODES.contains(&error.code()));
        }
    }

    #[test]
    fn every_shape_is_a_letter() {
        let ours = json!({"source": "bus", "id": "e1", "code": "bad_request", "reason": "no", "field": "detail.x",
            "at": "2026-11-23T10:00:00.123Z", "tries": 1, "item": {"id": "e1"}});
        let ours = letter(&ours);
        assert_eq!((ours.source(), ours.id.as_str(), ours.reason.as_str()), ("bus", "e1", "no"));
        assert!(ours.is("e1") && ours.is("m1") && !ours.is(""));

        let lambda = letter(
            &json!({"requestContext": {"functionArn": "arn:f", "condition": "RetriesExhausted"},
            "requestPayload": {"event": {"id": "e2"}}, "responsePayload": {"errorMessage": "the table is on fire"}}),
        );
        assert_eq!((lambda.source(), lambda.id.as_str()), ("invocation", "e2"));
        assert_eq!(lambda.reason, "the table is on fire");

        let batch =
            letter(&json!({"requestContext": {"functionArn": "arn:f", "condition": "RecordAgeExceeded"},
            "DDBStreamBatchInfo": {"shardId": "s"}}));
        assert_eq!((batch.source(), &batch.item), ("batch", &json!({"shardId": "s"})));

        let moved = Mail {
            body: "{\"kind\":\"lease\"}".to_owned(),
            from_queue: Some("arn:q".to_owned()),
            ..Mail::default()
        };
        let moved = Letter::read(moved);
        assert_eq!((moved.source(), &moved.item), ("queue", &json!({"kind": "lease"})));

        let attributes = [("TARGET_ARN", "arn:t"), ("ERROR_CODE", "NO_PERMISSIONS")];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let rule = Letter::read(Mail { body: r#"{"id":"e3"}"#.to_owned(), attributes, ..Mail::default() });
        assert_eq!((rule.origin, rule.id.as_str()), (Origin::Rule("arn:t".to_owned()), "e3"));

        assert_eq!(letter(&json!("hello")).source(), "unknown");
    }
}
