//! A channel as the app sees it: its subscription, how far its handler has come, and who is present.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::soak::record::{Event, Roster};

/// How many of the last messages a user can see.
const MESSAGES_MAX: usize = 20;

/// The state of the app's subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not subscribed.
    Unwanted,
    /// Subscribed, but not joined on the current connection, as far as the client has said.
    Pending,
    Joined,
    /// Subscribed, and refused.
    Barred,
}

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) state: State,
    /// The seq of the last event that the handler received, or at which it began.
    pub(super) last: Option<u64>,
    /// The last messages that the handler received, each with its author. Deleted ones are included.
    messages: VecDeque<(u64, Option<String>)>,
    /// When to subscribe again.
    pub(super) subscribe_at: Option<Instant>,
    /// Whether to subscribe again as soon as the `leave` has been sent.
    pub(super) crosses: bool,
    /// The roster that `watchPresence` last reported.
    pub(super) told: Option<Roster>,
    /// The number of present users that `watchPresence` last reported, if they were too many to name.
    pub(super) counted: Option<usize>,
    /// The roster in the last reply to `presence`.
    pub(super) roster: Option<Roster>,
    /// The user's own status.
    pub(super) status: String,
    /// Rises whenever the status is set.
    version: u64,
    /// The version of the status that the server has, if that is known.
    said: Option<u64>,
}

impl Channel {
    pub(super) fn new() -> Self {
        Self {
            state: State::Unwanted,
            last: None,
            messages: VecDeque::new(),
            subscribe_at: None,
            crosses: false,
            told: None,
            counted: None,
            roster: None,
            status: "online".to_owned(),
            version: 0,
            said: Some(0),
        }
    }

    /// The app has subscribed. If the channel was joined, it stays joined until the client says otherwise.
    pub(super) fn subscribed(&mut self) {
        if self.state == State::Unwanted {
            self.state = State::Pending;
        }
        (self.told, self.counted) = (None, None);
        (self.subscribe_at, self.crosses) = (None, false);
    }

    /// The app has unsubscribed. The client forgets the channel after a while, and with it the status, also one whose answer is
    /// still to come.
    pub(super) fn unsubscribed(&mut self) {
        self.state = State::Unwanted;
        (self.told, self.counted, self.roster) = (None, None, None);
        if self.version > 0 {
            self.version += 1;
            self.said = None;
        }
    }

    /// The handler received a durable event.
    pub(super) fn heard(&mut self, seq: u64, event: &Event) {
        self.last = Some(seq);
        if event.event == "chat.message" {
            self.messages.push_back((seq, event.user.clone()));
            if self.messages.len() > MESSAGES_MAX {
                self.messages.pop_front();
            }
        }
    }

    /// The messages that the user can see; with `by`, only those of that user.
    pub(super) fn messages(&self, by: Option<&str>) -> Vec<u64> {
        let is_wanted = |author: &Option<String>| by.is_none() || author.as_deref() == by;
        self.messages.iter().filter(|(_, author)| is_wanted(author)).map(|(seq, _)| *seq).collect()
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.state != State::Unwanted
    }

    /// The connection was lost or replaced.
    pub(super) fn disconnected(&mut self) {
        if self.state == State::Joined {
            self.state = State::Pending;
        }
    }

    /// Sets the user's own status. Returns its version.
    pub(super) fn says(&mut self, status: &str) -> u64 {
        status.clone_into(&mut self.status);
        self.version += 1;
        self.version
    }

    /// The server has this version of the status.
    pub(super) fn has_said(&mut self, version: u64) {
        self.said = Some(version);
    }

    pub(super) fn is_said(&self) -> bool {
        self.said == Some(self.version)
    }

    /// The user's own status, if the server certainly has it.
    pub(super) fn known_status(&self) -> Option<String> {
        self.is_said().then(|| self.status.clone())
    }

    /// Whether nothing is left to do on the channel.
    pub(super) fn is_settled(&self, is_quiet: bool) -> bool {
        match self.state {
            State::Unwanted => self.subscribe_at.is_none(),
            State::Pending => false,
            State::Joined => !is_quiet || self.is_said(),
            State::Barred => true,
        }
    }
}
