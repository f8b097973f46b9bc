//! How somebody's word becomes an event: a client's draft, or the backend's detail, checked and completed.
//!
//! # Layout
//! - here: what both come to
//! - `draft`: a client's; `detail`: the backend's

mod detail;
mod draft;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    Channel, Error, Key, Seq, Timestamp,
    event::EventName,
    frame::{Event, Sender},
    policy::Lane,
};

/// When the backend's word was sent, when it reached AWS, and when it is published.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// When its producer says that it was sent: what an event without a `timestamp` gets.
    pub sent_at: Timestamp,
    /// When it reached AWS, by a clock that its producer cannot set: no time of its own counts as later. A repeat has the
    /// same.
    pub taken_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl Times {
    /// All of it at one moment.
    pub const fn at(now: Timestamp) -> Self {
        Self { sent_at: now, taken_at: now, now }
    }
}

/// An event that may be published: it has its place in the policy, and its payload is whole.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Where.
    pub channel: Channel,
    /// What.
    pub event: EventName,
    /// What becomes of it.
    pub lane: Lane,
    /// When the server took it; of what is only kept as the latest, when it happened.
    pub at: Timestamp,
    /// When it happened, by its own `timestamp` and never in the future: of what is kept as the latest, the later one stays.
    pub happened_at: Timestamp,
    /// How far in the future its `timestamp` was, in milliseconds: what is left of the order of events by a clock that is ahead,
    /// which reach us at the same moment.
    pub ahead_ms: i64,
    /// Who caused it.
    pub from: Option<Sender>,
    /// What a repeat of it is known by, among those of the same sender.
    pub key: Option<Key>,
    /// What it is the latest of, on lanes that keep that.
    pub latest_key: Option<String>,
    /// The payload as it travels and is stored.
    pub data: Box<RawValue>,
}

impl Publication {
    /// The event as it is sent, with its place in the log where it has one.
    pub fn into_event(self, seq: Option<Seq>) -> Event {
        let Self { channel, event, at, from, key, data, .. } = self;
        Event { channel, event, seq, at, from, key, data }
    }
}

fn raw(payload: &impl Serialize) -> Result<Box<RawValue>, Error> {
    serde_json::value::to_raw_value(payload).map_err(|error| Error::internal("a payload", &error))
}

#[cfg(test)]
mod tests;
