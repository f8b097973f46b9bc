//! Requests on their way: what each asked for, and until when its answer is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long an answer may take: a cold function of a debug build on a loaded machine included.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long it may take once it is known that one of several functions has failed, though not which.
const DOUBTFUL_ANSWER_MAX: Duration = Duration::from_secs(2);

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Join {
        channel: String,
        since: Option<u64>,
    },
    /// Of a channel that is not the user's.
    Trespass(String),
    Leave(String),
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
    Ping,
    /// Who is in a channel.
    Roster(String),
    /// Something of which only a refusal is of interest.
    Other(String),
}

/// The requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    made: u64,
    open: BTreeMap<u64, (Ask, Instant)>,
}

impl Requests {
    /// Notes a request; returns its id.
    pub(super) fn add(&mut self, ask: Ask, now: Instant) -> u64 {
        self.made += 1;
        self.open.insert(self.made, (ask, now + ANSWER_MAX));
        self.made
    }

    /// The request that an answer is for; `None` where nobody waits for it any more.
    pub(super) fn take(&mut self, id: u64) -> Option<Ask> {
        self.open.remove(&id).map(|(ask, _)| ask)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn has(&self, ask: &Ask) -> bool {
        self.open.values().any(|(open, _)| open == ask)
    }

    /// Those whose answer has not come in time; they are not waited for any more.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Ask> {
        self.open.extract_if(.., |_, (_, until)| *until <= now).map(|(_, (ask, _))| ask).collect()
    }

    /// A function has failed, and the API does not say for which request: the only one, where there is one only;
    /// else all of them are in doubt.
    pub(super) fn one_failed(&mut self, now: Instant) -> Option<Ask> {
        if self.open.len() == 1 {
            return self.open.pop_first().map(|(_, (ask, _))| ask);
        }
        for (_, until) in self.open.values_mut() {
            *until = (*until).min(now + DOUBTFUL_ANSWER_MAX);
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
            Self::Roster(channel) | Self::Other(channel) => Some(channel),
            Self::Join { .. } | Self::Trespass(_) | Self::Leave(_) | Self::Ping => None,
        }
    }
}
