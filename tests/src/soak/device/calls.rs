//! The promises that the client has given, and what became of them. Every one has to be settled, a message by its place in
//! the log or by a refusal that the user's rights explain; what fails for another reason is sent again by the same key.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::app::App;
use crate::soak::record::{Entry, Roster};
use crate::soak::worker::Failure;

/// Before a message that has failed is sent again.
const AGAIN: Duration = Duration::from_millis(500);
/// Why something fails that was asked for at a bad moment: the connection, the server, or the user's rights.
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

/// A call that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// `subscribe`, whose promise is `joined`.
    Subscribe(String),
    /// A message or the change of one; its key, once that is known.
    Send { said: Said, key: Option<String> },
    /// Once more what is kept already.
    Repeat { channel: String, key: String },
    /// An own status.
    Say { channel: String, version: u64 },
    /// Who is in a channel.
    Look(String),
    /// Something of which only it matters that it is answered.
    Other(String),
}

/// What a user says in a conversation: a message or the change of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) channel: String,
    /// The name of the event.
    pub(super) event: String,
    /// Its draft.
    pub(super) data: Value,
}

/// What was kept.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) said: Said,
    pub(super) key: String,
}

/// What is to be sent at this time.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) said: Said,
    pub(super) key: Option<String>,
    /// Whether it was sent before.
    pub(super) is_retry: bool,
    pub(super) at: Instant,
}

impl Said {
    pub(super) fn is_message(&self) -> bool {
        self.event == "chat.message"
    }

    /// Whether the message that it changes may refuse it: one that is deleted, or another user's. Which of the two it is, the
    /// code does not have to tell.
    pub(super) fn may_be_refused(&self, failure: &Failure) -> bool {
        !self.is_message() && matches!(&*failure.code, "forbidden" | "not_found")
    }
}

impl Call {
    /// Whether it looks around only.
    pub(super) const fn is_look(&self) -> bool {
        matches!(self, Self::Look(_))
    }
}

impl App {
    /// A promise was settled.
    pub(super) fn settled(&mut self, id: u64, outcome: Result<Value, Failure>, at_ms: u64) {
        let Some(call) = self.calls.remove(&id) else {
            return self.unexpected(format!("call {id} was settled twice"));
        };
        match (call, outcome) {
            (Call::Send { said, key }, Ok(sent)) => {
                let Some(key) = self.acked(&said.channel, key.as_deref(), &sent, at_ms) else { return };
                if self.sent.get(&key) != Some(&said) {
                    self.unexpected(format!("{key} was acked, which did not go out as {said:?}"));
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
            // What the refusal of a channel means, its `onError` tells.
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

    /// A message was acknowledged; returns its key.
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
            return; // the user has been put out of it; an earlier try may have been kept
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

    /// Whether the user may have lost the channel, as a refusal says.
    pub(super) fn may_be_out(&self, channel: &String, failure: &Failure) -> bool {
        let may_end = self.settings.for_a_time.contains(channel) || self.settings.by_grant.contains(channel);
        (failure.code == "forbidden" && may_end) || self.may_be_restricted(failure)
    }

    /// Whether a channel or a request may be refused to the user so.
    pub(super) fn may_be_denied(&self, failure: &Failure) -> bool {
        failure.code == "forbidden" || self.may_be_restricted(failure)
    }

    /// Whether the user may be muted or banned, as a refusal says. Whether they are, the record tells.
    pub(super) fn may_be_restricted(&self, failure: &Failure) -> bool {
        let person = &self.settings.person;
        matches!(&*failure.code, "muted" | "banned") && !person.is_team && !person.is_crowd
    }

    pub(super) fn unexpected(&mut self, what: String) {
        self.entries.push(Entry::Unexpected(what));
    }
}

/// Whether a failure says nothing about the request.
pub(super) fn is_passing(failure: &Failure) -> bool {
    PASSING.contains(&failure.code.as_str())
}

fn roster(answer: &Value) -> Roster {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let users = answer["users"].as_array().into_iter().flatten();
    users.map(|user| (text(&user["userId"]), text(&user["status"]))).collect()
}
