//! What the user does with the client: what goes out at once, or when it can.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::cursor::{Cursor, Membership};
use super::outbox::Kept;
use super::{Ask, Entry, REQUESTS_MAX, Session, Settings};
use crate::client::chat;
use crate::soak::world::has_presence;

impl Session {
    /// Whether the user may do one thing more before the last are answered.
    pub(in crate::soak) fn is_free(&self, now: Instant) -> bool {
        self.requests.len() < REQUESTS_MAX && now >= self.calm_until
    }

    /// The channels that are wanted, and not refused.
    pub(in crate::soak) fn wanted(&self) -> Vec<String> {
        self.in_state(|membership| {
            matches!(membership, Membership::Wanted(_) | Membership::Joining | Membership::Joined)
        })
    }

    /// The channels that are joined.
    pub(in crate::soak) fn joined(&self) -> Vec<String> {
        self.in_state(|membership| membership == Membership::Joined)
    }

    /// The channels that have been left, or are being left.
    pub(in crate::soak) fn left(&self) -> Vec<String> {
        self.in_state(|membership| matches!(membership, Membership::Left | Membership::Leaving))
    }

    /// Wants a channel again, though the last leave may be under way.
    pub(in crate::soak) fn join(&mut self, channel: &str, now: Instant) {
        self.want(channel, now);
    }

    /// Leaves a channel that is joined or being joined, and in which nothing is being sent. Whether it does.
    pub(in crate::soak) fn leave(&mut self, channel: &str, now: Instant) -> bool {
        let Some(cursor) = self.cursors.get_mut(channel) else { return false };
        let is_in = matches!(cursor.membership, Membership::Joined | Membership::Joining);
        if is_in && !self.outbox.has_open(channel) {
            cursor.is_no_member(Membership::Unwanted(now));
            self.tick(now);
            return true;
        }
        false
    }

    /// Leaves a channel and joins it again, or the other way round, without waiting for the answers.
    pub(in crate::soak) fn cross(&mut self, channel: &str, now: Instant) {
        if self.leave(channel, now) {
            self.join(channel, now);
        } else if self.left().iter().any(|left| left == channel) {
            self.join(channel, now);
            self.tick(now);
            self.leave(channel, now);
        }
        self.tick(now);
    }

    /// Says something in every conversation that it is in, for all who are there to hear.
    pub(in crate::soak) fn answer_roll_call(&mut self, now: Instant) {
        for channel in self.joined().into_iter().filter(|channel| channel.starts_with("conversation:")) {
            self.say(&channel, "here".to_owned(), now);
        }
    }

    /// Who it is.
    pub(in crate::soak) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Keeps to the connection that it has from now on, as far as that is for it to say.
    pub(in crate::soak) const fn settle_down(&mut self) {
        self.renews = true;
    }

    /// Sends a chat message, when it can.
    pub(in crate::soak) fn say(&mut self, channel: &str, content: String, now: Instant) {
        let key = self.outbox.add(&self.settings.device, channel, content.clone(), now);
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
        let (channel, key) =
            (channel.to_owned(), format!("{}-nonsense-{}", self.settings.device, self.nonsense));
        let fields = chat(&key, &channel, "");
        self.request("send", fields, Ask::Send { channel, key }, now);
    }

    /// Tells the others a status of one's own.
    pub(in crate::soak) fn say_status(&mut self, channel: &str, status: &str, now: Instant) {
        let data = json!({"status": status});
        let fields = json!({"channel": channel, "event": "presence.update", "data": data});
        let (channel, status) = (channel.to_owned(), status.to_owned());
        // Of two that are under way at once it would not be known which is the later.
        if self.requests.has(|ask| matches!(ask, Ask::Say { channel: other, .. } if *other == channel)) {
            return;
        }
        self.request("send", fields, Ask::Say { channel, status }, now);
    }

    /// Tries to join what is not for the user.
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
            if !self.requests.has(|open| *open == ask) {
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
