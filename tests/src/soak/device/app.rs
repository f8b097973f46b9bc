//! An app: it subscribes, sends and asks by commands to its client, and handles what callbacks and promises report. It leaves to
//! the client what a client must do, and does what an app must do: it subscribes again after a removal, and sends again, with the
//! same key, what has failed.

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

/// The most calls that wait for an answer at once. Requests for a roster are not counted.
const CALLS_MAX: usize = 8;
/// How long an app waits for a `leave` that may never be sent, before it subscribes again.
const CROSSING: Duration = Duration::from_secs(3);

/// An app, and everything that it has seen.
pub(in crate::soak) struct App {
    pub(super) settings: Settings,
    pub(super) world: Arc<World>,
    pub(super) line: Line,
    pub(super) state: String,
    /// Whether the app has closed the client, and so must connect it again.
    pub(super) is_closed: bool,
    pub(super) has_vanished: bool,
    /// Whether the storm is over: then new tokens and grants outlive the run, and statuses are sent until they are confirmed.
    pub(super) is_quiet: bool,
    pub(super) channels: BTreeMap<String, Channel>,
    /// The calls that ring for the user, or that they are in, by channel.
    pub(super) calling: BTreeMap<String, Calling>,
    pub(super) sockets: BTreeMap<u64, Socket>,
    pub(super) calls: BTreeMap<u64, Call>,
    made: u64,
    /// How many messages and changes were made, and how many frames were injected.
    pub(super) messages: u64,
    pub(super) injected: u64,
    /// The messages and changes that were sent, by key.
    pub(super) sent: BTreeMap<String, Said>,
    pub(super) kept: Vec<Kept>,
    /// Messages and changes whose sends failed, to be sent again.
    pub(super) drafts: Vec<Draft>,
    /// The sockets for whose token it has been decided whether it is renewed, each with the expiry of that token.
    pub(super) renewed: BTreeSet<(u64, u64)>,
    pub(super) entries: Vec<Entry>,
}

impl App {
    /// An app that will subscribe to the channels of its settings.
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

    /// Starts the client, subscribes to the channels, and connects.
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

    /// Whether the user may perform another operation before the previous ones are answered.
    pub(super) fn is_free(&self) -> bool {
        self.calls.values().filter(|call| !call.is_look()).count() < CALLS_MAX && !self.is_closed
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == "connected"
    }

    /// The channels that match.
    pub(super) fn in_state(&self, wanted: impl Fn(&Channel) -> bool) -> Vec<String> {
        let channels = self.channels.iter().filter(|(_, channel)| wanted(channel));
        channels.map(|(name, _)| name.clone()).collect()
    }

    /// The channels that are joined, as the client says.
    pub(in crate::soak) fn joined(&self) -> Vec<String> {
        self.in_state(|channel| channel.state == State::Joined)
    }

    /// The channels that are subscribed to and not refused.
    pub(in crate::soak) fn wanted(&self) -> Vec<String> {
        self.in_state(|channel| matches!(channel.state, State::Pending | State::Joined))
    }

    /// The channels that the app has unsubscribed from.
    pub(in crate::soak) fn left(&self) -> Vec<String> {
        self.in_state(|channel| channel.state == State::Unwanted)
    }

    /// The channels that the user may never join.
    pub(in crate::soak) fn foreign(&self) -> Vec<String> {
        let all = self.world.channels().into_iter();
        all.filter(|channel| !self.world.may_join(&self.settings.person.id, channel)).collect()
    }

    /// Subscribes to a channel. If it is subscribed to already, the subscription is repeated.
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

    /// Leaves a channel and joins it again, or joins it and leaves it, while the first request is under way.
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

    /// Subscribes to a channel that the user may never join.
    pub(super) fn trespass(&mut self, name: &str) {
        let is_trying = |call: &Call| matches!(call, Call::Subscribe(channel) if channel == name);
        if !self.calls.values().any(is_trying) {
            self.subscribe(name);
        }
    }

    /// Does what is due now.
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

    /// Sends the status again on channels where the server may not have it.
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
