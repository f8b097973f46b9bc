//! What the server sends: replies, events, and batches of events.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Channel, Error, Key, RequestId, Seq, Timestamp, UserId, event::EventName, identity::Name};

/// The largest `batch` frame, in bytes: API Gateway meters messages by 32 KiB.
pub const BATCH_BYTES_MAX: usize = 32 * 1024;

/// The answer to a request; exactly one a request.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "reply")]
pub struct Reply<'a, D> {
    /// The request's `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a RequestId>,
    /// Whether it was done.
    pub ok: bool,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<D>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

impl<'a, D> Reply<'a, D> {
    /// It was done.
    pub const fn ok(id: Option<&'a RequestId>, data: D) -> Self {
        Self { id, ok: true, data: Some(data), error: None }
    }
}

impl<'a> Reply<'a, ()> {
    /// It was not done.
    pub fn error(id: Option<&'a RequestId>, error: &Error) -> Self {
        Self { id, ok: false, data: None, error: Some(ErrorBody::from(error)) }
    }
}

/// An error on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// When to try again, where that helps; in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl From<&Error> for ErrorBody {
    fn from(error: &Error) -> Self {
        let retry_after_ms = match error {
            Error::RateLimited { retry_after_ms } => Some(*retry_after_ms),
            _ => None,
        };
        Self { code: error.code(), message: error.public_message(), retry_after_ms }
    }
}

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sender {
    /// Who.
    pub user_id: UserId,
    /// What to call him.
    pub name: Name,
}

/// Something that happened on a channel. `seq` present means: it is in the channel's log.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "event")]
pub struct Event {
    /// Where.
    pub channel: Channel,
    /// What.
    pub event: EventName,
    /// Its place in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// When the server took it.
    pub at: Timestamp,
    /// Who caused it, where that was a connected user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Sender>,
    /// What a repeat of it is known by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The payload, serialised once, when it was made.
    pub data: Box<RawValue>,
}

/// Several events in one frame of at most [`BATCH_BYTES_MAX`].
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "batch")]
pub struct Batch<'a> {
    /// In the order in which they happened.
    pub events: &'a [Event],
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn as_json(frame: &impl Serialize) -> serde_json::Value {
        serde_json::to_value(frame).unwrap()
    }

    #[test]
    fn replies_look_like_the_protocol() {
        let id: RequestId = "7".parse().unwrap();
        assert_eq!(
            as_json(&Reply::ok(Some(&id), json!({"a": 1}))),
            json!({"type": "reply", "id": "7", "ok": true, "data": {"a": 1}})
        );
        assert_eq!(
            as_json(&Reply::error(None, &Error::NotJoined)),
            json!({"type": "reply", "ok": false, "error": {"code": "not_joined", "message": "join the channel first"}})
        );
        assert_eq!(
            as_json(&Reply::error(None, &Error::RateLimited { retry_after_ms: 250 }))["error"]["retryAfterMs"],
            json!(250)
        );
    }

    #[test]
    fn an_event_looks_like_the_protocol() {
        let event = Event {
            channel: "conversation:c1".parse().unwrap(),
            event: EventName::ChatMessage,
            seq: Some(42.try_into().unwrap()),
            at: "2026-11-23T10:00:00.123Z".parse().unwrap(),
            from: Some(Sender {
                user_id: "user_1".parse().unwrap(),
                name: "Ann".to_owned().try_into().unwrap(),
            }),
            key: Some("01J".parse().unwrap()),
            data: RawValue::from_string(r#"{"content":"hi"}"#.into()).unwrap(),
        };
        let expected = json!({
            "type": "event", "channel": "conversation:c1", "event": "chat.message", "seq": 42,
            "at": "2026-11-23T10:00:00.123Z", "from": {"userId": "user_1", "name": "Ann"}, "key": "01J",
            "data": {"content": "hi"},
        });
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&serde_json::to_string(&event).unwrap()).unwrap(),
            expected
        );
        let batch = serde_json::to_string(&Batch { events: &[event] }).unwrap();
        assert!(batch.starts_with(r#"{"type":"batch","events":[{"type":"event","#), "{batch}");
    }
}
