//! What the user does with his client: what goes out at once, or when it can.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::cursor::{Cursor, Membership};
use super::outbox::Kept;
use super::{Ask, Entry, REQUESTS_MAX, Session};
use crate::client::chat;
use crate::soak::world::has_presence;

impl Session {
    /// Whether he may do one thing more before the last are answered.
    pub(in crate::soak) fn is_free(&self, now: Instant) -> bool {
        self.requests.len() < REQUESTS_MAX && now >= self.calm_until
    }

    /// The channels that are wanted.
    pub(in crate::soak) fn wanted(&self) -> Vec<String> {
        self.in_state(|membership| !matches!(membership, Membership::Left | Membership::Leaving))
    }

    /// The channels that are joined.
    pub(in crate::soak) fn joined(&self) -> Vec<String> {
        self.in_state(|membership| membership == Membership::Joined)
    }

    /// The channels that have been left.
    pub(in crate::soak) fn left(&self) -> Vec<String> {
        self.in_state(|membership| membership == Membership::Left)
    }

    /// Wants a channel again.
    pub(in crate::soak) fn join(&mut self, channel: &str, now: Instant) {
        if let Some(cursor) = self.cursors.get_mut(channel) {
            cursor.membership = Membership::Wanted(now);
        }
    }

    /// Leaves a channel that is joined, and in which nothing is being sent.
    pub(in crate::soak) fn leave(&mut self, channel: &str, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(channel) else { return };
        if cursor.membership == Membership::Joined && !self.outbox.has_open(channel) {
            cursor.membership = Membership::Leaving;
            self.request("leave", json!({"channel": channel}), Ask::Leave(channel.to_owned()), now);
        }
    }

    /// Sends a chat message, when it can.
    pub(in crate::soak) fn say(&mut self, channel: &str, content: String, now: Instant) {
        let key = self.outbox.add(&self.device, channel, content.clone(), now);
        self.entries.push(Entry::Sent { channel: channel.to_owned(), key, content });
        self.tick(now);
    }

    /// Sends one that is kept already, as a client does that has forgotten it; `choose` picks it by number of `n`.
    pub(in crate::soak) fn repeat(&mut self, choose: impl FnOnce(usize) -> usize, now: Instant) {
        let kept: Vec<&Kept> =
            self.outbox.kept().iter().filter(|kept| self.has_joined(&kept.channel)).collect();
        if kept.is_empty() {
            return;
        }
        let Kept { channel, key, content, base } = kept[choose(kept.len())].clone();
        let mut fields = chat(&key, &channel, &content);
        fields["base"] = base.into();
        self.request("send", fields, Ask::Repeat { channel, key }, now);
    }

    /// Sends a chat message that must be refused.
    pub(in crate::soak) fn say_nonsense(&mut self, channel: &str, now: Instant) {
        self.nonsense += 1;
        let (channel, key) = (channel.to_owned(), format!("{}-nonsense-{}", self.device, self.nonsense));
        let fields = chat(&key, &channel, "");
        self.request("send", fields, Ask::Send { channel, key }, now);
    }

    /// Tries to join what is not his.
    pub(in crate::soak) fn trespass(&mut self, channel: &str, now: Instant) {
        self.request("join", json!({"channel": channel}), Ask::Trespass(channel.to_owned()), now);
    }

    /// Tells that all up to the last event is read.
    pub(in crate::soak) fn ack(&mut self, channel: &str, state: &str, now: Instant) {
        if let Some(seq @ 1..) = self.cursors.get(channel).and_then(Cursor::last) {
            self.ask("ack", json!({"channel": channel, "seq": seq, "state": state}), now);
        }
    }

    /// Asks who is in the channels that tell, once more only when the last answer has come.
    pub(in crate::soak) fn look_around(&mut self, now: Instant) {
        for channel in self.joined().into_iter().filter(|channel| has_presence(channel)) {
            let ask = Ask::Roster(channel.clone());
            if !self.requests.has(&ask) {
                self.request("presence", json!({"channel": channel}), ask, now);
            }
        }
    }

    /// Makes any other request on a channel.
    pub(in crate::soak) fn ask(&mut self, action: &str, fields: Value, now: Instant) {
        let channel = fields["channel"].as_str().unwrap_or_default().to_owned();
        self.request(action, fields, Ask::Other(channel), now);
    }

    fn has_joined(&self, channel: &str) -> bool {
        self.cursors.get(channel).is_some_and(|cursor| cursor.membership == Membership::Joined)
    }

    fn in_state(&self, wanted: impl Fn(Membership) -> bool) -> Vec<String> {
        let cursors = self.cursors.iter().filter(|(_, cursor)| wanted(cursor.membership));
        cursors.map(|(channel, _)| channel.clone()).collect()
    }
}
