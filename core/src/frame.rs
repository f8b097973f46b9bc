//! The frames that the server sends: replies, events, and batches of events.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{Channel, Error, Key, RequestId, Seq, Timestamp, UserId, event::EventName, identity::Name};

/// The largest `batch` frame, in bytes. API Gateway meters messages in units of 32 KiB.
pub const BATCH_BYTES_MAX: usize = 32 * 1024;

/// The reply to a request. A request gets exactly one. A refusal without `id` answers no request: the server ends the connection.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "reply")]
pub struct Reply<'a, D, I = RequestId> {
    /// The `id` of the request; in a refusal, as much of it as could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a I>,
    /// Whether the request was carried out.
    pub ok: bool,
    /// The result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<D>,
    /// The reason why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

impl<'a, D> Reply<'a, D> {
    /// The reply to a request that was carried out.
    pub const fn ok(id: Option<&'a RequestId>, data: D) -> Self {
        Self { id, ok: true, data: Some(data), error: None }
    }
}

impl<'a, I> Reply<'a, (), I> {
    /// The reply to a request that is refused.
    pub fn error(id: Option<&'a I>, error: &Error) -> Self {
        Self { id, ok: false, data: None, error: Some(ErrorBody::from(error)) }
    }
}

/// An error, as clients receive it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The code of the error, for programs.
    #[cfg_attr(feature = "schema", schemars(with = "crate::wire_type::ErrorCode"))]
    pub code: Cow<'static, str>,
    /// What is wrong, and what would be right, for people.
    pub message: String,
    /// The path of the field that is at fault, if it is one field, e.g. `data.content`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// With `rate_limited`: when to try again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With `muted` and `banned`: when that ends. Absent if it is for good.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Timestamp>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// With `muted`, `banned` and `refused`: the reason, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With `conflict`, where the call of a conversation does not allow the change: the call, as it is now.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::call::Call>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Value>,
}

impl From<&Error> for ErrorBody {
    fn from(error: &Error) -> Self {
        let retry_after_ms = match error {
            Error::RateLimited { retry_after_ms } => Some(*retry_after_ms),
            _ => None,
        };
        let (until, reason) = match error {
            Error::Muted { until, reason } | Error::Banned { until, reason } => {
                (until.clone(), reason.clone())
            }
            Error::Refused { reason } => (None, reason.clone()),
            _ => (None, None),
        };
        let call = match error {
            Error::InCall { call, .. } => Some(call.clone()),
            _ => None,
        };
        let field = error.field().map(str::to_owned);
        let (code, message) = (error.code().into(), error.public_message());
        Self { code, message, field, retry_after_ms, until, reason, call }
    }
}

/// The user who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Sender {
    /// The user's id.
    pub user_id: UserId,
    /// The user's display name.
    pub name: Name,
}

/// An event of a channel. An event with a `seq` is durable: it is in the channel's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Event"))]
#[serde(tag = "type", rename = "event")]
pub struct Event {
    /// The channel.
    pub channel: Channel,
    /// The name of the event.
    pub event: EventName,
    /// Its place in the log; absent for an ephemeral event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// When the server accepted it.
    pub at: Timestamp,
    /// The user who caused it; absent for an event from the backend or the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Sender>,
    /// The key by which a repeat of it is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The payload; its type depends on the name of the event.
    pub data: Box<RawValue>,
}

/// Several events in one frame of at most [`BATCH_BYTES_MAX`] bytes.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "batch")]
struct Batch<'a> {
    /// The events, in the order in which they happened.
    events: &'a [&'a RawValue],
}

/// The bytes around the events of a batch, and between two of them.
const BATCH_AROUND_BYTES: usize = r#"{"type":"batch","events":[]}"#.len();
const BATCH_BETWEEN_BYTES: usize = ",".len();

/// Packs serialised events into frames, in their order: as few frames as possible with at most [`BATCH_BYTES_MAX`] bytes each.
/// An event that is alone in its frame has no batch around it, and may be larger.
///
/// # Errors
/// [`Error::Internal`] if a frame cannot be serialised.
pub fn frames(events: &[&RawValue]) -> Result<Vec<String>, Error> {
    let mut frames = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest));
        frames.push(match now {
            [event] => event.get().to_owned(),
            several => serde_json::to_string(&Batch { events: several })
                .map_err(|error| Error::internal("a batch", &error))?,
        });
        rest = later;
    }
    Ok(frames)
}

/// The number of the first events that fit one frame: at least one, whatever its size.
fn fitting(events: &[&RawValue]) -> usize {
    let mut bytes = BATCH_AROUND_BYTES;
    let fit = events.iter().take_while(|event| {
        bytes += event.get().len() + BATCH_BETWEEN_BYTES;
        bytes - BATCH_BETWEEN_BYTES <= BATCH_BYTES_MAX
    });
    fit.count().max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

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
            as_json(&Reply::<(), RequestId>::error(None, &Error::NotJoined)),
            json!({"type": "reply", "ok": false, "error": {"code": "not_joined", "message": "join the channel first"}})
        );
        assert_eq!(
            as_json(&Reply::<(), RequestId>::error(None, &Error::RateLimited { retry_after_ms: 250 }))["error"]
                ["retryAfterMs"],
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
        let again: Event = serde_json::from_value(expected.clone()).unwrap();
        assert_eq!(as_json(&again), expected);
    }

    fn raw(json: impl Into<String>) -> Box<RawValue> {
        RawValue::from_string(json.into()).unwrap()
    }

    #[test]
    fn one_event_has_its_own_frame_and_several_share_one() {
        let [one, two] = [raw(r#"{"type":"event","seq":1}"#), raw(r#"{"type":"event","seq":2}"#)];
        assert_eq!(frames(&[]).unwrap(), Vec::<String>::new());
        assert_eq!(frames(&[&one]).unwrap(), [one.get()]);
        assert_eq!(
            frames(&[&one, &two]).unwrap(),
            [r#"{"type":"batch","events":[{"type":"event","seq":1},{"type":"event","seq":2}]}"#]
        );
    }

    #[test]
    fn an_event_over_the_limit_is_sent_alone() {
        let (large, small) = (raw(format!("\"{}\"", "x".repeat(BATCH_BYTES_MAX))), raw("1"));
        assert_eq!(frames(&[&small, &large, &small]).unwrap(), ["1", large.get(), "1"]);
    }

    proptest! {
        #[test]
        fn no_frame_is_too_large_and_nothing_is_lost(sizes in prop::collection::vec(1usize..BATCH_BYTES_MAX - 2, 0..40)) {
            let events: Vec<_> = sizes.iter().map(|size| raw(format!("\"{}\"", "x".repeat(*size)))).collect();
            let events: Vec<_> = events.iter().map(|event| &**event).collect();
            let frames = frames(&events).unwrap();
            let mut unpacked = Vec::new();
            for frame in &frames {
                prop_assert!(frame.len() <= BATCH_BYTES_MAX, "{}", frame.len());
                match serde_json::from_str(frame).unwrap() {
                    Value::String(alone) => unpacked.push(alone.len()),
                    batch => unpacked.extend(batch["events"].as_array().unwrap().iter().map(|e| e.as_str().unwrap().len())),
                }
            }
            prop_assert_eq!(&unpacked, &sizes);
            // As few as there can be: the first event of a frame would not have fitted into the one before it.
            let mut at = 0;
            for pair in frames.windows(2) {
                let of_first = if pair[0].starts_with('"') { 1 } else { serde_json::from_str::<Value>(&pair[0]).unwrap()["events"].as_array().unwrap().len() };
                at += of_first;
                let around = if of_first == 1 { BATCH_AROUND_BYTES } else { 0 };
                prop_assert!(pair[0].len() + around + BATCH_BETWEEN_BYTES + sizes[at] + 2 > BATCH_BYTES_MAX);
            }
        }
    }
}
