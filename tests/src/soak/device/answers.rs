//! The replies on a socket: which memberships they confirm, and which replies are wrong.

use std::collections::BTreeSet;

use serde_json::Value;

use super::membership::{Membership, Place};
use super::socket::{NONSENSE, Request, Socket, text, turn_of, until_ms};
use crate::soak::record::{Entry, Wire};
use crate::wire::{Refusal, events, read_reply, sequence};

/// How long the server's memberships may differ from the socket's. A removed user is told by a post, whose tries take that long.
const STABLE_MS: u64 = 10_000;
/// A join with a grant that expires within this time may be refused.
const GRANT_END_MS: u64 = 2_000;

impl Socket {
    /// Handles the reply to any request.
    pub(super) fn answered(&mut self, frame: &Value, at_ms: u64) -> Vec<Entry> {
        let request = frame["id"].as_str().and_then(|id| self.requests.remove(id));
        let Some(Request { fields, asked_ms }) = request else { return Vec::new() };
        match read_reply(frame) {
            Ok(Ok(data)) => self.done(&fields, &data, asked_ms, at_ms),
            Ok(Err(refusal)) => self.refused(&fields, &refusal, asked_ms, at_ms).into_iter().collect(),
            Err(error) => vec![Entry::Unexpected(format!("{error:#}"))],
        }
    }

    fn done(&mut self, fields: &Value, data: &Value, asked_ms: u64, at_ms: u64) -> Vec<Entry> {
        let channel = text(&fields["channel"]);
        match fields["action"].as_str() {
            Some("join") => return self.joined(channel, fields, data, asked_ms, at_ms),
            Some("leave") if self.is_last(&channel, fields) => {
                self.memberships
                    .insert(channel.clone(), Membership { turn: turn_of(fields), ..Membership::out(at_ms) });
                self.note(Wire::Left { channel }, at_ms);
            }
            Some("ping") => {
                self.note(Wire::Alive { asked_ms }, at_ms);
                if let Some(until_ms) = fields["token"].as_str().and_then(until_ms) {
                    self.token_until_ms = until_ms;
                    self.note(Wire::Token { until_ms }, at_ms);
                }
            }
            Some("call") => return vec![Entry::Rang { channel, call: text(&data["callId"]) }],
            Some("status") => {
                self.note(Wire::Alive { asked_ms }, at_ms);
                return self.status(data, asked_ms);
            }
            Some("history") => {
                let first = sequence(events(data, "events")).first().copied();
                if let (Some(after), Some(first)) = (fields["after"].as_u64(), first)
                    && first != after + 1
                {
                    return vec![Entry::Partial { channel, what: format!("after {after} came {first}") }];
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn joined(
        &mut self,
        channel: String,
        fields: &Value,
        data: &Value,
        asked_ms: u64,
        at_ms: u64,
    ) -> Vec<Entry> {
        if !self.is_last(&channel, fields) {
            return Vec::new();
        }
        let head = data["head"].as_u64().unwrap_or_default();
        let until_ms = fields["grant"].as_str().and_then(until_ms);
        let Some(membership) = self.memberships.get_mut(&channel) else { return Vec::new() };
        (membership.place, membership.head, membership.turned_ms) = (Place::In, head, at_ms);
        let mut entries = Vec::new();
        if let Some(since) = fields["since"].as_u64() {
            let missed = sequence(events(data, "events"));
            let came = |seq: &u64| missed.contains(seq) || membership.posted.contains(seq);
            let lacks = (since + 1..=head).find(|seq| !came(seq));
            if data["recovered"] == true {
                entries.push(Entry::Recovered { channel: channel.clone(), events: missed.len() });
                if let (Some(lacks), true) = (lacks, data["more"] != true) {
                    let what = format!("since {since}, head {head}: without {lacks}");
                    entries.push(Entry::Partial { channel: channel.clone(), what });
                }
            } else {
                entries.push(Entry::Reset { channel: channel.clone(), since, at: head });
            }
        }
        self.note(Wire::Joined { channel, asked_ms, head, until_ms }, at_ms);
        entries
    }

    /// Handles the reply to `status`. A membership that has not changed for some time must be the same on the server.
    fn status(&mut self, data: &Value, asked_ms: u64) -> Vec<Entry> {
        let channels = data["channels"].as_array().into_iter().flatten();
        let known: BTreeSet<String> = channels.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        for channel in &known {
            self.memberships.entry(channel.clone()).or_insert_with(|| Membership::out(self.opening_ms));
        }
        let mut entries = Vec::new();
        for (channel, membership) in &mut self.memberships {
            let is_in = membership.place == Place::In;
            let is_same = known.contains(channel) == is_in;
            if is_same || !membership.is_at_rest() || membership.turned_ms >= asked_ms {
                membership.disagrees_since_ms = None;
            } else if *membership.disagrees_since_ms.get_or_insert(asked_ms) + STABLE_MS <= asked_ms {
                let what = format!("joined: {is_in}, the server names {known:?}");
                entries.push(Entry::Disagrees { channel: channel.clone(), what });
                membership.disagrees_since_ms = Some(asked_ms); // so that it is not reported again at once
            }
        }
        self.known = Some(known);
        entries
    }

    fn refused(&mut self, fields: &Value, refusal: &Refusal, asked_ms: u64, at_ms: u64) -> Option<Entry> {
        let channel = text(&fields["channel"]);
        let (code, key) = (refusal.code.clone(), text(&fields["key"]));
        let is_join = fields["action"] == "join" && self.is_last(&channel, fields);
        match code.as_str() {
            "internal" | "rate_limited" | "unauthorized" => None,
            "not_joined" => {
                self.denied(channel, asked_ms, at_ms);
                None
            }
            "conflict" if is_join => {
                Some(Entry::Unexpected(format!("join of {channel}: conflict with no later request")))
            }
            _ if is_join => {
                let membership = Membership { turn: turn_of(fields), ..Membership::out(at_ms) };
                self.memberships.insert(channel.clone(), membership);
                let until_ms = fields["grant"].as_str().and_then(until_ms);
                let has_ended = until_ms.is_some_and(|until_ms| until_ms < at_ms + GRANT_END_MS);
                (!has_ended).then_some(Entry::TurnedAway { what: channel, code, asked_ms, at_ms })
            }
            "muted" => Some(Entry::TurnedAway { what: channel, code, asked_ms, at_ms }),
            _ if key.starts_with(NONSENSE) => Some(Entry::Refused { channel, key, code }),
            _ => None, // the client's promise is rejected too
        }
    }

    /// A request was refused with `not_joined`, though the socket had joined the channel.
    fn denied(&mut self, channel: String, asked_ms: u64, at_ms: u64) {
        let Some(membership) = self.memberships.get_mut(&channel) else { return };
        let was_in = membership.place == Place::In && membership.turned_ms < asked_ms;
        if was_in {
            (membership.place, membership.turned_ms) = (Place::Out, at_ms);
            self.note(Wire::Denied { channel, asked_ms }, at_ms);
        }
    }
}
