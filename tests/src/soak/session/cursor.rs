//! One channel as a client follows it: what it has heard, in order and once, and what it holds back until the events
//! before it have come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::soak::record::Event;

/// How long an event may wait for the ones before it, which may only be late, until they are fetched.
const GAP_PATIENCE: Duration = Duration::from_millis(100);

/// How far a client is in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    /// To be joined, not before this time.
    Wanted(Instant),
    /// The join is on its way.
    Joining,
    Joined,
    /// To be left, not before this time: a try has failed.
    Unwanted(Instant),
    /// The leave is on its way.
    Leaving,
    Left,
    /// Wanted, and refused: to be tried again, not before this time.
    Barred(Instant),
}

/// A client's place in a channel.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is about something else, and any of them may be so at once"
)]
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) membership: Membership,
    /// The number of its last join or leave on this connection; the answers to earlier ones tell nothing any more.
    pub(super) turn: u64,
    /// When that went out.
    pub(super) turned_at: Instant,
    /// It was removed while its join was under way, so the answer does not tell whether it is a member.
    pub(super) is_doubtful: bool,
    /// It was refused, and is trying again.
    pub(super) is_knocking: bool,
    /// It is a member, and joins again to go on being one.
    pub(super) is_renewing: bool,
    /// Since when the server has known otherwise.
    pub(super) disagrees_since: Option<Instant>,
    /// When its membership was known.
    pub(super) became_member_at: Instant,
    /// Until when the grant counts that it was joined by.
    pub(super) granted_until_ms: Option<u64>,
    /// The log's last seq when the connection became a member; what comes later is posted.
    posted_after: Option<u64>,
    /// What was posted since.
    posted: BTreeSet<u64>,
    /// What was heard since, and has not been posted.
    unposted: BTreeSet<u64>,
    /// The last seq at the callback; `None` before the first join.
    last: Option<u64>,
    /// What came too early.
    ahead: BTreeMap<u64, Event>,
    /// Since when it waits for what comes before it.
    waits_since: Option<Instant>,
    /// A page of `history` is on its way.
    is_fetching: bool,
    /// A reply has said that there is more.
    has_more: bool,
}

impl Cursor {
    pub(super) const fn wanted(at: Instant) -> Self {
        Self {
            membership: Membership::Wanted(at),
            turn: 0,
            turned_at: at,
            is_doubtful: false,
            is_knocking: false,
            is_renewing: false,
            disagrees_since: None,
            became_member_at: at,
            granted_until_ms: None,
            posted_after: None,
            posted: BTreeSet::new(),
            unposted: BTreeSet::new(),
            last: None,
            ahead: BTreeMap::new(),
            waits_since: None,
            is_fetching: false,
            has_more: false,
        }
    }

    pub(super) const fn last(&self) -> Option<u64> {
        self.last
    }

    /// From now on a member: what is behind `head` is posted.
    pub(super) fn became_member(&mut self, head: u64, now: Instant) {
        self.membership = Membership::Joined;
        self.is_renewing = false;
        self.became_member_at = now;
        self.posted_after = Some(head);
        self.unposted.clear();
    }

    /// No member any more, or none for sure.
    pub(super) fn is_no_member(&mut self, membership: Membership) {
        self.membership = membership;
        (self.is_renewing, self.disagrees_since) = (false, None);
        self.posted_after = None;
        self.posted.clear();
        self.unposted.clear();
    }

    /// Whether it is a member, as far as it knows.
    pub(super) fn is_in(&self) -> bool {
        self.membership == Membership::Joined || (self.is_renewing && self.membership == Membership::Joining)
    }

    /// Whether it was refused when it last asked.
    pub(super) fn is_barred(&self) -> bool {
        matches!(self.membership, Membership::Barred(_))
            || (self.is_knocking && self.membership == Membership::Joining)
    }

    /// Whether nothing about its membership is under way or meant to be.
    pub(super) const fn is_at_rest(&self) -> bool {
        matches!(self.membership, Membership::Joined | Membership::Left)
    }

    /// An event has been posted.
    pub(super) fn note_posted(&mut self, seq: u64) {
        self.posted.insert(seq);
        self.unposted.remove(&seq);
    }

    /// An event has been heard, by whatever way, which is to be posted sooner or later.
    pub(super) fn note_heard(&mut self, seq: u64) {
        if self.posted_after.is_some_and(|head| seq > head) && !self.posted.contains(&seq) {
            self.unposted.insert(seq);
        }
    }

    /// What it has heard as a member, and not by a post.
    pub(super) const fn unposted(&self) -> &BTreeSet<u64> {
        &self.unposted
    }

    /// Whether it has joined, and nothing that it knows of is missing.
    pub(super) fn is_caught_up(&self) -> bool {
        self.is_in() && !self.is_fetching && !self.has_more && self.ahead.is_empty()
    }

    /// Takes an event, live or fetched; returns what may be heard now, in order. What was heard before is dropped.
    pub(super) fn take(&mut self, event: Event, now: Instant) -> Vec<Event> {
        let Some(seq) = event.seq else { return Vec::new() };
        if self.last.is_none_or(|last| seq > last) {
            self.ahead.insert(seq, event);
        }
        self.drain(now)
    }

    /// Starts after `head`, whatever was heard before.
    pub(super) fn start_after(&mut self, head: u64, now: Instant) -> Vec<Event> {
        self.last = Some(head);
        self.ahead.retain(|seq, _| *seq > head);
        self.drain(now)
    }

    /// A join's reply, or a page, has been taken in.
    pub(super) fn fetched(&mut self, more: bool, now: Instant) {
        self.is_fetching = false;
        self.has_more = more;
        self.waits_since = (!self.ahead.is_empty()).then_some(now);
    }

    /// The page did not come: what is missing is fetched again.
    pub(super) fn fetch_failed(&mut self, now: Instant) {
        self.is_fetching = false;
        self.waits_since = Some(now);
    }

    /// The seq after which a page is to be fetched now.
    pub(super) fn begin_fetch(&mut self, now: Instant) -> Option<u64> {
        let is_late = !self.ahead.is_empty() && self.waits_since.is_some_and(|at| now >= at + GAP_PATIENCE);
        if self.membership != Membership::Joined || self.is_fetching || !(self.has_more || is_late) {
            return None;
        }
        self.is_fetching = true;
        self.last
    }

    /// The connection is lost: what was on its way is not, and a channel that was joined is to be joined again.
    pub(super) fn disconnected(&mut self, now: Instant) {
        (self.is_fetching, self.has_more, self.is_doubtful, self.turn) = (false, false, false, 0);
        let membership = match self.membership {
            Membership::Leaving | Membership::Left | Membership::Unwanted(_) => Membership::Left,
            Membership::Wanted(_) | Membership::Joining | Membership::Joined | Membership::Barred(_) => {
                Membership::Wanted(now)
            }
        };
        self.is_no_member(membership);
    }

    fn drain(&mut self, now: Instant) -> Vec<Event> {
        let Some(mut last) = self.last else { return Vec::new() };
        let mut heard = Vec::new();
        while let Some(event) = self.ahead.remove(&(last + 1)) {
            last += 1;
            heard.push(event);
        }
        self.last = Some(last);
        if self.ahead.is_empty() {
            self.waits_since = None;
        } else if !heard.is_empty() || self.waits_since.is_none() {
            self.waits_since = Some(now);
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn event(seq: u64) -> Event {
        let (channel, event) = ("system".to_owned(), "system.notification".to_owned());
        Event { channel, event, seq: Some(seq), user: None, key: None, at: String::new(), data: Value::Null }
    }

    fn joined_after(head: u64) -> (Cursor, Instant) {
        let now = Instant::now();
        let mut cursor = Cursor::wanted(now);
        cursor.membership = Membership::Joined;
        assert!(cursor.start_after(head, now).is_empty());
        (cursor, now)
    }

    fn seqs(events: &[Event]) -> Vec<u64> {
        events.iter().filter_map(|event| event.seq).collect()
    }

    #[test]
    fn what_comes_in_any_order_is_heard_in_one_and_once() {
        let (mut cursor, now) = joined_after(4);
        let mut heard = Vec::new();
        for seq in [6, 5, 5, 4, 9, 6, 8, 7, 9] {
            heard.extend(cursor.take(event(seq), now));
        }
        assert_eq!(seqs(&heard), [5, 6, 7, 8, 9]);
        assert!(cursor.is_caught_up());
    }

    #[test]
    fn what_comes_before_the_first_joins_reply_waits_for_it() {
        let now = Instant::now();
        let mut cursor = Cursor::wanted(now);
        for seq in [3, 5] {
            assert!(cursor.take(event(seq), now).is_empty());
        }
        assert_eq!(seqs(&cursor.start_after(4, now)), [5], "the third was before its time");
    }

    #[test]
    fn a_gap_is_fetched_when_it_has_not_closed_by_itself() {
        let (mut cursor, now) = joined_after(4);
        cursor.take(event(6), now);
        assert_eq!(cursor.begin_fetch(now), None, "it may only be late");
        assert_eq!(cursor.begin_fetch(now + GAP_PATIENCE), Some(4));
        assert_eq!(cursor.begin_fetch(now + GAP_PATIENCE), None, "one page at a time");
        assert_eq!(seqs(&cursor.take(event(5), now)), [5, 6]);
        cursor.fetched(true, now);
        assert_eq!(cursor.begin_fetch(now), Some(6), "there is more");
        cursor.fetched(false, now);
        assert!(cursor.is_caught_up());
    }

    #[test]
    fn what_a_member_hears_without_a_post_is_owed_to_it() {
        let (mut cursor, now) = joined_after(4);
        cursor.became_member(4, now);
        for seq in [4, 5, 6] {
            cursor.note_heard(seq);
        }
        cursor.note_posted(6);
        assert_eq!(cursor.unposted(), &[5].into(), "the fourth came with the join");
        cursor.note_posted(5);
        cursor.note_heard(5);
        assert!(cursor.unposted().is_empty(), "late, but posted");
        cursor.note_heard(7);
        cursor.disconnected(now);
        assert!(cursor.unposted().is_empty(), "no member is owed anything");
    }

    #[test]
    fn a_lost_connection_has_it_joined_again_unless_it_was_left() {
        let (mut cursor, now) = joined_after(4);
        cursor.fetched(true, now);
        cursor.disconnected(now);
        assert_eq!((cursor.membership, cursor.begin_fetch(now)), (Membership::Wanted(now), None));
        cursor.membership = Membership::Leaving;
        cursor.disconnected(now);
        assert_eq!(cursor.membership, Membership::Left);
    }
}
