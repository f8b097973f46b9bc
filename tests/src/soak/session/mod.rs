//! A reference client: what a careful one does with the wire, and nothing of how it is connected. Frames and the time
//! go in; frames go out, and what happened is written down.
//!
//! It follows the channels that it wants, each in order and once (`cursor`); joins and leaves them, in whatever order
//! the answers come (`membership`); joins again with `since` when the connection is lost; fetches what it misses; sends
//! its own messages, each with one key, until it is known what became of them (`outbox`); and pings, so that it finds out
//! when it hears nothing because nobody knows of it any more, and with a fresh token before the old one ends. What comes by
//! posts is in `hearing`, what the user does in `user`, what became of the requests in `replies`, who is there by what the
//! client is told in `told`, and how it stands in `standing`; what
//! the server knows of it is held against that in `known`.
//!
//! It heals what it misses, as a client must. That it had to is written down all the same, in the tape.

mod cursor;
mod hearing;
mod known;
mod membership;
mod outbox;
mod replies;
mod requests;
mod settings;
mod standing;
#[cfg(test)]
mod tests;
mod told;
mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::cursor::Cursor;
use self::outbox::Outbox;
use self::requests::{Ask, Requests};
pub(super) use self::settings::{Clock, Settings};
use self::told::Told;
use super::record::{Entry, Event, Note, Rosters, Wire};
use crate::client::chat;

/// Before something that failed without a reason is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// Requests on their way at once, beside those that the client makes by itself.
const REQUESTS_MAX: usize = 8;
/// Events in a page.
const PAGE: u64 = 100;
/// How long before its end a token is renewed.
const RENEWAL_MS: u64 = 12_000;

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Up,
    /// There is a socket, but it is of no use any more.
    Spent,
}

/// A client.
#[derive(Debug)]
pub(super) struct Session {
    settings: Settings,
    link: Link,
    cursors: BTreeMap<String, Cursor>,
    outbox: Outbox,
    requests: Requests,
    outgoing: Vec<Value>,
    beat_at: Instant,
    /// Until when it was told to be quiet.
    calm_until: Instant,
    /// Joins and leaves that went out on this connection.
    turns: u64,
    /// Until when the connection's token counts.
    token_until_ms: u64,
    /// Whether this connection's token is renewed, or let end.
    renews: bool,
    nonsense: u64,
    /// API Gateway's name of the connection, as `status` told.
    pub(super) connection_id: Option<String>,
    /// What `status` named last.
    known: Option<BTreeSet<String>>,
    /// The own status in each channel, where an answer told it.
    statuses: BTreeMap<String, Option<String>>,
    /// Who was in each channel when it was last asked.
    rosters: Rosters,
    told: BTreeMap<String, Told>,
    pub(super) entries: Vec<Entry>,
    pub(super) tape: Vec<Note>,
}

impl Session {
    /// A client that wants these channels.
    pub(super) fn new(settings: Settings, channels: &[String], now: Instant) -> Self {
        Self {
            settings,
            link: Link::Down,
            cursors: channels.iter().map(|channel| (channel.clone(), Cursor::wanted(now))).collect(),
            outbox: Outbox::default(),
            requests: Requests::default(),
            outgoing: Vec::new(),
            beat_at: now,
            calm_until: now,
            turns: 0,
            token_until_ms: u64::MAX,
            renews: true,
            nonsense: 0,
            connection_id: None,
            known: None,
            statuses: BTreeMap::new(),
            rosters: Rosters::new(),
            told: BTreeMap::new(),
            entries: Vec::new(),
            tape: Vec::new(),
        }
    }

    /// There is a new one, whose token counts so long.
    pub(super) fn connected(&mut self, token_until_ms: u64, renews: bool, now: Instant) {
        self.link = Link::Up;
        self.beat_at = now + self.settings.beat;
        (self.turns, self.token_until_ms, self.renews) = (0, token_until_ms, renews);
        self.entries.push(Entry::Connected);
        self.note(Wire::Opened, now);
        self.note(Wire::Token { until_ms: token_until_ms }, now);
        self.ask_status(now);
        self.tick(now);
    }

    /// It is lost, or given up.
    pub(super) fn disconnected(&mut self, now: Instant) {
        if self.link != Link::Down {
            self.note(Wire::Over, now);
        }
        self.link = Link::Down;
        self.requests.forget();
        self.outgoing.clear();
        self.outbox.disconnected(now);
        self.cursors.values_mut().for_each(|cursor| cursor.disconnected(now));
        self.told.clear();
        self.statuses.clear();
        (self.connection_id, self.known) = (None, None);
    }

    /// Whether it is to be given up and a new one made.
    pub(super) fn is_spent(&self) -> bool {
        self.link == Link::Spent
    }

    /// Takes a frame.
    pub(super) fn frame(&mut self, frame: &Value, now: Instant) {
        match frame["type"].as_str() {
            Some("event") => self.posted(Event::of(frame), now),
            Some("reply") => self.answered(frame, now),
            // The API's own word, that a function has failed or that it lets no more frames in.
            _ if frame.get("requestId").is_some() => {
                if let Some(ask) = self.requests.one_failed(now) {
                    self.again(ask, now + RETRY, now);
                }
            }
            _ => self.entries.push(Entry::Unexpected(frame.to_string())),
        }
        self.tick(now);
    }

    /// Does what has become due.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.link != Link::Up {
            return;
        }
        for ask in self.requests.expire(now) {
            self.unanswered(ask, now);
        }
        if self.link != Link::Up || now < self.calm_until {
            return;
        }
        if now >= self.beat_at {
            self.beat(now);
        }
        self.join_and_leave(now);
        self.fetch_what_is_missing(now);
        self.send_what_is_due(now);
    }

    /// The frames that are to go out.
    pub(super) fn outgoing(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.outgoing)
    }

    /// A frame goes out on the socket. An own message is then not posted to it.
    pub(super) fn goes_out(&mut self, frame: &Value, now: Instant) {
        if let (Some("send"), Some(key)) = (frame["action"].as_str(), frame["key"].as_str()) {
            self.outbox.sent_here(key);
            self.note(Wire::Sent { key: key.to_owned() }, now);
        }
    }

    fn beat(&mut self, now: Instant) {
        self.beat_at = now + self.settings.beat;
        if self.requests.has(|ask| matches!(ask, Ask::Ping(_))) {
            return;
        }
        let is_due = self.settings.clock.ms(now) + RENEWAL_MS > self.token_until_ms;
        let fresh = if is_due && self.renews { self.settings.token() } else { None };
        match fresh {
            Some(fresh) => {
                self.note(Wire::Renewing { until_ms: fresh.until_ms }, now);
                self.request("ping", json!({"token": fresh.text}), Ask::Ping(Some(fresh.until_ms)), now);
            }
            None => self.request("ping", json!({}), Ask::Ping(None), now),
        }
    }

    fn fetch_what_is_missing(&mut self, now: Instant) {
        let mut fetches = Vec::new();
        for (channel, cursor) in &mut self.cursors {
            fetches.extend(cursor.begin_fetch(now).map(|after| (channel.clone(), after)));
        }
        for (channel, after) in fetches {
            let fields = json!({"channel": channel, "after": after, "limit": PAGE});
            self.request("history", fields, Ask::Fetch { channel, after }, now);
        }
    }

    /// After a new connection only once all has come that was missed: one of them may be in it.
    fn send_what_is_due(&mut self, now: Instant) {
        let mut sends = Vec::new();
        for (key, open) in self.outbox.due(now) {
            let Some(cursor) = self.cursors.get(&open.channel) else { continue };
            let (Some(last), true) = (cursor.last(), cursor.is_caught_up()) else { continue };
            open.due = None;
            let mut fields = chat(key, &open.channel, &open.content);
            fields["base"] = open.base(last).into();
            sends.push((fields, Ask::Send { channel: open.channel.clone(), key: key.clone() }));
        }
        for (fields, ask) in sends {
            self.request("send", fields, ask, now);
        }
    }

    fn request(&mut self, action: &str, mut fields: Value, ask: Ask, now: Instant) {
        fields["id"] = self.requests.add(ask, now).to_string().into();
        fields["action"] = action.into();
        self.outgoing.push(fields);
    }

    fn note(&mut self, what: Wire, now: Instant) {
        self.tape.push(Note { at_ms: self.settings.clock.ms(now), what });
    }
}
