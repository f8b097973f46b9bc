//! A reference client: what a careful one does with the wire, and nothing of how it is connected. Frames and the time
//! go in; frames go out, and what happened is written down.
//!
//! It follows the channels that it wants, each in order and once (`cursor`); joins again with `since` when the
//! connection is lost or the server no longer knows the membership; fetches what it misses; sends its own messages,
//! each with one key, until it is known what became of them (`outbox`); and pings, so that it finds out when it
//! hears nothing because nobody knows of it any more. What the user does with it is in `user`, what became of
//! its requests in `replies`.

mod cursor;
mod outbox;
mod replies;
mod requests;
#[cfg(test)]
mod tests;
mod user;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::cursor::{Cursor, Membership};
use self::outbox::Outbox;
use self::requests::{Ask, Requests};
use super::record::{Entry, Event, Rosters, Standing};
use crate::client::chat;

/// Between two pings. A browser takes longer; here nobody wants to wait for it.
const BEAT: Duration = Duration::from_secs(2);
/// Before something that failed without a reason is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// Requests on their way at once, beside those that the client makes by itself.
const REQUESTS_MAX: usize = 8;
/// Events in a page.
const PAGE: u64 = 100;

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
    device: String,
    user: String,
    link: Link,
    cursors: BTreeMap<String, Cursor>,
    outbox: Outbox,
    requests: Requests,
    outgoing: Vec<Value>,
    beat_at: Instant,
    /// Until when it was told to be quiet.
    calm_until: Instant,
    nonsense: u64,
    /// Who was in each channel when it was last asked.
    rosters: Rosters,
    pub(super) entries: Vec<Entry>,
}

impl Session {
    /// A client that wants these channels.
    pub(super) fn new(device: &str, user: &str, channels: &[String], now: Instant) -> Self {
        Self {
            device: device.to_owned(),
            user: user.to_owned(),
            link: Link::Down,
            cursors: channels.iter().map(|channel| (channel.clone(), Cursor::wanted(now))).collect(),
            outbox: Outbox::default(),
            requests: Requests::default(),
            outgoing: Vec::new(),
            beat_at: now,
            calm_until: now,
            nonsense: 0,
            rosters: Rosters::new(),
            entries: Vec::new(),
        }
    }

    /// There is a new one.
    pub(super) fn connected(&mut self, now: Instant) {
        self.link = Link::Up;
        self.beat_at = now + BEAT;
        self.entries.push(Entry::Connected);
        self.tick(now);
    }

    /// It is lost, or given up.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.link = Link::Down;
        self.requests.forget();
        self.outgoing.clear();
        self.outbox.disconnected(now);
        self.cursors.values_mut().for_each(|cursor| cursor.disconnected(now));
    }

    /// Whether it is to be given up and a new one made.
    pub(super) fn is_spent(&self) -> bool {
        self.link == Link::Spent
    }

    /// Takes a frame.
    pub(super) fn frame(&mut self, frame: &Value, now: Instant) {
        match frame["type"].as_str() {
            Some("event") => self.event(Event::of(frame), now),
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
        self.join_what_is_wanted(now);
        self.fetch_what_is_missing(now);
        self.send_what_is_due(now);
    }

    /// The frames that are to go out.
    pub(super) fn outgoing(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.outgoing)
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        let is_up = self.link == Link::Up;
        let follows = |cursor: &Cursor| cursor.membership == Membership::Left || cursor.is_caught_up();
        let joined = self.cursors.iter().filter(|(_, cursor)| cursor.membership == Membership::Joined);
        Standing {
            is_up,
            is_settled: is_up && self.outbox.is_empty() && self.cursors.values().all(follows),
            has_vanished: false,
            joined: joined.filter_map(|(channel, cursor)| Some((channel.clone(), cursor.last()?))).collect(),
            rosters: self.rosters.clone(),
        }
    }

    fn beat(&mut self, now: Instant) {
        self.beat_at = now + BEAT;
        if !self.requests.has(&Ask::Ping) {
            self.request("ping", json!({}), Ask::Ping, now);
        }
    }

    fn join_what_is_wanted(&mut self, now: Instant) {
        let mut joins = Vec::new();
        for (channel, cursor) in &mut self.cursors {
            if matches!(cursor.membership, Membership::Wanted(at) if at <= now) {
                cursor.membership = Membership::Joining;
                joins.push((channel.clone(), cursor.last()));
            }
        }
        for (channel, since) in joins {
            let mut fields = json!({"channel": channel});
            if let Some(since) = since {
                fields["since"] = since.into();
            }
            self.request("join", fields, Ask::Join { channel, since }, now);
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
            let base = *open.base.get_or_insert(last);
            let mut fields = chat(key, &open.channel, &open.content);
            fields["base"] = base.into();
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

    fn event(&mut self, event: Event, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(&event.channel) else {
            return self.entries.push(Entry::Stray(event));
        };
        if event.seq.is_none() {
            return self.entries.push(Entry::Heard(event));
        }
        if matches!(cursor.membership, Membership::Joining | Membership::Joined) {
            let heard = cursor.take(event, now);
            self.hear(heard);
        }
    }

    /// The callback: in order, and once. What is his own is settled by it.
    fn hear(&mut self, events: Vec<Event>) {
        for event in events {
            if let (Some(key), Some(seq), true) =
                (&event.key, event.seq, event.user.as_ref() == Some(&self.user))
                && self.outbox.keep(key, seq).is_some()
            {
                let (channel, key) = (event.channel.clone(), key.clone());
                self.entries.push(Entry::Found { channel, key, seq });
            }
            self.entries.push(Entry::Saw(event));
        }
    }
}
