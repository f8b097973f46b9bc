//! What is written down in a run: what each device did and saw, what the backend said and did, and what was found at the
//! end. The verifier knows nothing else, so that a record can also be made by hand, and be broken.

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

/// The status of each user who is present, by channel.
pub type Rosters = BTreeMap<String, Roster>;

/// The status of each user who is present in a channel.
pub type Roster = BTreeMap<String, String>;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// Who was there.
    pub world: World,
    /// What each device did and saw.
    pub devices: Vec<DeviceRecord>,
    /// What the backend said, in the order in which it was said.
    pub published: Vec<Published>,
    /// What the backend did to those who may hear, in order.
    pub acts: Vec<Act>,
    /// Every log at the end, as `history` gives it to one who has just come.
    pub logs: BTreeMap<String, Vec<Event>>,
    /// The last values at the end, as a join gives them to one who has just come.
    pub latest: BTreeMap<String, Vec<Event>>,
    /// What the inboxes of the companies say at the end, by the channel of the conversation.
    pub inboxes: BTreeMap<String, Listed>,
    /// What the searches over all conversations of a company found at the end; nothing where nothing is indexed.
    pub searches: Vec<Search>,
    /// What the backend heard of conversations; `None` where it was told nothing.
    pub reports: Option<Vec<Report>>,
    /// What could not be done.
    pub letters: Vec<Value>,
}

/// A search over all conversations of a company, to its last page.
#[derive(Debug, Clone, Serialize)]
pub struct Search {
    /// The company.
    pub company: String,
    /// Words, all of which the messages must have.
    pub query: String,
    /// The messages that it found.
    pub found: Vec<Event>,
}

/// What an inbox says of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// How many messages it has had.
    pub n: u64,
    /// The place of the last message.
    pub seq: Option<u64>,
    /// How its text begins.
    pub excerpt: Option<String>,
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
    /// What happened on each of its connections.
    pub tapes: Vec<Vec<Note>>,
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
    /// The channels that it wants, and was last refused.
    pub barred: BTreeSet<String>,
    /// The channels that it has joined, as the server knows it.
    pub known: Option<BTreeSet<String>>,
    /// Of each joined channel, the events that it has heard without a post, though it was a member; none as a rule.
    pub unposted: BTreeMap<String, BTreeSet<u64>>,
    /// The channels whose calls ring there, or which it is in, as the client has told.
    pub calling: BTreeSet<String>,
    /// Its own status in each joined channel; `None` where no answer told.
    pub statuses: BTreeMap<String, Option<String>>,
    /// Who was in them when it last asked.
    pub rosters: Rosters,
    /// Who is in them by what it was told since it joined.
    pub told: Rosters,
    /// How many are in them by that, where it was told no more than their number.
    pub counted: BTreeMap<String, usize>,
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
