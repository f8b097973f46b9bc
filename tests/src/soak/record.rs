//! What is written down in a run: what each device did and saw, what the backend said, and what was found at the
//! end. The verifier knows nothing else, so that a record can also be made by hand, and be broken.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::world::World;

/// Users by channel.
pub type Rosters = BTreeMap<String, BTreeSet<String>>;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// Who was there.
    pub world: World,
    /// What each device did and saw.
    pub devices: Vec<DeviceRecord>,
    /// What the backend said.
    pub published: Vec<Published>,
    /// Every log at the end, as `history` gives it to one who has just come.
    pub logs: BTreeMap<String, Vec<Event>>,
    /// The last values at the end, as a join gives them to one who has just come.
    pub latest: BTreeMap<String, Vec<Event>>,
    /// What could not be done.
    pub letters: Vec<Value>,
}

/// What one device did and saw, in order.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceRecord {
    /// Its name.
    pub device: String,
    /// Whose it is.
    pub user: String,
    /// What happened.
    pub entries: Vec<Entry>,
    /// How it stood at the end.
    pub standing: Standing,
    /// How often it did what.
    pub operations: BTreeMap<&'static str, u64>,
}

/// How a device stands.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Standing {
    /// Whether it is connected.
    pub is_up: bool,
    /// Whether it has nothing more to do: connected, all joined, nothing to catch up on, all sends settled.
    pub is_settled: bool,
    /// It has vanished for good: its sends stay open.
    pub has_vanished: bool,
    /// The channels that it has joined, each with the last seq at its callback.
    pub joined: BTreeMap<String, u64>,
    /// Who was in them when it last asked.
    pub rosters: Rosters,
}

/// Something that happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Entry {
    /// It means to send this; it may be tried more than once.
    Sent {
        /// Where.
        channel: String,
        /// The client message id.
        key: String,
        /// What.
        content: String,
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
    },
    /// It was found in the log, without a reply.
    Found {
        /// Where.
        channel: String,
        /// The client message id.
        key: String,
        /// Its place in the log.
        seq: u64,
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
    /// A channel that is not the user's opened to him.
    Opened {
        /// Which.
        channel: String,
    },
    /// A user was refused what is his.
    TurnedAway {
        /// Which channel, or the connection itself.
        what: String,
        /// The code or the status.
        code: String,
    },
    /// An answer that the contract does not have.
    Unexpected(String),
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
    /// The payload.
    pub data: Value,
}

/// What the backend said.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// Its number, by which it is known; the later, the higher.
    pub number: u64,
    /// The time in its payload, which nothing else has.
    pub mark: String,
    /// How it was said.
    pub way: Way,
    /// Where it is to be heard.
    pub channel: String,
    /// What.
    pub event: String,
    /// The payload.
    pub data: Value,
    /// Whether it is one that cannot be published.
    pub is_poison: bool,
}

/// How the backend says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Way {
    /// On the bus.
    Bus,
    /// By an item of the outbox.
    Outbox,
}

impl Event {
    /// From a frame.
    pub(super) fn of(frame: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            channel: text(&frame["channel"]).unwrap_or_default(),
            event: text(&frame["event"]).unwrap_or_default(),
            seq: frame["seq"].as_u64(),
            user: text(&frame["from"]["userId"]),
            key: text(&frame["key"]),
            data: frame["data"].clone(),
        }
    }

    /// The time that a published event is known by.
    pub(super) fn mark(&self) -> Option<&str> {
        self.data["timestamp"].as_str()
    }

    /// Whether it has all that `said` has, except for whether it has been read, which changes.
    pub(super) fn is(&self, said: &Value) -> bool {
        let mut fields = said.as_object().into_iter().flatten();
        fields.all(|(name, value)| name == "isRead" || self.data[name] == *value)
    }

    /// What it is the latest of, on a channel that keeps that.
    pub(super) fn latest_key(&self) -> Option<&str> {
        ["metric", "funnelId"].into_iter().find_map(|field| self.data[field].as_str())
    }
}

impl Record {
    /// The events of all logs.
    pub(super) fn logged(&self) -> impl Iterator<Item = &Event> {
        self.logs.values().flatten()
    }

    /// What the backend said, by its mark.
    pub(super) fn published_by_mark(&self) -> BTreeMap<&str, &Published> {
        self.published.iter().map(|one| (one.mark.as_str(), one)).collect()
    }

    /// The devices with what happened to them.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&DeviceRecord, &Entry)> {
        self.devices.iter().flat_map(|device| device.entries.iter().map(move |entry| (device, entry)))
    }
}
