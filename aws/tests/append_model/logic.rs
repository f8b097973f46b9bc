//! One sender's calls, as `table/log.rs` makes them: `look_back`, `append`, `begin`, `read_from`, `end`. Those of
//! `append_change` beside them are in `changes`.

use super::changes::{Subject, put_after};
use super::model::{AppendModel, At, Broken, Entry, Kind, Marker, Mutation, State, bit};

impl AppendModel {
    /// The sender's next call, and what follows from its response.
    pub(super) fn step(&self, state: &mut State, n: usize) {
        match state.senders[n].at {
            At::LookBack => self.look_back(state, n),
            At::ReadMarker => self.go_on_from_marker(state, n, state.marker),
            At::Begin(marker) => self.begin(state, n, marker),
            At::Agree => {
                // There is a marker: it is what refused the sender's own.
                let start = state.marker.map_or(0, |marker| marker.start);
                state.senders[n].at = At::Put(start);
            }
            At::Put(seq) => {
                if !self.write(state, n, seq) {
                    self.lose_race(state, n, seq);
                } else if self.is_change(n) && self.mutation == Mutation::TwoWrites {
                    state.senders[n].at = At::ChangeMessage(seq);
                } else {
                    state.ack(self.keys[n], seq);
                    state.senders[n].at = At::Acked(seq);
                }
            }
            At::ReadOn(from) => {
                let checks_key = self.mutation != Mutation::NoKeyCheckAfterLostRace;
                let read = state.read_from(from);
                self.go_on(state, n, &read, checks_key);
            }
            At::ReadMessage(from) => {
                state.senders[n].subject = state.read_message();
                state.senders[n].at = At::ReadOn(from);
            }
            At::ReadMessageLast(end) => self.read_message_last(state, n, end),
            At::LookOnceMore(from) => self.look_once_more(state, n, from),
            At::ChangeMessage(seq) => {
                self.change_message(state, n, seq);
                state.ack(self.keys[n], seq);
                state.senders[n].at = At::Acked(seq);
            }
            At::Acked(_) | At::Refused => {}
        }
    }

    /// Puts the event at this seq, together with what it changes. Returns whether that took effect.
    pub(super) fn write(&self, state: &mut State, n: usize, seq: u8) -> bool {
        if !self.is_change(n) {
            return state.put(seq, self.keys[n], false);
        }
        let is_met = self.mutation == Mutation::TwoWrites || self.is_as_read(state, n);
        let is_put = is_met && state.put(seq, self.keys[n], self.kinds[n] == Kind::Edit);
        if is_put && self.mutation != Mutation::TwoWrites {
            self.change_message(state, n, seq);
        }
        is_put
    }

    /// Another sender was faster, or so it seems. The event before the seq is read again, because there may be nothing
    /// at the seq itself.
    pub(super) fn lose_race(&self, state: &mut State, n: usize, seq: u8) {
        let from = if self.mutation == Mutation::ReadOnFromLostSeq { seq } else { seq - 1 };
        state.senders[n].subject = Subject::Unread;
        let is_read_first = self.is_change(n) && self.mutation != Mutation::RefuseAtOnce;
        state.senders[n].at = if is_read_first { At::ReadMessage(from) } else { At::ReadOn(from) };
    }

    fn look_back(&self, state: &mut State, n: usize) {
        let base = self.bases[n];
        let read = state.read_from(base);
        if !read.is_empty() {
            self.go_on(state, n, &read, true);
        } else if self.mutation == Mutation::TrustBase && base > 0 {
            state.senders[n].at = At::Put(base + 1);
        } else {
            // The tail, read backwards: all of such a short log, together with its marker.
            match state.log.last() {
                Some(last) if !last.alive && !state.has(self.keys[n]) => {
                    self.go_on_from_marker(state, n, state.marker);
                }
                None => self.go_on_from_marker(state, n, state.marker),
                Some(_) => self.go_on(state, n, &state.log.clone(), true),
            }
        }
    }

    /// Does what `append` does with what was read: finds the key, or puts after the end.
    fn go_on(&self, state: &mut State, n: usize, read: &[Entry], checks_key: bool) {
        let found = read.iter().find(|entry| entry.key == self.keys[n]).filter(|_| checks_key);
        state.senders[n].at = match (found, read.last()) {
            (Some(found), _) => state.found(*found),
            (None, Some(last)) if last.alive && self.is_change(n) => {
                put_after(state.senders[n].subject, last.seq)
            }
            (None, Some(last)) if last.alive => At::Put(last.seq + 1),
            // A log without an end has no message that is alive.
            (None, _) if self.is_change(n) => At::Refused,
            (None, Some(_)) => At::ReadMarker,
            (None, None) => At::Begin(None),
        };
    }

    fn go_on_from_marker(&self, state: &mut State, n: usize, marker: Option<Marker>) {
        state.senders[n].at = match marker {
            _ if self.is_change(n) => At::Refused,
            _ if self.mutation == Mutation::RestartAtOne => At::Put(1),
            Some(marker) if marker.fresh => At::Put(marker.start),
            marker => At::Begin(marker),
        };
    }

    fn begin(&self, state: &mut State, n: usize, marker: Option<Marker>) {
        let own = u8::try_from(n).unwrap_or(u8::MAX);
        // The clock is above everything that there was, and different for each sender.
        let above_all = |before: Marker| before.start.max(state.highest_given()) + 2 + own;
        let start = marker.map_or(1, above_all);
        let condition = state.marker.map(|now| now.start) == marker.map(|before| before.start);
        state.senders[n].at = if condition {
            state.marker = Some(Marker { start, fresh: true });
            state.starts |= bit(start);
            At::Put(start)
        } else if self.mutation == Mutation::NoAgreement {
            At::Put(start)
        } else {
            At::Agree
        };
    }
}

impl State {
    /// A sender finds what an earlier try has put.
    pub(super) fn found(&mut self, found: Entry) -> At {
        if found.alive {
            self.ack(found.key, found.seq);
            self.duplicates = 1;
        }
        At::Acked(found.seq)
    }

    pub(super) fn read_from(&self, seq: u8) -> Vec<Entry> {
        self.log.iter().filter(|entry| entry.seq >= seq).copied().collect()
    }

    fn has(&self, key: u8) -> bool {
        self.log.iter().any(|entry| entry.key == key)
    }

    fn highest_given(&self) -> u8 {
        u8::try_from(self.given.checked_ilog2().unwrap_or_default()).unwrap_or(u8::MAX)
    }

    /// Puts an event if there is none with this seq.
    pub(super) fn put(&mut self, seq: u8, key: u8, has_text: bool) -> bool {
        let place = self.log.partition_point(|entry| entry.seq < seq);
        if self.log.get(place).is_some_and(|entry| entry.seq == seq) {
            return false;
        }
        if seq <= self.highest_given() {
            self.broken = Some(Broken::SeqNotAbove);
        }
        self.given |= bit(seq);
        self.log.insert(place, Entry::new(seq, key, has_text));
        true
    }

    pub(super) fn ack(&mut self, key: u8, seq: u8) {
        let ack = &mut self.acks[usize::from(key)];
        if ack.is_some_and(|before| before != seq) {
            self.broken = Some(Broken::AckChanged);
        }
        *ack = Some(seq);
    }
}
