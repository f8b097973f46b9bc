//! What comes, and what of it the app hears: each channel in order and once. That an event came by a post is noted apart
//! from that.

use tokio::time::Instant;

use super::cursor::Membership;
use super::{Entry, Session, Wire};
use crate::soak::record::Event;

impl Session {
    /// An event that came by a post.
    pub(super) fn posted(&mut self, event: Event, now: Instant) {
        let (channel, name) = (event.channel.clone(), event.event.clone());
        let sent_ms = event.sent_ms().unwrap_or_default();
        self.note(Wire::Posted { channel, event: name, seq: event.seq, sent_ms }, now);
        if let (Some(cursor), Some(seq)) = (self.cursors.get_mut(&event.channel), event.seq) {
            cursor.note_posted(seq);
        }
        if event.event == "access.revoked" {
            return self.revoked(&event.channel, event.data["order"].as_u64(), now);
        }
        if event.event.starts_with("presence.") {
            self.told.entry(event.channel.clone()).or_default().news(event.clone());
        }
        self.event(event, now);
    }

    pub(super) fn event(&mut self, event: Event, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(&event.channel) else {
            return self.entries.push(Entry::Stray(event));
        };
        if event.seq.is_none() {
            return self.entries.push(Entry::Heard(event));
        }
        if matches!(cursor.membership, Membership::Joining | Membership::Joined) {
            let heard = cursor.take(event, now);
            self.hear(heard);
        }
    }

    /// The callback: in order, and once.
    pub(super) fn hear(&mut self, events: Vec<Event>) {
        for event in events {
            let is_own = event.user.as_ref() == Some(&self.settings.person.id);
            if let (Some(key), Some(seq), true) = (&event.key, event.seq, is_own) {
                self.outbox.found(key, seq);
            }
            let is_sent_here = is_own && event.key.as_ref().is_some_and(|key| self.outbox.was_sent_here(key));
            if let (Some(cursor), Some(seq), false) =
                (self.cursors.get_mut(&event.channel), event.seq, is_sent_here)
            {
                cursor.note_heard(seq);
            }
            self.entries.push(Entry::Saw(event));
        }
    }
}
