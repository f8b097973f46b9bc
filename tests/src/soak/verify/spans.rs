//! Memberships, as the tape shows them: how long a connection was a member of a channel, until when that is certain, and what was
//! posted to it meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use crate::soak::record::{DeviceRecord, Note, Wire};

/// Expiry times are exact to the second only, and the server reads another clock.
const CLOCK_MS: u64 = 2_000;

/// One membership of a channel on one connection.
#[derive(Debug, Clone)]
pub(super) struct Span<'a> {
    pub(super) channel: &'a str,
    /// The log's last seq when the membership began. Later events must be posted.
    pub(super) head: u64,
    /// Whether it lasted until the end of the run.
    pub(super) is_held: bool,
    /// Until when the connection, the token, the grant and the membership certainly held.
    pub(super) sure_ms: u64,
    /// The durable events that were posted.
    pub(super) posts: BTreeSet<u64>,
    /// The keys of messages that were sent on this connection, to which they are not posted.
    pub(super) sent: BTreeSet<&'a str>,
}

/// The memberships of a device, by connection, in the order in which they ended.
pub(super) fn spans(device: &DeviceRecord) -> Vec<Span<'_>> {
    let is_held = !device.standing.has_vanished;
    device.tapes.iter().flat_map(|tape| spans_of(tape, is_held)).collect()
}

/// The memberships of one connection. `is_held` if those that are open at the end lasted until the end of the run.
fn spans_of(tape: &[Note], is_held: bool) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut connection = Connection::new();
    for Note { at_ms, what } in tape {
        match what {
            Wire::Over => connection.end_all(false, &mut spans),
            Wire::Token { until_ms } => {
                // If the reply came that late, the fresh token may not have been valid yet when the old one expired.
                if at_ms + CLOCK_MS > connection.token_until_ms {
                    connection.end_all(false, &mut spans);
                }
                connection.token_until_ms = *until_ms;
            }
            Wire::Alive { asked_ms } => connection.alive(*asked_ms),
            Wire::Joining { channel } => {
                connection.end(channel, &mut spans);
                connection.early.insert(channel, BTreeSet::new());
            }
            Wire::Joined { channel, asked_ms, head, until_ms } => {
                let posts = connection.early.remove(&**channel).unwrap_or_default();
                let until_ms = until_ms.unwrap_or(u64::MAX);
                let open = Open { head: *head, alive_ms: *asked_ms, until_ms, posts };
                connection.open.insert(channel, open);
            }
            Wire::Leaving { channel } | Wire::Revoked { channel } | Wire::Denied { channel, .. } => {
                connection.end(channel, &mut spans);
            }
            Wire::Posted { channel, seq: Some(seq), .. } => connection.posted(channel, *seq),
            Wire::Sent { key } => drop(connection.sent.insert(key)),
            Wire::Opened
            | Wire::Left { .. }
            | Wire::Outdated { .. }
            | Wire::Posted { .. }
            | Wire::Renewing { .. } => {}
        }
    }
    connection.end_all(is_held, &mut spans);
    spans
}

/// The state of a connection while its tape is read.
struct Connection<'a> {
    token_until_ms: u64,
    open: BTreeMap<&'a str, Open>,
    /// What was posted since a `join` was sent: posts may arrive before its reply.
    early: BTreeMap<&'a str, BTreeSet<u64>>,
    sent: BTreeSet<&'a str>,
}

struct Open {
    head: u64,
    alive_ms: u64,
    until_ms: u64,
    posts: BTreeSet<u64>,
}

impl<'a> Connection<'a> {
    const fn new() -> Self {
        Self {
            token_until_ms: u64::MAX,
            open: BTreeMap::new(),
            early: BTreeMap::new(),
            sent: BTreeSet::new(),
        }
    }

    fn alive(&mut self, asked_ms: u64) {
        for open in self.open.values_mut() {
            open.alive_ms = open.alive_ms.max(asked_ms);
        }
    }

    fn posted(&mut self, channel: &str, seq: u64) {
        let open = self.open.get_mut(channel).map(|open| &mut open.posts);
        if let Some(posts) = open.or_else(|| self.early.get_mut(channel)) {
            posts.insert(seq);
        }
    }

    fn end(&mut self, channel: &'a str, spans: &mut Vec<Span<'a>>) {
        if let Some(open) = self.open.remove(channel) {
            spans.push(self.span(channel, open, false));
        }
    }

    fn end_all(&mut self, is_held: bool, spans: &mut Vec<Span<'a>>) {
        for (channel, open) in std::mem::take(&mut self.open) {
            spans.push(self.span(channel, open, is_held));
        }
    }

    fn span(&self, channel: &'a str, open: Open, is_held: bool) -> Span<'a> {
        let until_ms = open.until_ms.min(self.token_until_ms).saturating_sub(CLOCK_MS);
        let sure_ms = if is_held { until_ms } else { open.alive_ms.min(until_ms) };
        let sent = self.sent.clone();
        Span { channel, head: open.head, is_held, sure_ms, posts: open.posts, sent }
    }
}
