//! A channel as the app sees it: whether it is subscribed and joined, how far its handler has come, and who is there.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::soak::record::{Event, Roster};

/// How many of the last messages a user can still see.
const MESSAGES_MAX: usize = 20;

/// What the app is in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not subscribed.
    Unwanted,
    /// Subscribed, and not joined on the connection that there is now, as far as the client has told.
    Pending,
    Joined,
    /// Subscribed, and refused.
    Barred,
}

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) state: State,
    /// The last seq that the handler was given, or where it began.
    pub(super) last: Option<u64>,
    /// The last messages that it was given, each with its author; those that were deleted since are among them.
    messages: VecDeque<(u64, Option<String>)>,
    /// When to subscribe again.
    pub(super) subscribe_at: Option<Instant>,
    /// Whether to subscribe again as soon as the `leave` has gone out.
    pub(super) crosses: bool,
    /// Who is here by the last that `watchPresence` told.
    pub(super) told: Option<Roster>,
    /// How many are here by that, where they were too many to name.
    pub(super) counted: Option<usize>,
    /// Who is here by the last answer to `presence`.
    pub(super) roster: Option<Roster>,
    /// The user's own status.
    pub(super) status: String,
    /// Rises whenever the status is set.
    version: u64,
    /// The version that the server has, where that is known.
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

    /// Subscribed now. Who is a member stays one as long as nothing says otherwise.
    pub(super) fn subscribed(&mut self) {
        if self.state == State::Unwanted {
            self.state = State::Pending;
        }
        (self.told, self.counted) = (None, None);
        (self.subscribe_at, self.crosses) = (None, false);
    }

    /// Not subscribed any more. The client forgets the channel after a while, and with it a status that was set; also one whose
    /// answer is still to come.
    pub(super) fn unsubscribed(&mut self) {
        self.state = State::Unwanted;
        (self.told, self.counted, self.roster) = (None, None, None);
        if self.version > 0 {
            self.version += 1;
            self.said = None;
        }
    }

    /// The handler was given an event of the log.
    pub(super) fn heard(&mut self, seq: u64, event: &Event) {
        self.last = Some(seq);
        if event.event == "chat.message" {
            self.messages.push_back((seq, event.user.clone()));
            if self.messages.len() > MESSAGES_MAX {
                self.messages.pop_front();
            }
        }
    }

    /// The messages that can still be seen, or those of them that are by this user.
    pub(super) fn messages(&self, by: Option<&str>) -> Vec<u64> {
        let is_wanted = |author: &Option<String>| by.is_none() || author.as_deref() == by;
        self.messages.iter().filter(|(_, author)| is_wanted(author)).map(|(seq, _)| *seq).collect()
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.state != State::Unwanted
    }

    /// The connection is another, or none.
    pub(super) fn disconnected(&mut self) {
        if self.state == State::Joined {
            self.state = State::Pending;
        }
    }

    /// Sets the own status; returns the version.
    pub(super) fn says(&mut self, status: &str) -> u64 {
        status.clone_into(&mut self.status);
        self.version += 1;
        self.version
    }

    /// The server has the status of this version.
    pub(super) fn has_said(&mut self, version: u64) {
        self.said = Some(version);
    }

    pub(super) fn is_said(&self) -> bool {
        self.said == Some(self.version)
    }

    /// The own status, where the server has it for sure.
    pub(super) fn known_status(&self) -> Option<String> {
        self.is_said().then(|| self.status.clone())
    }

    /// Whether nothing about it is left to be done.
    pub(super) fn is_settled(&self, is_quiet: bool) -> bool {
        match self.state {
            State::Unwanted => self.subscribe_at.is_none(),
            State::Pending => false,
            State::Joined => !is_quiet || self.is_said(),
            State::Barred => true,
        }
    }
}
