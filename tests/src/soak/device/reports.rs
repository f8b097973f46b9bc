//! The worker's reports: the app's callbacks, the client's state, and the frames on its sockets.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::app::App;
use super::calls::{Call, Said, is_passing};
use super::channel::{Channel, State};
use super::socket::{Shown, Socket, said};
use crate::soak::record::{Entry, Event};
use crate::soak::worker::{Direction, Failure, Report, What};

/// The pause before the app subscribes again to a channel that was refused, or from which the user was removed.
const BARRED: Duration = Duration::from_millis(1_500);
/// The largest message that API Gateway delivers.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

impl App {
    /// Handles a report.
    pub(super) fn take(&mut self, Report { at_ms, what, .. }: Report) {
        match what {
            What::State { state, error } => self.state_changed(state, error.as_ref()),
            What::Error { error, channel } => {
                if !is_passing(&error) && !self.may_be_denied(&error) && error.code != "unauthorized" {
                    self.unexpected(format!("error on {channel:?}: {}: {}", error.code, error.message));
                }
            }
            What::Event { channel, event, latest } => self.event(&channel, &event, latest),
            What::Joined { channel, head, recovered, first } => {
                self.joined_now(&channel, head, recovered, first);
            }
            What::Lost { channel, after, next } => {
                self.entries.push(Entry::Reset { channel, since: after, at: next.saturating_sub(1) });
            }
            What::Refused { channel, error } => self.refused(&channel, &error),
            What::Present { channel, roster, count } => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    (channel.counted, channel.told) =
                        if roster.is_empty() { (Some(count), None) } else { (None, Some(roster)) };
                }
            }
            What::Call { channel, state, direction } => {
                self.call_changed(channel, &state, direction.as_deref());
            }
            What::Late { channel } => {
                self.unexpected(format!("{channel}: a callback after the unsubscription"));
            }
            What::Settled { id, value, error } => {
                let outcome = error.map_or_else(|| Ok(value.unwrap_or_default()), Err);
                self.settled(id, outcome, at_ms);
            }
            What::Asked { number, channel } => self.give(number, channel.as_deref()),
            What::Request { path, body } => self.requested(&path, &body),
            What::Thrown { message } => self.unexpected(format!("an exception was not caught: {message}")),
            socket => self.passed(socket, at_ms),
        }
    }

    /// Handles a report about a socket.
    fn passed(&mut self, what: What, at_ms: u64) {
        match what {
            What::Opening { socket, token } => {
                self.sockets.insert(socket, Socket::opening(token.as_deref(), at_ms));
            }
            What::Opened { socket } => {
                self.entries.push(Entry::Connected);
                if let Some(socket) = self.sockets.get_mut(&socket) {
                    socket.opened(at_ms);
                }
                self.ask_status();
            }
            What::TurnedAway { socket, status } => {
                let turned_away =
                    self.sockets.get(&socket).and_then(|socket| socket.turned_away(status, at_ms));
                self.entries.extend(turned_away);
            }
            What::Over { socket } => {
                if let Some(socket) = self.sockets.get_mut(&socket) {
                    socket.over(at_ms);
                }
            }
            What::Frame { socket, direction, text } => self.frame(socket, direction, &text, at_ms),
            _ => {}
        }
    }

    fn frame(&mut self, number: u64, direction: Direction, text: &str, at_ms: u64) {
        if direction == Direction::In && text.len() > MESSAGE_BYTES_MAX {
            let what = text.chars().take(200).collect();
            self.entries.push(Entry::Oversized { what, bytes: text.len() });
        }
        let Some(socket) = self.sockets.get_mut(&number).filter(|socket| socket.is_open) else { return };
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            return self.unexpected(format!("a frame is not JSON: {text}"));
        };
        let Shown { entries, leaving, sent } = match direction {
            Direction::In => socket.comes_in(&frame, at_ms),
            Direction::Out => socket.goes_out(frame, at_ms),
        };
        // After an unsubscription the client stays in the channel for a while, and may join without a grant. Such a refusal does
        // not count.
        let is_missed = |channel: &String| self.channels.get(channel).is_some_and(Channel::is_wanted);
        let counts = |entry: &Entry| match entry {
            Entry::TurnedAway { what, .. } => is_missed(what),
            _ => true,
        };
        let entries: Vec<Entry> = entries.into_iter().filter(counts).collect();
        self.entries.extend(entries);
        if let Some(channel) = leaving
            && self.channels.get(&channel).is_some_and(|channel| channel.crosses)
        {
            self.subscribe(&channel);
        }
        if let Some((said, key)) = sent {
            self.went_out(&said, &key);
        }
    }

    /// The client made a request by HTTP.
    fn requested(&mut self, path: &str, body: &str) {
        let fields: Value = serde_json::from_str(body).unwrap_or_default();
        if let (true, Some(key)) = (path.ends_with("/messages"), fields["key"].as_str()) {
            self.went_out(&said(&fields), key);
        }
    }

    /// A message or a change was sent. If the app gave it no key, the key is known from now on.
    fn went_out(&mut self, this: &Said, name: &str) {
        let is_it = |call: &&mut Call| matches!(call, Call::Send { said, .. } if said == this);
        if let Some(Call::Send { key: key @ None, .. }) = self.calls.values_mut().find(is_it) {
            *key = Some(name.to_owned());
        }
        self.goes_out(this, name);
    }

    fn state_changed(&mut self, state: String, error: Option<&Failure>) {
        self.channels.values_mut().for_each(Channel::disconnected);
        // With the error code `closed`, the app closed it.
        if state == "closed" && error.is_none_or(|error| error.code != "closed") {
            self.unexpected(format!("the client has closed itself: {error:?}"));
            self.connect();
        }
        self.state = state;
    }

    fn event(&mut self, name: &str, value: &Value, latest: bool) {
        let mut event = Event::of(value);
        // The client takes a message of its own from the server's ack, which does not name the sender.
        let is_echo = event.user.is_none() && event.data["userId"] == *self.settings.person.id;
        if let (true, "chat.message", Some(key)) = (is_echo, &*event.event, &event.key)
            && self.sent.contains_key(key)
        {
            event.user = Some(self.settings.person.id.clone());
        }
        if event.channel != name {
            return self.entries.push(Entry::Stray(event));
        }
        if self.is_foreign(name) {
            return self.entries.push(Entry::Opened { channel: name.to_owned() });
        }
        let Some(channel) = self.channels.get_mut(name) else {
            return self.entries.push(Entry::Stray(event));
        };
        if event.event == "access.revoked" {
            // The user may have been kicked, and may join again, so the app subscribes again.
            channel.state = State::Pending;
            channel.subscribe_at = Some(Instant::now() + BARRED);
            return;
        }
        let (Some(seq), false) = (event.seq, latest) else { return self.entries.push(Entry::Heard(event)) };
        channel.heard(seq, &event);
        let is_own = event.user.as_ref() == Some(&self.settings.person.id);
        if let Some(socket) = self.sockets.values_mut().rfind(|socket| socket.is_open) {
            socket.heard(&event, is_own);
        }
        self.entries.push(Entry::Saw(event));
    }

    fn joined_now(&mut self, name: &str, head: u64, recovered: bool, first: bool) {
        if self.is_foreign(name) {
            return self.entries.push(Entry::Opened { channel: name.to_owned() });
        }
        let Some(channel) = self.channels.get_mut(name) else { return };
        if first {
            channel.last = Some(head);
            self.entries.push(Entry::Began { channel: name.to_owned(), at: head });
        } else if recovered && channel.last != Some(head) {
            let what = format!("joined at {head}, and the handler is at {:?}", channel.last);
            self.entries.push(Entry::Partial { channel: name.to_owned(), what });
        }
        if channel.is_wanted() {
            channel.state = State::Joined;
            channel.subscribe_at = None;
        }
    }

    /// The client reports that a channel was refused. If it tries again by itself, nothing follows from that.
    fn refused(&mut self, name: &str, error: &Failure) {
        if is_passing(error) {
            return;
        }
        if !self.may_be_denied(error) {
            self.unexpected(format!("{name} was refused: {}: {}", error.code, error.message));
        }
        if self.is_foreign(name) {
            return self.unsubscribe(name);
        }
        if let Some(channel) = self.channels.get_mut(name).filter(|channel| channel.is_wanted()) {
            channel.state = State::Barred;
            channel.subscribe_at = Some(Instant::now() + BARRED);
        }
    }

    /// Gives the client the token or the grant that it asked for, if there is one.
    fn give(&mut self, number: u64, channel: Option<&str>) {
        let signed = match channel {
            Some(channel) => self.settings.grant(channel, self.is_quiet),
            None => self.settings.token(self.is_quiet),
        };
        if let Some(signed) = signed {
            self.line.command("give", json!({"number": number, "value": signed.text}));
        }
    }

    /// Whether the user may never join a channel.
    fn is_foreign(&self, channel: &str) -> bool {
        !self.world.may_join(&self.settings.person.id, channel)
    }
}
