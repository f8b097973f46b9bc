//! The record of a run: what each device did and saw, what the backend did, and what the stack contained at the end. The verifier
//! reads nothing else, so tests can build a record by hand and break it.

mod backend;
mod entry;
mod tape;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

pub use self::backend::{Act, Change, Poison, Published, Report, Restriction, Way};
pub use self::entry::{Entry, Event};
pub use self::tape::{Note, Wire};
use super::world::World;

/// The rosters, by channel.
pub type Rosters = BTreeMap<String, Roster>;

/// The users who are present in a channel, with their statuses.
pub type Roster = BTreeMap<String, String>;

/// The record of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// The users and conversations.
    pub world: World,
    /// What each device did and saw.
    pub devices: Vec<DeviceRecord>,
    /// What the backend published, in that order.
    pub published: Vec<Published>,
    /// The backend's changes to who may join or send, in that order.
    pub acts: Vec<Act>,
    /// Every log at the end, as `history` returns it to a new member.
    pub logs: BTreeMap<String, Vec<Event>>,
    /// The latest values at the end, as a join returns them to a new member.
    pub latest: BTreeMap<String, Vec<Event>>,
    /// What the inboxes of the companies say at the end, by the channel of the conversation.
    pub inboxes: BTreeMap<String, Listed>,
    /// The results of the searches over the companies' conversations at the end; empty if nothing is indexed.
    pub searches: Vec<Search>,
    /// The chat events that the backend received; `None` if none are sent to it.
    pub reports: Option<Vec<Report>>,
    /// The dead letters.
    pub letters: Vec<Value>,
}

/// A search over all conversations of a company, with the results of all pages.
#[derive(Debug, Clone, Serialize)]
pub struct Search {
    /// The company.
    pub company: String,
    /// Words that the messages must all contain.
    pub query: String,
    /// The messages in the results.
    pub found: Vec<Event>,
}

/// What an inbox says of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The number of its messages.
    pub n: u64,
    /// The seq of its last message.
    pub seq: Option<u64>,
    /// The beginning of that message's text.
    pub excerpt: Option<String>,
}

/// What one device did and saw, in order.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceRecord {
    /// Its name.
    pub device: String,
    /// Its user.
    pub user: String,
    /// What happened.
    pub entries: Vec<Entry>,
    /// What happened on each of its connections.
    pub tapes: Vec<Vec<Note>>,
    /// Its state at the end.
    pub standing: Standing,
    /// How often it performed each operation.
    pub operations: BTreeMap<&'static str, u64>,
}

/// The state of a device.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Standing {
    /// Whether it is connected.
    pub is_up: bool,
    /// Whether nothing is left to do: it is connected, all channels are joined, all sends are settled, and no call is going on.
    pub is_settled: bool,
    /// Whether it has vanished for good. Its sends are then never settled.
    pub has_vanished: bool,
    /// The channels that it has joined, each with the last seq that its callback received.
    pub joined: BTreeMap<String, u64>,
    /// The channels that it is subscribed to, but whose last join was refused.
    pub barred: BTreeSet<String>,
    /// The channels that it has joined, as the server says.
    pub known: Option<BTreeSet<String>>,
    /// The events that it heard without a post, though it was a member, by channel. Usually there are none.
    pub unposted: BTreeMap<String, BTreeSet<u64>>,
    /// The channels with a call that rings for it or that it is in, as the client says.
    pub calling: BTreeSet<String>,
    /// Its own status in each joined channel; `None` if no reply has confirmed one.
    pub statuses: BTreeMap<String, Option<String>>,
    /// The rosters of the joined channels when it last asked.
    pub rosters: Rosters,
    /// The rosters of the joined channels, as it was told since it joined.
    pub told: Rosters,
    /// The number of users present in them, where it was told only that.
    pub counted: BTreeMap<String, usize>,
}

impl Record {
    /// The events of all logs.
    pub(super) fn logged(&self) -> impl Iterator<Item = &Event> {
        self.logs.values().flatten()
    }

    /// What the backend published, by its timestamp.
    pub(super) fn published_by_mark(&self) -> BTreeMap<&str, &Published> {
        self.published.iter().map(|one| (one.mark.as_str(), one)).collect()
    }

    /// Every entry, with its device.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&DeviceRecord, &Entry)> {
        self.devices.iter().flat_map(|device| device.entries.iter().map(move |entry| (device, entry)))
    }
}
