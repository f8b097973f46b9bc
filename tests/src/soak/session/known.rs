//! What the server knows of the connection, held against what the connection has asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::cursor::Membership;
use super::{Ask, Entry, Session, Wire};

/// How long the server may know otherwise: who was removed is told, and that takes the tries of a post.
const STABLE: Duration = Duration::from_secs(10);

impl Session {
    /// The server says that it is no member of what it has joined. It joins again, and all that was missed comes with
    /// that; but it is written down.
    pub(super) fn denied(&mut self, ask: &Ask, asked_at: Instant, now: Instant) {
        let Some(channel) = ask.channel().map(str::to_owned) else { return };
        let Some(cursor) = self.cursors.get_mut(&channel) else { return };
        if cursor.membership == Membership::Joined
            && cursor.turned_at < asked_at
            && cursor.became_member_at < asked_at
        {
            let asked_ms = self.settings.clock.ms(asked_at);
            cursor.is_no_member(Membership::Wanted(now));
            self.note(Wire::Denied { channel, asked_ms }, now);
            self.beat_at = now; // to know whether it is only the channel, or the connection
        }
    }

    /// Asks what the server knows of the connection, unless it is being asked.
    pub(in crate::soak) fn ask_status(&mut self, now: Instant) {
        if !self.requests.has(|ask| *ask == Ask::Status) {
            self.request("status", json!({}), Ask::Status, now);
        }
    }

    /// What the server knows: of a membership that has not changed for some time, it has to be the same.
    pub(super) fn status(&mut self, data: &Value, asked_at: Instant) {
        self.connection_id = data["connectionId"].as_str().map(str::to_owned);
        let channels = data["channels"].as_array().into_iter().flatten();
        let known: BTreeSet<String> =
            channels.filter_map(|channel| channel.as_str().map(str::to_owned)).collect();
        for (channel, cursor) in &mut self.cursors {
            let is_joined = cursor.membership == Membership::Joined;
            if !cursor.is_at_rest() || cursor.turned_at >= asked_at || known.contains(channel) == is_joined {
                cursor.disagrees_since = None;
            } else if *cursor.disagrees_since.get_or_insert(asked_at) + STABLE <= asked_at {
                let what = format!("joined: {is_joined}, the server names {known:?}");
                self.entries.push(Entry::Disagrees { channel: channel.clone(), what });
                cursor.disagrees_since = Some(asked_at); // not once more at each look
            }
        }
        self.known = Some(known);
    }
}
