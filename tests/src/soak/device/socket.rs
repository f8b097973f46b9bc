//! One socket as its frames show it: what was asked for and answered, what it is a member of, and what was posted to it.
//! The client's own view of that is not looked at, so that the two can be held against each other. What the answers say is
//! in `answers`.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::calls::Said;
use super::membership::{Membership, Place};
use crate::soak::record::{Entry, Event, Note, Wire};
use crate::wire::events;

/// What the `key` of a message begins with that must be refused.
pub(super) const NONSENSE: &str = "nonsense-";

/// A socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) tape: Vec<Note>,
    pub(super) is_open: bool,
    pub(super) opening_ms: u64,
    /// Whether it was opened with a token, and not with a ticket.
    has_token: bool,
    pub(super) token_until_ms: u64,
    pub(super) requests: BTreeMap<String, Request>,
    pub(super) memberships: BTreeMap<String, Membership>,
    sent: BTreeSet<String>,
    /// The channels that `status` named last.
    pub(super) known: Option<BTreeSet<String>>,
}

/// A request that is not answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) fields: Value,
    pub(super) asked_ms: u64,
}

/// What a frame has shown, beside the notes on the tape.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) entries: Vec<Entry>,
    /// A `leave` of this channel has gone out.
    pub(super) leaving: Option<String>,
    /// This has gone out, with this key.
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

    /// A token that is good is refused, which no fault explains. A ticket may be: it is good for one use, and a try whose answer
    /// was lost may have been that.
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

    /// A frame goes out.
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

    /// A frame comes in.
    pub(super) fn comes_in(&mut self, frame: &Value, at_ms: u64) -> Shown {
        let mut shown = Shown::default();
        match frame["type"].as_str() {
            Some("event") => self.posted(frame, at_ms),
            Some("batch") => events(frame, "events").iter().for_each(|event| self.posted(event, at_ms)),
            Some("reply") => shown.entries = self.answered(frame, at_ms),
            // The API's own frame, that a function has failed or that it lets no more frames in.
            _ if frame.get("requestId").is_some() => {}
            _ => shown.entries.push(Entry::Unexpected(frame.to_string())),
        }
        shown
    }

    /// The handler was given an event of the log, which is posted to a member sooner or later.
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

    /// What was heard in each channel without a post, by a member.
    pub(super) fn unposted(&self) -> BTreeMap<String, BTreeSet<u64>> {
        let members =
            self.memberships.iter().filter(|(_, one)| one.place == Place::In && !one.unposted.is_empty());
        members.map(|(channel, one)| (channel.clone(), one.unposted.clone())).collect()
    }

    /// The channels that the server named last, where nothing about them is under way.
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

    /// What is about an earlier join than the last says nothing of that.
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

    /// Whether a join or a leave is the last of its channel: the answers to the others tell nothing.
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

/// What the fields of a `send` say.
pub(super) fn said(fields: &Value) -> Said {
    Said { channel: text(&fields["channel"]), event: text(&fields["event"]), data: fields["data"].clone() }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Until when a token or a grant counts, as it says itself.
pub(super) fn until_ms(token: &str) -> Option<u64> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(claims["exp"].as_u64()? * 1_000)
}
