//! What a device did and what its app heard, in order, and events as far as they matter here.

use serde::Serialize;
use serde_json::Value;

/// Something that happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Entry {
    /// It means to send this; it may be tried more than once.
    Sent {
        /// Where.
        channel: String,
        /// The client message id.
        key: String,
        /// What: the name of the event.
        event: String,
        /// Its draft.
        data: Value,
    },
    /// A reply said that it is kept.
    Acked {
        /// Where.
        channel: String,
        /// The client message id.
        key: String,
        /// Its place in the log.
        seq: u64,
        /// Whether the reply said that it was a repeat.
        duplicate: bool,
        /// When it came.
        at_ms: u64,
    },
    /// A reply refused it for good.
    Refused {
        /// Where.
        channel: String,
        /// The client message id.
        key: String,
        /// Why.
        code: String,
    },
    /// The first join of a channel: what comes after `at` is seen.
    Began {
        /// Which.
        channel: String,
        /// The log's last seq then.
        at: u64,
    },
    /// A later join brought what was missed.
    Recovered {
        /// Where.
        channel: String,
        /// How many events.
        events: usize,
    },
    /// A join said `recovered: false`: what comes after `at` is seen.
    Reset {
        /// Where.
        channel: String,
        /// What the device had seen.
        since: u64,
        /// The log's last seq then.
        at: u64,
    },
    /// A join's or a page's events are not all that came after what was asked for, and it does not say so.
    Partial {
        /// Where.
        channel: String,
        /// What was asked for, and what came.
        what: String,
    },
    /// An event of the log at the callback: what the app hears.
    Saw(Event),
    /// An event that is in no log, or a last value.
    Heard(Event),
    /// An event of a channel that the device has never wanted to hear.
    Stray(Event),
    /// A channel that is not the user's opened to them.
    Opened {
        /// Which.
        channel: String,
    },
    /// A user was refused what the user may have.
    TurnedAway {
        /// Which channel, or the connection itself.
        what: String,
        /// The code or the status.
        code: String,
        /// When it was asked for, in milliseconds of this machine's clock.
        asked_ms: u64,
        /// When it was refused.
        at_ms: u64,
    },
    /// For a while now the server has not known that the device is in the channel, or has known what is not so.
    Disagrees {
        /// Which channel.
        channel: String,
        /// What the server says, and what the device knows.
        what: String,
    },
    /// A frame was larger than API Gateway allows.
    Oversized {
        /// What the frame was.
        what: String,
        /// How large.
        bytes: usize,
    },
    /// An answer that the contract does not have.
    Unexpected(String),
    /// It means to start a call; it may be tried more than once.
    Called {
        /// Where.
        channel: String,
        /// The id of the call.
        call: String,
    },
    /// A reply said that there is such a call.
    Rang {
        /// Where.
        channel: String,
        /// The id of the call.
        call: String,
    },
    /// A new connection.
    Connected,
}

/// An event, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Where.
    pub channel: String,
    /// What.
    pub event: String,
    /// Its place in the log.
    pub seq: Option<u64>,
    /// Who sent it; the backend is nobody.
    pub user: Option<String>,
    /// The client message id, or the backend's.
    pub key: Option<String>,
    /// When it was sent, as the server says.
    pub at: String,
    /// The payload.
    pub data: Value,
}

impl Event {
    /// From a frame.
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

    /// When it was sent, in milliseconds of this machine's clock, which is a local stack's too.
    pub(in crate::soak) fn sent_ms(&self) -> Option<u64> {
        let at: jiff::Timestamp = self.at.parse().ok()?;
        at.as_millisecond().try_into().ok()
    }

    /// The time that a published event is known by.
    pub(in crate::soak) fn mark(&self) -> Option<&str> {
        self.data["timestamp"].as_str()
    }

    /// Whether it has all that `said` has, except for whether it has been read, which changes.
    pub(in crate::soak) fn is(&self, said: &Value) -> bool {
        let mut fields = said.as_object().into_iter().flatten();
        fields.all(|(name, value)| name == "isRead" || self.data[name] == *value)
    }

    /// What it is the latest of, on a channel that keeps that.
    pub(in crate::soak) fn latest_key(&self) -> Option<&str> {
        ["metric", "funnelId"].into_iter().find_map(|field| self.data[field].as_str())
    }
}
