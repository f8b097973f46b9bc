//! One socket as its frames show it: its requests and their replies, its memberships, and what was posted to it. The client's own
//! view is not used, so that the two can be compared. The replies are in `answers`.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::calls::Said;
use super::membership::{Membership, Place};
use crate::soak::record::{Entry, Event, Note, Wire};
use crate::wire::events;

/// The prefix of the `key` of messages that must be refused.
pub(super) const NONSENSE: &str = "nonsense-";

/// One socket of a client.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) tape: Vec<Note>,
    pub(super) is_open: bool,
    pub(super) opening_ms: u64,
    /// Whether it was opened with a token. Otherwise it was opened with a ticket.
    has_token: bool,
    pub(super) token_until_ms: u64,
    pub(super) requests: BTreeMap<String, Request>,
    pub(super) memberships: BTreeMap<String, Membership>,
    sent: BTreeSet<String>,
    /// The channels in the last reply to `status`.
    pub(super) known: Option<BTreeSet<String>>,
}

/// A request without a reply yet.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) fields: Value,
    pub(super) asked_ms: u64,
}

/// What a frame has shown, besides the notes on the tape.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) entries: Vec<Entry>,
    /// The channel whose `leave` was sent.
    pub(super) leaving: Option<String>,
    /// The message or change that was sent, with its key.
    pub(super) sent: Option<(Said, String)>,
}

impl Socket {
    pub(super) fn opening(token: Option<&str>, at_ms: u64) -> Self {
        Self {
            tape: Vec::new(),
            is_open: false,
            opening_ms: at_ms,
            has_token: token.is_some(),
            token_until_ms: token.and_then(until_ms).unwrap_or(u64::MAX),
            requests: BTreeMap::new(),
            memberships: BTreeMap::new(),
            sent: BTreeSet::new(),
            known: None,
        }
    }

    pub(super) fn opened(&mut self, at_ms: u64) {
        self.is_open = true;
        let until_ms = self.token_until_ms;
        self.note(Wire::Opened, at_ms);
        self.note(Wire::Token { until_ms }, at_ms);
    }

    /// The server refused to open the socket. If it was opened with a valid token, no fault explains that. A ticket may be
    /// refused, because it is valid once, and may have been used by a try whose answer was lost.
    pub(super) fn turned_away(&self, status: u16, at_ms: u64) -> Option<Entry> {
        let (what, code, asked_ms) = ("connection".to_owned(), status.to_string(), self.opening_ms);
        (self.has_token && matches!(status, 401 | 403)).then_some(Entry::TurnedAway {
            what,
            code,
            asked_ms,
            at_ms,
        })
    }

    pub(super) fn over(&mut self, at_ms: u64) {
        if std::mem::take(&mut self.is_open) {
            self.note(Wire::Over, at_ms);
        }
    }

    /// Handles a frame that is sent.
    pub(super) fn goes_out(&mut self, fields: Value, at_ms: u64) -> Shown {
        let mut shown = Shown::default();
        let channel = text(&fields["channel"]);
        match fields["action"].as_str() {
            Some("join") => {
                self.turn(&channel, Place::Joining, &fields, at_ms);
                self.note(Wire::Joining { channel }, at_ms);
            }
            Some("leave") => {
                self.turn(&channel, Place::Leaving, &fields, at_ms);
                self.note(Wire::Leaving { channel: channel.clone() }, at_ms);
                shown.leaving = Some(channel);
            }
            Some("send") if fields["key"].is_string() => {
                let key = text(&fields["key"]);
                self.sent.insert(key.clone());
                self.note(Wire::Sent { key: key.clone() }, at_ms);
                shown.sent = (!key.starts_with(NONSENSE)).then(|| (said(&fields), key));
            }
            Some("call") if fields["change"] == "start" => {
                shown.entries.push(Entry::Called { channel, call: text(&fields["callId"]) });
            }
            Some("ping") => {
                if let Some(until_ms) = fields["token"].as_str().and_then(until_ms) {
                    self.note(Wire::Renewing { until_ms }, at_ms);
                }
            }
            _ => {}
        }
        self.requests.insert(text(&fields["id"]), Request { fields, asked_ms: at_ms });
        shown
    }

    /// Handles a frame that is received.
    pub(super) fn comes_in(&mut self, frame: &Value, at_ms: u64) -> Shown {
        let mut shown = Shown::default();
        match frame["type"].as_str() {
            Some("event") => self.posted(frame, at_ms),
            Some("batch") => events(frame, "events").iter().for_each(|event| self.posted(event, at_ms)),
            Some("reply") => shown.entries = self.answered(frame, at_ms),
            // API Gateway's own frame, which says that a function has failed or that it accepts no more frames.
            _ if frame.get("requestId").is_some() => {}
            _ => shown.entries.push(Entry::Unexpected(frame.to_string())),
        }
        shown
    }

    /// The handler received a durable event. A member is posted each of them sooner or later.
    pub(super) fn heard(&mut self, event: &Event, is_own: bool) {
        let is_sent_here = is_own && event.key.as_ref().is_some_and(|key| self.sent.contains(key));
        let (Some(membership), Some(seq)) = (self.memberships.get_mut(&event.channel), event.seq) else {
            return;
        };
        let is_owed =
            membership.place == Place::In && seq > membership.head && !membership.posted.contains(&seq);
        if is_owed && !is_sent_here {
            membership.unposted.insert(seq);
        }
    }

    /// The events that members heard without a post, by channel.
    pub(super) fn unposted(&self) -> BTreeMap<String, BTreeSet<u64>> {
        let members =
            self.memberships.iter().filter(|(_, one)| one.place == Place::In && !one.unposted.is_empty());
        members.map(|(channel, one)| (channel.clone(), one.unposted.clone())).collect()
    }

    /// The channels in the last reply to `status`, except those that are being joined or left.
    pub(super) fn known(&self) -> Option<BTreeSet<String>> {
        let is_at_rest =
            |channel: &&String| self.memberships.get(*channel).is_none_or(Membership::is_at_rest);
        Some(self.known.as_ref()?.iter().filter(is_at_rest).cloned().collect())
    }

    fn turn(&mut self, channel: &str, place: Place, fields: &Value, at_ms: u64) {
        let turn = fields["order"].as_u64().unwrap_or_default();
        let membership = Membership { place, turn, ..Membership::out(at_ms) };
        self.memberships.insert(channel.to_owned(), membership);
    }

    fn posted(&mut self, frame: &Value, at_ms: u64) {
        let event = Event::of(frame);
        let (channel, name) = (event.channel.clone(), event.event.clone());
        let sent_ms = event.sent_ms().unwrap_or_default();
        self.note(Wire::Posted { channel: channel.clone(), event: name, seq: event.seq, sent_ms }, at_ms);
        if let (Some(membership), Some(seq)) = (self.memberships.get_mut(&channel), event.seq) {
            membership.posted.insert(seq);
            membership.unposted.remove(&seq);
        }
        if event.event == "access.revoked" {
            self.revoked(channel, event.data["order"].as_u64(), at_ms);
        }
    }

    /// Handles a removal. One that is about an earlier join than the last does not end the membership.
    fn revoked(&mut self, channel: String, order: Option<u64>, at_ms: u64) {
        if let Some(membership) = self.memberships.get_mut(&channel) {
            if order.is_some_and(|order| order < membership.turn) {
                return self.note(Wire::Outdated { channel }, at_ms);
            }
            if membership.place == Place::In {
                (membership.place, membership.turned_ms) = (Place::Out, at_ms);
            }
        }
        self.note(Wire::Revoked { channel }, at_ms);
    }

    /// Whether a join or a leave is the channel's last one. The replies to others say nothing about the membership.
    pub(super) fn is_last(&self, channel: &str, fields: &Value) -> bool {
        self.memberships.get(channel).is_some_and(|membership| membership.turn == turn_of(fields))
    }

    pub(super) fn note(&mut self, what: Wire, at_ms: u64) {
        self.tape.push(Note { at_ms, what });
    }
}

pub(super) fn turn_of(fields: &Value) -> u64 {
    fields["order"].as_u64().unwrap_or_default()
}

/// The message or change in the fields of a `send`.
pub(super) fn said(fields: &Value) -> Said {
    Said { channel: text(&fields["channel"]), event: text(&fields["event"]), data: fields["data"].clone() }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// When a token or a grant expires, by its own claims.
pub(super) fn until_ms(token: &str) -> Option<u64> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(claims["exp"].as_u64()? * 1_000)
}
