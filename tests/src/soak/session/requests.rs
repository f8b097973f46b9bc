//! Requests on their way: what each asked for, and until when its answer is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long an answer may take: a cold function of a debug build on a loaded machine included.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// How long it may take once it is known that one of several functions has failed, though not which.
const DOUBTFUL_ANSWER_MAX: Duration = Duration::from_secs(2);

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Join {
        channel: String,
        since: Option<u64>,
        /// Its number among the joins and leaves of the connection.
        turn: u64,
        /// Until when its grant counts, where it has one.
        until_ms: Option<u64>,
    },
    /// Of a channel that is not for the user.
    Trespass(String),
    Leave {
        channel: String,
        turn: u64,
    },
    /// An own message, by its key.
    Send {
        channel: String,
        key: String,
    },
    /// Once more what is kept already.
    Repeat {
        channel: String,
        key: String,
    },
    /// A page after this seq.
    Fetch {
        channel: String,
        after: u64,
    },
    /// With a fresh token it says until when that counts.
    Ping(Option<u64>),
    /// What the server knows of the connection.
    Status,
    /// Who is in a channel.
    Roster(String),
    /// An own status.
    Say {
        channel: String,
        status: String,
    },
    /// Something of which only a refusal is of interest.
    Other(String),
}

/// The requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    made: u64,
    open: BTreeMap<u64, Open>,
}

/// A request that is not answered.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) ask: Ask,
    pub(super) asked_at: Instant,
    until: Instant,
}

impl Requests {
    /// Notes a request; returns its id.
    pub(super) fn add(&mut self, ask: Ask, now: Instant) -> u64 {
        self.made += 1;
        self.open.insert(self.made, Open { ask, asked_at: now, until: now + ANSWER_MAX });
        self.made
    }

    /// The request that an answer is for; `None` where nobody waits for it any more.
    pub(super) fn take(&mut self, id: u64) -> Option<Open> {
        self.open.remove(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn has(&self, wanted: impl Fn(&Ask) -> bool) -> bool {
        self.open.values().any(|open| wanted(&open.ask))
    }

    /// Those whose answer has not come in time; they are not waited for any more.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Ask> {
        self.open.extract_if(.., |_, open| open.until <= now).map(|(_, open)| open.ask).collect()
    }

    /// A function has failed, and the API does not say for which request: the only one, where there is one only;
    /// else all of them are in doubt.
    pub(super) fn one_failed(&mut self, now: Instant) -> Option<Ask> {
        if self.open.len() == 1 {
            return self.open.pop_first().map(|(_, open)| open.ask);
        }
        for open in self.open.values_mut() {
            open.until = open.until.min(now + DOUBTFUL_ANSWER_MAX);
        }
        None
    }

    /// No answer comes any more.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }
}

impl Ask {
    /// The channel that it needs to have joined.
    pub(super) fn channel(&self) -> Option<&str> {
        match self {
            Self::Send { channel, .. } | Self::Repeat { channel, .. } | Self::Fetch { channel, .. } => {
                Some(channel)
            }
            Self::Roster(channel) | Self::Other(channel) | Self::Say { channel, .. } => Some(channel),
            Self::Join { .. } | Self::Trespass(_) | Self::Leave { .. } | Self::Ping(_) | Self::Status => None,
        }
    }
}
