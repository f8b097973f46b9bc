//! The promises of the client, and how they were settled. Each must be settled: a message with its seq, or with a refusal that
//! the user's rights explain. What fails for another reason is sent again with the same key.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::app::App;
use crate::soak::record::{Entry, Roster};
use crate::soak::worker::Failure;

/// The pause before a failed message is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// The error codes of requests that failed only because of their moment. They may be repeated.
const PASSING: [&str; 8] = [
    "closed",
    "conflict",
    "disconnected",
    "internal",
    "not_joined",
    "outbox_full",
    "rate_limited",
    "timeout",
];

/// A call to the client whose promise is not settled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// `subscribe`; the promise is `joined`.
    Subscribe(String),
    /// `send` of a message or a change. `key` is `None` until the client has chosen one.
    Send { said: Said, key: Option<String> },
    /// `send` of a message that is already in the log.
    Repeat { channel: String, key: String },
    /// A `presence.update`, with the version of the status.
    Say { channel: String, version: u64 },
    /// A request for the roster of a channel.
    Look(String),
    /// Any other call, of which only the failure matters.
    Other(String),
}

/// A message, or the change of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) channel: String,
    /// The name of its event.
    pub(super) event: String,
    /// Its draft.
    pub(super) data: Value,
}

/// A message or a change that was acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) said: Said,
    pub(super) key: String,
}

/// A message or a change that is to be sent.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) said: Said,
    pub(super) key: Option<String>,
    /// Whether it has been sent before.
    pub(super) is_retry: bool,
    pub(super) at: Instant,
}

impl Said {
    pub(super) fn is_message(&self) -> bool {
        self.event == "chat.message"
    }

    /// Whether this refusal of a change may be right: the message may have been deleted, or be another user's. The code need not
    /// say which.
    pub(super) fn may_be_refused(&self, failure: &Failure) -> bool {
        !self.is_message() && matches!(&*failure.code, "forbidden" | "not_found")
    }
}

impl Call {
    /// Whether this is a request for a roster.
    pub(super) const fn is_look(&self) -> bool {
        matches!(self, Self::Look(_))
    }
}

impl App {
    /// Handles a promise that was settled.
    pub(super) fn settled(&mut self, id: u64, outcome: Result<Value, Failure>, at_ms: u64) {
        let Some(call) = self.calls.remove(&id) else {
            return self.unexpected(format!("call {id} was settled twice"));
        };
        match (call, outcome) {
            (Call::Send { said, key }, Ok(sent)) => {
                let Some(key) = self.acked(&said.channel, key.as_deref(), &sent, at_ms) else { return };
                if self.sent.get(&key) != Some(&said) {
                    self.unexpected(format!("{key} was acked, but was not sent as {said:?}"));
                }
                self.kept.push(Kept { said, key });
            }
            (Call::Repeat { channel, key }, Ok(sent)) => {
                self.acked(&channel, Some(&key), &sent, at_ms);
            }
            (Call::Send { said, key }, Err(failure)) => self.failed(said, key, &failure),
            (Call::Say { channel, version }, Ok(_)) => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.has_said(version);
                }
            }
            (Call::Look(channel), Ok(answer)) => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.roster = Some(roster(&answer));
                }
            }
            (Call::Subscribe(_) | Call::Other(_), Ok(_)) => {}
            // `onError` is called for a refused channel, and handles the refusal.
            (Call::Subscribe(_), Err(failure)) if self.may_be_denied(&failure) => {}
            (
                Call::Repeat { channel, .. } | Call::Say { channel, .. } | Call::Look(channel),
                Err(failure),
            ) if self.may_be_out(&channel, &failure) => {}
            (Call::Other(_), Err(failure)) if self.may_be_denied(&failure) => {}
            (call, Err(failure)) => {
                if !is_passing(&failure) {
                    self.unexpected(format!("{call:?}: {}: {}", failure.code, failure.message));
                }
            }
        }
    }

    /// Records the acknowledgement of a message. Returns its key.
    pub(super) fn acked(
        &mut self,
        channel: &str,
        key: Option<&str>,
        sent: &Value,
        at_ms: u64,
    ) -> Option<String> {
        let (Some(seq), Some(acked)) = (sent["seq"].as_u64(), sent["key"].as_str()) else {
            self.unexpected(format!("{key:?} was acked as {sent}"));
            return None;
        };
        if key.is_some_and(|key| key != acked) {
            self.unexpected(format!("{key:?} was acked as {sent}"));
        }
        let (channel, key, duplicate) = (channel.to_owned(), acked.to_owned(), sent["duplicate"] == true);
        self.entries.push(Entry::Acked { channel, key: key.clone(), seq, duplicate, at_ms });
        Some(key)
    }

    fn failed(&mut self, said: Said, key: Option<String>, failure: &Failure) {
        let Failure { code, message } = failure;
        if self.may_be_out(&said.channel, failure) {
            return; // the user has been removed; an earlier try may be in the log
        }
        if is_passing(failure) {
            return self.drafts.push(Draft { said, key, is_retry: true, at: Instant::now() + AGAIN });
        }
        if !said.may_be_refused(failure) {
            self.unexpected(format!("{key:?} was refused: {code}: {message}"));
        }
        if let Some(key) = key {
            self.entries.push(Entry::Refused { channel: said.channel, key, code: code.clone() });
        }
    }

    /// Whether a refusal may mean that the user has lost the channel.
    pub(super) fn may_be_out(&self, channel: &String, failure: &Failure) -> bool {
        let may_end = self.settings.for_a_time.contains(channel) || self.settings.by_grant.contains(channel);
        (failure.code == "forbidden" && may_end) || self.may_be_restricted(failure)
    }

    /// Whether a refusal may mean that the user may not use the channel.
    pub(super) fn may_be_denied(&self, failure: &Failure) -> bool {
        failure.code == "forbidden" || self.may_be_restricted(failure)
    }

    /// Whether a refusal may mean that the user is muted or banned. The verifier checks whether they were.
    pub(super) fn may_be_restricted(&self, failure: &Failure) -> bool {
        let person = &self.settings.person;
        matches!(&*failure.code, "muted" | "banned") && !person.is_team && !person.is_crowd
    }

    pub(super) fn unexpected(&mut self, what: String) {
        self.entries.push(Entry::Unexpected(what));
    }
}

/// Whether a failure says nothing about the request itself.
pub(super) fn is_passing(failure: &Failure) -> bool {
    PASSING.contains(&failure.code.as_str())
}

fn roster(answer: &Value) -> Roster {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let users = answer["users"].as_array().into_iter().flatten();
    users.map(|user| (text(&user["userId"]), text(&user["status"]))).collect()
}
