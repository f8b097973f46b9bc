//! Joins and leaves: which of them the connection has asked for last, whatever order the answers come in, and what the
//! server says about it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::cursor::Membership;
use super::{Ask, Entry, Session, Wire};
use crate::soak::record::Event;
use crate::soak::world::has_presence;
use crate::wire::events;

/// Between two joins or leaves of one channel whose order the server takes from when they came.
const UNORDERED_GAP: Duration = Duration::from_millis(5);
/// Before a channel that was refused, or from which the device was removed, is tried again.
const BARRED: Duration = Duration::from_millis(1_500);
/// How long before its end a grant is replaced by a fresh one.
const GRANT_RENEWAL_MS: u64 = 10_000;

impl Session {
    /// What is wanted and can be joined now, and what is to be left and could not be before.
    pub(super) fn join_and_leave(&mut self, now: Instant) {
        let gap = if self.settings.gives_order { Duration::ZERO } else { UNORDERED_GAP };
        let (mut joins, mut leaves) = (Vec::new(), Vec::new());
        for (channel, cursor) in &self.cursors {
            if cursor.turn > 0 && now < cursor.turned_at + gap {
                continue;
            }
            match cursor.membership {
                Membership::Wanted(at) | Membership::Barred(at) if at <= now => joins.push(channel.clone()),
                Membership::Unwanted(at) if at <= now => leaves.push(channel.clone()),
                _ => {}
            }
        }
        for channel in joins {
            self.ask_to_join(&channel, now);
        }
        for channel in leaves {
            self.ask_to_leave(&channel, now);
        }
    }

    /// Joins again, with a fresh grant, what a grant has opened and will close soon.
    pub(in crate::soak) fn renew_grants(&mut self, now: Instant) {
        let ends_soon = self.settings.clock.ms(now) + GRANT_RENEWAL_MS;
        for channel in self.joined() {
            let until = self.cursors.get(&channel).and_then(|cursor| cursor.granted_until_ms);
            if until.is_some_and(|until| until < ends_soon) {
                self.ask_to_join(&channel, now);
            }
        }
    }

    pub(super) fn ask_to_join(&mut self, channel: &str, now: Instant) {
        let channel = channel.to_owned();
        let grant = self.settings.grant(&channel);
        let turn = self.turn();
        let Some(cursor) = self.cursors.get_mut(&channel) else { return };
        if cursor.membership != Membership::Joined {
            self.told.insert(channel.clone(), super::Told::default());
        }
        cursor.is_knocking = cursor.is_barred();
        let is_renewing = cursor.is_in();
        cursor.is_no_member(Membership::Joining);
        cursor.is_renewing = is_renewing;
        (cursor.turn, cursor.turned_at) = (turn, now);
        let since = cursor.last();
        let mut fields = json!({"channel": channel});
        if let Some(since) = since {
            fields["since"] = since.into();
        }
        if let Some(grant) = &grant {
            fields["grant"] = grant.text.clone().into();
        }
        self.number(&mut fields, turn);
        self.note(Wire::Joining { channel: channel.clone() }, now);
        let until_ms = grant.map(|grant| grant.until_ms);
        self.request("join", fields, Ask::Join { channel, since, turn, until_ms }, now);
    }

    pub(super) fn ask_to_leave(&mut self, channel: &str, now: Instant) {
        let channel = channel.to_owned();
        let turn = self.turn();
        let Some(cursor) = self.cursors.get_mut(&channel) else { return };
        cursor.is_no_member(Membership::Leaving);
        (cursor.turn, cursor.turned_at) = (turn, now);
        let mut fields = json!({"channel": channel});
        self.number(&mut fields, turn);
        self.note(Wire::Leaving { channel: channel.clone() }, now);
        self.request("leave", fields, Ask::Leave { channel, turn }, now);
    }

    fn turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    fn number(&self, fields: &mut Value, turn: u64) {
        if self.settings.gives_order {
            fields["order"] = turn.into();
        }
    }

    /// Whether a join or a leave is the last that was asked for of its channel: the others tell nothing any more.
    pub(super) fn is_last(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Join { channel, turn, .. } | Ask::Leave { channel, turn } => {
                self.cursors.get(channel).is_some_and(|cursor| cursor.turn == *turn)
            }
            _ => true,
        }
    }

    pub(super) fn joined_now(&mut self, ask: Ask, data: &Value, asked_at: Instant, now: Instant) {
        let Ask::Join { channel: name, since, until_ms, .. } = ask else { return };
        let Some(cursor) = self.cursors.get_mut(&name) else { return };
        let channel = name.clone();
        let head = data["head"].as_u64().unwrap_or_default();
        let more = data["more"] == true;
        cursor.became_member(head, now);
        cursor.granted_until_ms = until_ms;
        let is_doubtful = std::mem::take(&mut cursor.is_doubtful);
        let mut due = Vec::new();
        match since {
            None => {
                self.entries.push(Entry::Began { channel, at: head });
                due.extend(cursor.start_after(head, now));
            }
            Some(since) if data["recovered"] != true => {
                // What came live meanwhile has been heard all the same.
                let at = cursor.last().map_or(head, |last| last.max(head));
                self.entries.push(Entry::Reset { channel, since, at });
                due.extend(cursor.start_after(at, now));
            }
            Some(_) => {
                let missed = events(data, "events");
                self.entries.push(Entry::Recovered { channel, events: missed.len() });
                due.extend(missed.iter().flat_map(|event| cursor.take(Event::of(event), now)));
                if !more && cursor.last() < Some(head) {
                    let (channel, what) = (name.clone(), format!("head {head}, {:?}", cursor.last()));
                    self.entries.push(Entry::Partial { channel, what });
                }
            }
        }
        cursor.fetched(more, now);
        // What had been posted before the answer came is behind what the answer has.
        self.hear(due);
        self.entries.extend(events(data, "latest").iter().map(|event| Entry::Heard(Event::of(event))));
        if has_presence(&name) {
            self.told.entry(name.clone()).or_default().joined(data);
            // Of one who was a member already, it is not said whether a join changes the status.
            let was_another = self.statuses.get(&name).is_some_and(|own| own.as_deref() != Some("online"));
            self.statuses.insert(name.clone(), (!was_another).then(|| "online".to_owned()));
        }
        let asked_ms = self.settings.clock.ms(asked_at);
        self.note(Wire::Joined { channel: name.clone(), asked_ms, head, until_ms }, now);
        if is_doubtful {
            self.want(&name, now);
        }
    }

    pub(super) fn left_now(&mut self, channel: String, now: Instant) {
        if let Some(cursor) = self.cursors.get_mut(&channel) {
            cursor.is_no_member(Membership::Left);
        }
        self.told.remove(&channel);
        self.statuses.remove(&channel);
        self.note(Wire::Left { channel }, now);
    }

    /// It was told that it has been removed. A kick is no ban, so it tries again. What is about an earlier join than the one
    /// that it has asked for last says nothing of that; and without a number nobody knows which one it is about.
    pub(super) fn revoked(&mut self, channel: &str, order: Option<u64>, now: Instant) {
        let (name, gives_order) = (channel.to_owned(), self.settings.gives_order);
        let Some(cursor) = self.cursors.get_mut(channel) else {
            return self.note(Wire::Revoked { channel: name }, now);
        };
        let is_joining = cursor.membership == Membership::Joining;
        let is_outdated =
            if gives_order { order.is_some_and(|order| order < cursor.turn) } else { is_joining };
        if cursor.membership == Membership::Joined && !is_outdated {
            cursor.is_no_member(Membership::Wanted(now + BARRED));
            cursor.turned_at = now;
        } else if is_joining && !(gives_order && is_outdated) {
            // Before it or after it: that the answer does not say.
            (cursor.is_doubtful, cursor.turned_at) = (true, now);
        }
        let told =
            if is_outdated { Wire::Outdated { channel: name } } else { Wire::Revoked { channel: name } };
        self.note(told, now);
    }

    /// It may not join now.
    pub(super) fn barred(&mut self, channel: &str, now: Instant) {
        self.outbox.give_up(channel);
        if let Some(cursor) = self.cursors.get_mut(channel) {
            cursor.is_doubtful = false;
            cursor.is_no_member(Membership::Barred(now + BARRED));
        }
    }

    pub(super) fn want(&mut self, channel: &str, at: Instant) {
        if let Some(cursor) = self.cursors.get_mut(channel) {
            cursor.is_no_member(Membership::Wanted(at));
        }
    }

    /// A failed join or leave is asked for again in its turn.
    pub(super) fn ask_again(&mut self, ask: &Ask, at: Instant) {
        let (channel, membership) = match ask {
            Ask::Join { channel, .. } => (channel, Membership::Wanted(at)),
            Ask::Leave { channel, .. } => (channel, Membership::Unwanted(at)),
            _ => return,
        };
        if let Some(cursor) = self.cursors.get_mut(channel) {
            cursor.is_no_member(membership);
        }
    }
}
