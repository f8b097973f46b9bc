//! A client's own messages, from the moment that they are to be sent until it is known what became of them.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

/// A message that is not settled.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) channel: String,
    pub(super) content: String,
    /// What the client knew of the log at the first try on this connection.
    pub(super) base: Option<u64>,
    /// Its place in the log, where it was found there.
    found: Option<u64>,
    /// Not before this time; `None` while a try is on its way.
    pub(super) due: Option<Instant>,
}

impl Open {
    /// From where on the server is to look for an earlier try, by a client that has heard all up to `last`.
    pub(super) fn base(&mut self, last: u64) -> u64 {
        let base = *self.base.get_or_insert(last);
        self.found.map_or(base, |seq| seq.saturating_sub(1))
    }
}

/// A message that was kept, for a retry that nobody needs.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) channel: String,
    pub(super) key: String,
    pub(super) content: String,
    pub(super) base: u64,
}

/// Open messages by key, in the order in which they were made, and those that are kept.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    made: u64,
    open: BTreeMap<String, Open>,
    kept: Vec<Kept>,
    /// Those that went out on this connection.
    sent_here: BTreeSet<String>,
}

impl Outbox {
    /// Adds a message, and returns its key.
    pub(super) fn add(&mut self, device: &str, channel: &str, content: String, now: Instant) -> String {
        self.made += 1;
        // Padded, so that the order of the keys is that of the messages.
        let key = format!("{device}-{:06}", self.made);
        let channel = channel.to_owned();
        self.open.insert(key.clone(), Open { channel, content, base: None, found: None, due: Some(now) });
        key
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether one is open in this channel.
    pub(super) fn has_open(&self, channel: &str) -> bool {
        self.open.values().any(|open| open.channel == channel)
    }

    pub(super) fn open_mut(&mut self, key: &str) -> Option<&mut Open> {
        self.open.get_mut(key)
    }

    /// Those that are due.
    pub(super) fn due(&mut self, now: Instant) -> impl Iterator<Item = (&String, &mut Open)> {
        self.open.iter_mut().filter(move |(_, open)| open.due.is_some_and(|due| due <= now))
    }

    /// A message goes out on this connection.
    pub(super) fn sent_here(&mut self, key: &str) {
        self.sent_here.insert(key.to_owned());
    }

    /// Whether a message has gone out on this connection.
    pub(super) fn was_sent_here(&self, key: &str) -> bool {
        self.sent_here.contains(key)
    }

    /// A try has failed, and tells nothing.
    pub(super) fn again(&mut self, key: &str, at: Instant) {
        if let Some(open) = self.open.get_mut(key) {
            open.due = Some(at);
        }
    }

    /// The connection is lost: no answer comes any more, and the next try knows more of the log.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.sent_here.clear();
        for open in self.open.values_mut() {
            (open.due, open.base) = (Some(now), None);
        }
    }

    /// It is in the log, which does not settle it: its first try may have ended before it was posted to anybody. The next
    /// one is to look for it from just below.
    pub(super) fn found(&mut self, key: &str, seq: u64) {
        if let Some(open) = self.open.get_mut(key) {
            open.found = Some(seq);
        }
    }

    /// It is acked. Returns what it says where it was still open.
    pub(super) fn keep(&mut self, key: &str, seq: u64) -> Option<String> {
        let Open { channel, content, base, .. } = self.open.remove(key)?;
        let below = seq.saturating_sub(1);
        let base = base.map_or(below, |base| base.min(below));
        self.kept.push(Kept { channel, key: key.to_owned(), content: content.clone(), base });
        Some(content)
    }

    /// It is refused for good. Whether it was open.
    pub(super) fn refuse(&mut self, key: &str) -> bool {
        self.open.remove(key).is_some()
    }

    /// What is open in a channel is not tried any more.
    pub(super) fn give_up(&mut self, channel: &str) {
        self.open.retain(|_, open| open.channel != channel);
    }

    pub(super) fn kept(&self) -> &[Kept] {
        &self.kept
    }
}
