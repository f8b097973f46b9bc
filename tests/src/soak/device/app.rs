//! What an app does with the client: it subscribes, sends and asks by commands, and takes what the callbacks and the
//! promises report. What the client must do, it leaves to the client; what an app must do, it does: it subscribes again
//! after it was removed, and sends again, by the same key, what has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::calls::{Call, Draft, Kept, Said};
use super::channel::{Channel, State};
use super::dialling::Calling;
use super::socket::Socket;
use crate::soak::record::Entry;
use crate::soak::settings::Settings;
use crate::soak::worker::Line;
use crate::soak::world::{World, has_presence};

/// Calls that wait for an answer at once, beside those that look around.
const CALLS_MAX: usize = 8;
/// How long an app waits for a `leave` that may never go out, before it subscribes again.
const CROSSING: Duration = Duration::from_secs(3);

/// An app, and all that it has seen.
pub(in crate::soak) struct App {
    pub(super) settings: Settings,
    pub(super) world: Arc<World>,
    pub(super) line: Line,
    /// The state of the client's connection.
    pub(super) state: String,
    /// Whether the app has closed the client, so that it has to connect it.
    pub(super) is_closed: bool,
    pub(super) has_vanished: bool,
    /// Whether tokens and grants are to outlive the run, and statuses to be known.
    pub(super) is_quiet: bool,
    pub(super) channels: BTreeMap<String, Channel>,
    /// The calls that ring for the user, or that they are in, by their channels.
    pub(super) calling: BTreeMap<String, Calling>,
    pub(super) sockets: BTreeMap<u64, Socket>,
    pub(super) calls: BTreeMap<u64, Call>,
    made: u64,
    /// How many messages were said, and how many frames injected.
    pub(super) messages: u64,
    pub(super) injected: u64,
    /// What went out, by its key.
    pub(super) sent: BTreeMap<String, Said>,
    pub(super) kept: Vec<Kept>,
    /// What has failed for no fault of its own.
    pub(super) drafts: Vec<Draft>,
    /// The sockets whose tokens have been renewed, with when they expire.
    pub(super) renewed: BTreeSet<(u64, u64)>,
    pub(super) entries: Vec<Entry>,
}

impl App {
    /// One that wants the channels of its settings.
    pub(super) fn new(settings: Settings, world: Arc<World>, line: Line) -> Self {
        let channels = settings.channels.iter().map(|channel| (channel.clone(), Channel::new())).collect();
        Self {
            settings,
            world,
            line,
            state: "idle".to_owned(),
            is_closed: false,
            has_vanished: false,
            is_quiet: false,
            channels,
            calling: BTreeMap::new(),
            sockets: BTreeMap::new(),
            calls: BTreeMap::new(),
            made: 0,
            messages: 0,
            injected: 0,
            sent: BTreeMap::new(),
            kept: Vec::new(),
            drafts: Vec::new(),
            renewed: BTreeSet::new(),
            entries: Vec::new(),
        }
    }

    /// Starts the client.
    pub(super) fn start(&mut self, websocket: &str, http: Option<&str>) {
        let Settings { seed, pace, rotates, by_ticket, .. } = self.settings;
        let url = (!by_ticket).then_some(websocket);
        let fields = json!({"url": url, "http": http, "seed": seed, "pace": pace, "rotates": rotates});
        self.line.command("start", fields);
        for channel in self.settings.channels.clone() {
            self.subscribe(&channel);
        }
        self.connect();
    }

    /// Whether the user may do one thing more before the last are answered.
    pub(super) fn is_free(&self) -> bool {
        self.calls.values().filter(|call| !call.is_look()).count() < CALLS_MAX && !self.is_closed
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == "connected"
    }

    /// The channels that are so.
    pub(super) fn in_state(&self, wanted: impl Fn(&Channel) -> bool) -> Vec<String> {
        let channels = self.channels.iter().filter(|(_, channel)| wanted(channel));
        channels.map(|(name, _)| name.clone()).collect()
    }

    /// The channels that are joined, as the client has told.
    pub(in crate::soak) fn joined(&self) -> Vec<String> {
        self.in_state(|channel| channel.state == State::Joined)
    }

    /// The channels that are wanted, and not refused.
    pub(in crate::soak) fn wanted(&self) -> Vec<String> {
        self.in_state(|channel| matches!(channel.state, State::Pending | State::Joined))
    }

    /// The channels that have been left.
    pub(in crate::soak) fn left(&self) -> Vec<String> {
        self.in_state(|channel| channel.state == State::Unwanted)
    }

    /// The channels that are not for the user.
    pub(in crate::soak) fn foreign(&self) -> Vec<String> {
        let all = self.world.channels().into_iter();
        all.filter(|channel| !self.world.may_join(&self.settings.person.id, channel)).collect()
    }

    /// Subscribes, or subscribes again.
    pub(super) fn subscribe(&mut self, name: &str) {
        let presence = has_presence(name) && self.channels.contains_key(name);
        if let Some(channel) = self.channels.get_mut(name) {
            channel.subscribed();
        }
        let grant = self.settings.by_grant.iter().any(|own| own == name);
        let id = self.note(Call::Subscribe(name.to_owned()));
        let calls = self.has_call(name);
        let fields = json!({"id": id, "channel": name, "grant": grant, "presence": presence, "calls": calls});
        self.line.command("subscribe", fields);
    }

    pub(super) fn unsubscribe(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.unsubscribed();
        }
        self.line.command("unsubscribe", json!({"channel": name}));
    }

    /// Leaves a channel and joins it again, or the other way round, while the first is under way.
    pub(super) fn cross(&mut self, name: &str, now: Instant) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if channel.is_wanted() {
            channel.crosses = true;
            self.unsubscribe(name);
            if let Some(channel) = self.channels.get_mut(name) {
                channel.subscribe_at = Some(now + CROSSING);
            }
        } else {
            self.subscribe(name);
            self.unsubscribe(name);
        }
    }

    /// Tries to hear what is not for the user.
    pub(super) fn trespass(&mut self, name: &str) {
        let is_trying = |call: &Call| matches!(call, Call::Subscribe(channel) if channel == name);
        if !self.calls.values().any(is_trying) {
            self.subscribe(name);
        }
    }

    /// Does what has become due.
    pub(super) fn tick(&mut self, now: Instant) {
        for name in self.in_state(|channel| channel.subscribe_at.is_some_and(|at| at <= now)) {
            self.subscribe(&name);
        }
        if self.is_closed {
            return;
        }
        let (due, later): (Vec<Draft>, _) =
            std::mem::take(&mut self.drafts).into_iter().partition(|draft| draft.at <= now);
        self.drafts = later;
        for draft in due {
            self.send(draft);
        }
        if self.is_quiet {
            self.say_what_is_unknown();
        }
    }

    /// Says the status once more where it is not known to be said.
    fn say_what_is_unknown(&mut self) {
        for name in self.in_state(|channel| channel.state == State::Joined && !channel.is_said()) {
            let is_saying = |call: &Call| matches!(call, Call::Say { channel, .. } if *channel == name);
            if !self.calls.values().any(is_saying) {
                let status = self.channels.get(&name).map(|channel| channel.status.clone());
                self.say_status(&name, &status.unwrap_or_default());
            }
        }
    }

    pub(super) fn call(&mut self, method: &str, args: Value, call: Call) {
        let mut fields = json!({"id": self.note(call), "method": method});
        fields["args"] = args;
        self.line.command("call", fields);
    }

    fn note(&mut self, call: Call) -> u64 {
        self.made += 1;
        self.calls.insert(self.made, call);
        self.made
    }
}
