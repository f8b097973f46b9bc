//! What a client sends: one JSON object a frame, `action` and `id` beside the action's own fields.
//!
//! Unknown fields are refused, so that a typing error is told and not swallowed.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    Channel, Error, Key, RequestId, Seq, UserId,
    event::{EventName, Presence, ReceiptState},
    frame::Event,
    id::ConnectionId,
    text::Text,
    time::Timestamp,
};

/// The most events of one `history` page.
pub const HISTORY_LIMIT_MAX: u8 = 100;
/// The longest text that `history` looks for, in bytes.
pub const CONTAINS_BYTES_MAX: usize = 256;

/// A route of the API: its name, its fields, and what its reply carries.
pub trait Action: DeserializeOwned {
    /// The value of `action` that selects it.
    const NAME: &'static str;
    /// The `data` of its reply.
    type Reply: Serialize;
}

/// A client's frame, parsed.
#[derive(Debug, PartialEq)]
pub struct Request<A> {
    /// The caller's reference, to be echoed.
    pub id: Option<RequestId>,
    /// What he wants.
    pub action: A,
}

/// A frame that is no request, with as much of its `id` as could be read, so that the caller knows which one it was.
#[derive(Debug, PartialEq)]
pub struct Rejected {
    /// The caller's reference, where there was one.
    pub id: Option<RequestId>,
    /// Why.
    pub error: Error,
}

/// Parses a frame whose `action` API Gateway has already matched to `A`'s route.
///
/// ```
/// use funnelcast_core::action::{Join, parse};
///
/// let request = parse::<Join>(r#"{"action":"join","id":"7","channel":"conversation:c1","since":41}"#).unwrap();
/// assert_eq!(request.action.channel.to_string(), "conversation:c1");
/// ```
pub fn parse<A: Action>(body: &str) -> Result<Request<A>, Rejected> {
    let (id, fields) = envelope(body)?;
    let rejected = |error| Rejected { id: id.clone(), error };
    if let Some(Value::String(channel)) = fields.get("channel") {
        channel.parse::<Channel>().map_err(rejected)?;
    }
    let action = Error::parse(Value::Object(fields)).map_err(rejected)?;
    Ok(Request { id, action })
}

/// The refusal of a frame that no route took: it names no action that exists, or is no request at all.
pub fn reject_unrouted(body: &str) -> Rejected {
    match envelope(body) {
        Ok((id, _)) => Rejected { id, error: Error::UnknownAction },
        Err(rejected) => rejected,
    }
}

/// Takes `action` and `id` off a frame, and leaves the action's own fields.
fn envelope(body: &str) -> Result<(Option<RequestId>, Map<String, Value>), Rejected> {
    let bad = |id, text: &'static str| Rejected { id, error: Error::BadRequest(text.into()) };
    let mut fields = match serde_json::from_str(body) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Err(bad(None, "a frame is a JSON object")),
        Err(error) => return Err(Rejected { id: None, error: Error::from_serde(&error) }),
    };
    let id = match fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => {
            Some(RequestId::try_from(id).map_err(|error| Rejected { id: None, error })?)
        }
        Some(_) => return Err(bad(None, "`id` is a string of 1 to 64 bytes")),
    };
    match fields.remove("action") {
        Some(Value::String(_)) => Ok((id, fields)),
        _ => Err(bad(id, "`action` is missing or no string")),
    }
}

/// Begins to hear a channel.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Which.
    pub channel: Channel,
    /// The last seq seen; what came after it is in the reply.
    #[serde(default)]
    pub since: Option<Seq>,
    /// A token of the app's backend for just this channel.
    #[serde(default)]
    pub grant: Option<String>,
}

/// The reply to [`Join`].
#[derive(Debug, Serialize)]
pub struct Joined {
    /// Which.
    pub channel: Channel,
    /// The log's last seq; 0 where it is empty.
    pub head: Seq,
    /// Whether `events` and what `history` has after them are all that came after `since`.
    pub recovered: bool,
    /// What came after `since`.
    pub events: Vec<Event>,
    /// Whether the reply's size cut `events`, and `history` has the rest.
    pub more: bool,
    /// The last value of each key, on channels that keep one.
    pub latest: Vec<Event>,
    /// Who is here, on channels that tell.
    pub presence: Vec<Presence>,
}

/// Ceases to hear a channel.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// Which.
    pub channel: Channel,
}

/// The reply to [`Leave`].
#[derive(Debug, Serialize)]
pub struct Left {
    /// Which.
    pub channel: Channel,
}

/// Publishes an event.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Where.
    pub channel: Channel,
    /// What.
    pub event: EventName,
    /// The event's draft: what the client says of it.
    pub data: Value,
    /// The client message id, for durable events: a retry with the same one is the same send.
    #[serde(default)]
    pub key: Option<Key>,
    /// The last seq that the sender knew when it first tried this `key`.
    #[serde(default)]
    pub base: Option<Seq>,
}

/// The reply to [`Send`].
#[derive(Debug, Serialize)]
pub struct Sent {
    /// Its place in the log, where it is durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// When the server took it.
    pub at: Timestamp,
    /// The client message id, where it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Whether an earlier try had already been kept.
    pub duplicate: bool,
    /// How many connections it was posted to before this reply; those that the stream serves do not count.
    pub recipients: usize,
}

/// Tells how far the user has come.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Where.
    pub channel: Channel,
    /// Up to which seq.
    pub seq: Seq,
    /// What he did with them.
    pub state: ReceiptState,
}

/// The reply to [`Ack`].
#[derive(Debug, Serialize)]
pub struct Acked {
    /// The watermark now, which never goes back.
    pub seq: Seq,
}

/// Reads a page of the log.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Of which channel.
    pub channel: Channel,
    /// The events before this seq, the latest of them.
    #[serde(default)]
    pub before: Option<Seq>,
    /// The events after this seq, the earliest of them.
    #[serde(default)]
    pub after: Option<Seq>,
    /// How many.
    pub limit: HistoryLimit,
    /// Only chat messages whose content has this in it, whatever the case of its letters.
    #[serde(default)]
    pub contains: Option<Text<CONTAINS_BYTES_MAX>>,
}

/// How many events a page may have: 1 to [`HISTORY_LIMIT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub struct HistoryLimit(u8);

impl HistoryLimit {
    /// The number itself.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl TryFrom<u8> for HistoryLimit {
    type Error = Error;

    fn try_from(number: u8) -> Result<Self, Error> {
        if (1..=HISTORY_LIMIT_MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Error::BadRequest("`limit` is a whole number from 1 to 100".into()))
        }
    }
}

/// The reply to [`History`].
#[derive(Debug, Serialize)]
pub struct Page {
    /// In the order of their seqs.
    pub events: Vec<Event>,
    /// Whether there are more in the direction asked for.
    pub more: bool,
    /// Where there are: the `before` or `after` to go on with. It need not be an event of this page, because a search
    /// looks through many events to find few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Seq>,
}

/// Asks who is here.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceQuery {
    /// Where.
    pub channel: Channel,
}

/// The reply to [`PresenceQuery`].
#[derive(Debug, Serialize)]
pub struct Roster {
    /// Who is here.
    pub users: Vec<Presence>,
    /// How many.
    pub count: usize,
}

/// Asks what the server knows of this connection.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {}

/// The reply to [`Status`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReply {
    /// API Gateway's name for it.
    pub connection_id: ConnectionId,
    /// Whose it is.
    pub user: UserId,
    /// Since when.
    pub connected_at: Timestamp,
    /// When its token stops counting.
    pub expires_at: Timestamp,
    /// What it has joined.
    pub channels: Vec<Channel>,
}

/// Keeps the connection from idling, and may carry a fresh token.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// Of the same user with the same companies, and still to expire: the connection then lives as long as it.
    #[serde(default)]
    pub token: Option<String>,
}

/// The reply to [`Ping`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    /// The server's clock.
    pub at: Timestamp,
    /// When the fresh token stops counting, where one came along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Ties each action to its name and reply.
macro_rules! actions {
    ($($action:ty = $name:literal -> $reply:ty;)*) => {
        $(impl Action for $action {
            const NAME: &'static str = $name;
            type Reply = $reply;
        })*
    };
}

actions! {
    Join = "join" -> Joined;
    Leave = "leave" -> Left;
    Send = "send" -> Sent;
    Ack = "ack" -> Acked;
    History = "history" -> Page;
    PresenceQuery = "presence" -> Roster;
    Status = "status" -> StatusReply;
    Ping = "ping" -> Pong;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code<A: Action + std::fmt::Debug>(body: &str) -> (&'static str, Option<String>) {
        let rejected = parse::<A>(body).expect_err(body);
        (rejected.error.code(), rejected.id.map(|id| id.to_string()))
    }

    #[test]
    fn a_refusal_says_which_request_it_was() {
        assert_eq!(code::<Join>(r#"{"action":"join","id":"7"}"#), ("bad_request", Some("7".into())));
        let bad_channel = r#"{"action":"join","id":"7","channel":"chat:1"}"#;
        assert_eq!(code::<Join>(bad_channel), ("invalid_channel", Some("7".into())));
        assert_eq!(code::<Join>(r#"{"action":"join","id":7,"channel":"system"}"#), ("bad_request", None));
        assert_eq!(code::<Ping>("[]"), ("bad_request", None));
        assert_eq!(code::<Ping>("{"), ("bad_request", None));
    }

    #[test]
    fn a_field_that_does_not_exist_is_named() {
        let rejected = parse::<Join>(r#"{"action":"join","channel":"system","sinse":1}"#).unwrap_err();
        assert!(rejected.error.public_message().contains("sinse"), "{:?}", rejected.error);
    }

    #[test]
    fn what_no_route_took() {
        assert_eq!(reject_unrouted(r#"{"action":"dance","id":"1"}"#).error, Error::UnknownAction);
        assert_eq!(reject_unrouted(r#"{"id":"1"}"#).error.code(), "bad_request");
        assert_eq!(reject_unrouted("hello").error.code(), "bad_request");
    }

    #[test]
    fn every_action_of_the_protocol() {
        parse::<Leave>(r#"{"action":"leave","channel":"system"}"#).unwrap();
        parse::<Send>(
            r#"{"action":"send","channel":"conversation:c","event":"chat.message","data":{},"key":"k","base":0}"#,
        )
        .unwrap();
        parse::<Ack>(r#"{"action":"ack","channel":"conversation:c","seq":3,"state":"read"}"#).unwrap();
        parse::<History>(r#"{"action":"history","channel":"conversation:c","before":9,"limit":50}"#).unwrap();
        parse::<PresenceQuery>(r#"{"action":"presence","channel":"conversation:c"}"#).unwrap();
        parse::<Status>(r#"{"action":"status"}"#).unwrap();
        parse::<Ping>(r#"{"action":"ping","id":"p"}"#).unwrap();
        assert_eq!(code::<Ping>(r#"{"action":"ping","now":true}"#).0, "bad_request");
        for limit in ["0", "101", "-1", "\"9\""] {
            let body = format!(r#"{{"action":"history","channel":"conversation:c","limit":{limit}}}"#);
            assert_eq!(code::<History>(&body).0, "bad_request", "{limit}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(body in "\\PC{0,200}") {
            let _ = parse::<Send>(&body);
            let _ = reject_unrouted(&body);
        }

        #[test]
        fn a_join_survives_its_json(id in "[ -~]{1,64}", channel in "user:[a-z]{1,9}", since in 0u64..1 << 53) {
            let body = serde_json::json!({"action": "join", "id": id, "channel": channel, "since": since});
            let request = parse::<Join>(&body.to_string()).unwrap();
            prop_assert_eq!(request.id.unwrap().to_string(), id);
            prop_assert_eq!(request.action.channel.to_string(), channel);
            prop_assert_eq!(request.action.since.unwrap().get(), since);
        }
    }
}
