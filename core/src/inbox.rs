//! What an inbox knows of a conversation: its last message, and how many of its messages a user has read.
//!
//! An [`Activity`] is derived from the records of the log. They may arrive in batches, out of order and more than once, as
//! long as the records of one message are in order and a repeat begins somewhere and goes on to the end. What comes out is
//! always the same, which a property test holds against a count over the log.
//!
//! Messages are counted, not events: `n` is the number of messages that a log has had up to an event. So what a user has not
//! read is a difference of two numbers, which edits, reactions and deletions do not change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CompanyId, ConversationId, Seq, Timestamp, UserId, event::MessageBody, frame::Sender};

limits! {
    /// The largest number of unread messages that is shown. It stands for itself and all above it.
    pub const UNREAD_SHOWN_MAX: u64 = 100;
}

/// The most bytes of an [`Activity`] as it is stored: with its keys, its item is below 1 KiB, which is one write unit.
pub const ACTIVITY_BYTES_MAX: usize = 760;
/// The bytes of the numbers, the times and the names of the attributes of a last message.
const AROUND_LAST_BYTES: usize = 190;
/// The bytes of a number in a map, and what surrounds an entry.
const AROUND_SENDER_BYTES: usize = 12;

/// The last message of a conversation, as an inbox shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LastMessage {
    /// Its place in the log.
    pub seq: Seq,
    /// When it was sent.
    pub at: Timestamp,
    /// Its author; absent if it came from the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Sender>,
    /// The first 80 code points of its text, or of the name of its first file if it has no text; absent if it has been deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// The payload of `inbox.update`: what is new about a conversation in an inbox, either its last message (`companyId`, `n`,
/// `last?`; to a participant who has sent one of the last ones, `readN` too), or how much of it the user has read on another device
/// (`readN` alone). It is not kept, so whoever may have missed one asks for the inbox again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InboxUpdate {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
    /// The number of messages that the conversation has had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// The last message, as it is now; absent if it has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastMessage>,
    /// The `n` up to which the user has read. It never goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_n: Option<u64>,
}

/// A message of a log, with what decides what an inbox makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenMessage {
    /// The message as it is shown.
    pub shown: LastMessage,
    /// Its author, also if the backend has sent it for them: who sends has read. `None` once it has been learnt.
    #[serde(skip)]
    pub author: Option<UserId>,
    /// How many messages the log has had up to and including this one.
    pub n: u64,
    /// When it was written, which is in the order of the seqs.
    pub kept_at: Timestamp,
    /// How often it had been changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changes: u64,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it is no longer in the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_gone: bool,
}

impl SeenMessage {
    /// The excerpt of a message; `None` if it has been deleted.
    pub fn excerpt(body: &MessageBody) -> Option<String> {
        body.deleted_at.is_none().then(|| body.excerpt())
    }

    /// Whether the log has it at this time.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        !self.is_gone && self.expires_at.is_none_or(|at| now < at)
    }
}

/// A change of a conversation's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogNews {
    /// A message is in the log, or has been changed.
    Message(SeenMessage),
    /// The message at this place has expired, and is no longer in the log.
    Gone(Seq),
    /// The log begins again, after it has had this many messages, all of which have expired.
    BeginsAfter(u64),
}

/// What an inbox knows of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// The last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<SeenMessage>,
    /// How many messages there were before the log began for the last time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub before: u64,
    /// The users who sent last, each with the `n` of their own last message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sent: BTreeMap<UserId, u64>,
}

/// How far a user has read a conversation, as it is noted beside their receipts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadMark {
    /// The `n` of what they have acknowledged as read.
    pub read: u64,
    /// The `n` of an own message, if the activity no longer has it.
    pub sent: u64,
}

impl Activity {
    /// Takes a change of the log into account. What is known already, or is older, changes nothing.
    pub fn learn(&mut self, news: LogNews) {
        match news {
            LogNews::BeginsAfter(n) => self.before = self.before.max(n),
            LogNews::Gone(seq) => {
                if let Some(last) = self.last.as_mut().filter(|last| last.shown.seq == seq) {
                    last.shown.excerpt = None;
                    last.is_gone = true;
                }
            }
            LogNews::Message(message) => self.learn_message(message),
        }
    }

    fn learn_message(&mut self, message: SeenMessage) {
        // A message that has been changed was learnt before, with its author.
        if let Some(author) = message.author.as_ref().filter(|_| message.changes == 0) {
            let sent = self.sent.entry(author.clone()).or_default();
            *sent = message.n.max(*sent);
        }
        let is_newer = self.last.as_ref().is_none_or(|last| {
            let order = message.shown.seq.cmp(&last.shown.seq);
            order.is_gt() || order.is_eq() && !last.is_gone && message.changes > last.changes
        });
        if is_newer {
            self.last = Some(SeenMessage { author: None, ..message });
        }
    }

    /// Forgets a user: who sent the last message, and that they have sent any. Returns whether it knew them.
    pub fn forget(&mut self, user: &UserId) -> bool {
        let had_sent = self.sent.remove(user).is_some();
        let last = self.last.as_mut().map(|last| &mut last.shown);
        let own = last.filter(|last| last.from.as_ref().is_some_and(|from| from.user_id == *user));
        let Some(own) = own else { return had_sent };
        (own.from, own.excerpt) = (None, None);
        true
    }

    /// Whether an inbox shows this as it shows `other`. A message may have been changed in what is not shown.
    pub fn is_shown_as(&self, other: &Self) -> bool {
        let shown = |of: &Self| of.last.as_ref().map(|last| (last.shown.clone(), last.n, last.is_gone));
        (shown(self), self.before, &self.sent) == (shown(other), other.before, &other.sent)
    }

    /// Removes the users who have not sent for the longest time until the rest fits `bytes_max`, and returns them: the `n` of
    /// their own last message must be noted elsewhere.
    pub fn trim(&mut self, bytes_max: usize) -> Vec<(UserId, u64)> {
        let mut removed = Vec::new();
        while self.bytes() > bytes_max {
            let oldest = self.sent.iter().min_by_key(|(_, n)| **n).map(|(user, _)| user.clone());
            let Some((user, n)) = oldest.and_then(|user| self.sent.remove_entry(&user)) else { break };
            removed.push((user, n));
        }
        removed
    }

    /// About how many bytes this is in the table.
    fn bytes(&self) -> usize {
        let last = self.last.as_ref().map_or(0, |last| {
            let from = last.shown.from.as_ref();
            let from = from.map_or(0, |from| from.user_id.as_str().len() + from.name.as_str().len());
            AROUND_LAST_BYTES + from + last.shown.excerpt.as_ref().map_or(0, String::len)
        });
        last + self.sent.keys().map(|user| AROUND_SENDER_BYTES + user.as_str().len()).sum::<usize>()
    }

    /// The number of messages that the log has had.
    pub fn n(&self) -> u64 {
        self.last.as_ref().map_or(self.before, |last| last.n.max(self.before))
    }

    /// The last message, unless it has expired.
    pub fn last(&self, now: Timestamp) -> Option<&LastMessage> {
        self.last.as_ref().filter(|last| last.is_alive(now)).map(|last| &last.shown)
    }

    /// The number of messages up to which a user has nothing left to read: who sends has read, and what has expired can be
    /// read no more.
    pub fn read_n(&self, user: &UserId, mark: ReadMark, now: Timestamp) -> u64 {
        if self.last.as_ref().is_none_or(|last| !last.is_alive(now)) {
            return self.n();
        }
        let sent = self.sent.get(user).copied().unwrap_or_default();
        mark.read.max(mark.sent).max(sent).max(self.before)
    }

    /// How many messages a user has not read who has read this many; [`UNREAD_SHOWN_MAX`] if they are more.
    pub fn unread(&self, read_n: u64) -> u64 {
        self.n().saturating_sub(read_n).min(UNREAD_SHOWN_MAX)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;
