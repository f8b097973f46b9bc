//! What a device did and what its app heard, in order.

use serde::Serialize;
use serde_json::Value;

/// Something that happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Entry {
    /// The app means to send a message or a change; there may be several tries.
    Sent {
        /// The channel.
        channel: String,
        /// Its key.
        key: String,
        /// The name of the event.
        event: String,
        /// Its draft.
        data: Value,
    },
    /// A reply acknowledged a message or a change.
    Acked {
        /// The channel.
        channel: String,
        /// Its key.
        key: String,
        /// Its seq in the log.
        seq: u64,
        /// Whether the reply said that it was a duplicate.
        duplicate: bool,
        /// When the reply arrived.
        at_ms: u64,
    },
    /// A reply refused a message or a change for good.
    Refused {
        /// The channel.
        channel: String,
        /// Its key.
        key: String,
        /// The error code.
        code: String,
    },
    /// The first join of a channel: the app hears what comes after `at`.
    Began {
        /// The channel.
        channel: String,
        /// The log's last seq at that time.
        at: u64,
    },
    /// A later join returned what was missed.
    Recovered {
        /// The channel.
        channel: String,
        /// The number of events.
        events: usize,
    },
    /// A join said `recovered: false`: the app hears what comes after `at`.
    Reset {
        /// The channel.
        channel: String,
        /// The last seq that the device had seen.
        since: u64,
        /// The log's last seq at that time.
        at: u64,
    },
    /// The events of a join or of a page are not all that were asked for, and the reply does not say so.
    Partial {
        /// The channel.
        channel: String,
        /// What was asked for, and what was returned.
        what: String,
    },
    /// A durable event that a callback received.
    Saw(Event),
    /// An event without a seq, or a latest value, that a callback received.
    Heard(Event),
    /// An event of a channel that the device never subscribed to.
    Stray(Event),
    /// The user could join a channel that is closed to them.
    Opened {
        /// The channel.
        channel: String,
    },
    /// A request was refused, though the user may be allowed to make it.
    TurnedAway {
        /// The channel, or the connection itself.
        what: String,
        /// The error code, or the HTTP status.
        code: String,
        /// When the request was made, in milliseconds of this machine's clock.
        asked_ms: u64,
        /// When it was refused.
        at_ms: u64,
    },
    /// For a while the server has not known a membership of the device, or has known one that the device does not have.
    Disagrees {
        /// The channel.
        channel: String,
        /// What the server says, and what the device knows.
        what: String,
    },
    /// A frame was larger than API Gateway allows.
    Oversized {
        /// The beginning of the frame.
        what: String,
        /// Its size.
        bytes: usize,
    },
    /// An answer that the protocol does not allow.
    Unexpected(String),
    /// The app means to start a call; there may be several tries.
    Called {
        /// The channel.
        channel: String,
        /// The id of the call.
        call: String,
    },
    /// A reply said that a call exists.
    Rang {
        /// The channel.
        channel: String,
        /// The id of the call.
        call: String,
    },
    /// A new connection.
    Connected,
}

/// An event, with the fields that are checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// The channel.
    pub channel: String,
    /// The name of the event.
    pub event: String,
    /// Its seq in the log.
    pub seq: Option<u64>,
    /// The sender; `None` for the backend.
    pub user: Option<String>,
    /// Its key: the client's, or the backend's.
    pub key: Option<String>,
    /// When it was accepted, by the server.
    pub at: String,
    /// The payload.
    pub data: Value,
}

impl Event {
    /// Reads a frame.
    pub(in crate::soak) fn of(frame: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            channel: text(&frame["channel"]).unwrap_or_default(),
            event: text(&frame["event"]).unwrap_or_default(),
            seq: frame["seq"].as_u64(),
            user: text(&frame["from"]["userId"]),
            key: text(&frame["key"]),
            at: text(&frame["at"]).unwrap_or_default(),
            data: frame["data"].clone(),
        }
    }

    /// When it was accepted, in milliseconds of this machine's clock, which a local stack uses too.
    pub(in crate::soak) fn sent_ms(&self) -> Option<u64> {
        let at: jiff::Timestamp = self.at.parse().ok()?;
        at.as_millisecond().try_into().ok()
    }

    /// The timestamp in the payload, which identifies an event of the backend.
    pub(in crate::soak) fn mark(&self) -> Option<&str> {
        self.data["timestamp"].as_str()
    }

    /// Whether the payload has all fields of `said`. `isRead` is not compared, because it changes.
    pub(in crate::soak) fn is(&self, said: &Value) -> bool {
        let mut fields = said.as_object().into_iter().flatten();
        fields.all(|(name, value)| name == "isRead" || self.data[name] == *value)
    }

    /// The key of a latest value.
    pub(in crate::soak) fn latest_key(&self) -> Option<&str> {
        ["metric", "funnelId"].into_iter().find_map(|field| self.data[field].as_str())
    }
}
