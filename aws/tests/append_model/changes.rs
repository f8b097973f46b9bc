//! What a sender does that changes a message, as `table/log/change.rs` does it: it reads the message beside the log, and
//! writes both in one transaction, on condition that the message is still the one that it has read.

use super::model::{AppendModel, At, Entry, Kind, Mutation, SENDERS, State, TARGET};

/// What the changes have made of the message: the attributes of its row, beside the event itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Message {
    /// How often it has been changed.
    pub(super) changes: u8,
    /// How often by each key.
    pub(super) by_key: [u8; SENDERS],
    /// The seq of the last edit, whose event has the text.
    pub(super) last_edit: Option<u8>,
    pub(super) is_deleted: bool,
}

/// The message as a sender has read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// It has not been read.
    Unread,
    /// There is none that is alive.
    Gone,
    Read(Message),
}

impl AppendModel {
    /// Reads the message once the log was read, which ends at this seq.
    pub(super) fn read_message_last(&self, state: &mut State, n: usize, end: u8) {
        state.senders[n].subject = state.read_message();
        state.senders[n].at = match put_after(state.senders[n].subject, end) {
            // The log may have been read before an earlier try changed the message, and that before another sender
            // deleted it.
            At::Refused if self.mutation != Mutation::RefuseAtOnce => At::LookOnceMore(end),
            at => at,
        };
    }

    /// Looks for an earlier try of a change that its message refuses, and which therefore cannot be made any more.
    pub(super) fn look_once_more(&self, state: &mut State, n: usize, from: u8) {
        let found = state.read_from(from).into_iter().find(|entry| entry.key == self.keys[n]);
        state.senders[n].at = match found {
            Some(found) => state.found(found),
            None => At::Refused,
        };
    }

    /// Whether the message is still the one that the sender has read.
    pub(super) fn is_as_read(&self, state: &State, n: usize) -> bool {
        let is_there = state.log.iter().any(|entry| entry.seq == TARGET);
        is_there
            && (self.mutation == Mutation::NoCondition
                || state.senders[n].subject == Subject::Read(state.message))
    }

    /// Changes the message, as the event at this seq says.
    pub(super) fn change_message(&self, state: &mut State, n: usize, seq: u8) {
        let before = match state.senders[n].subject {
            Subject::Read(message) if self.mutation != Mutation::TwoWrites => message,
            _ => state.message,
        };
        let mut after = Message { changes: before.changes + 1, ..before };
        after.by_key[usize::from(self.keys[n])] += 1;
        if self.kinds[n] == Kind::Edit {
            after.last_edit = Some(seq);
        } else {
            after.is_deleted = true;
        }
        let replaced = state.log.iter_mut().find(|entry| Some(entry.seq) == before.last_edit);
        if let Some(replaced) = replaced.filter(|_| self.mutation != Mutation::KeepReplacedText) {
            replaced.has_text = false;
        }
        state.message = after;
    }
}

/// What a sender does next that changes this message, and knows that the log ends at this seq.
pub(super) fn put_after(subject: Subject, end: u8) -> At {
    match subject {
        Subject::Unread => At::ReadMessageLast(end),
        Subject::Read(message) if !message.is_deleted => At::Put(end + 1),
        Subject::Read(_) | Subject::Gone => At::Refused,
    }
}

impl State {
    pub(super) fn read_message(&self) -> Subject {
        if self.has_message() { Subject::Read(self.message) } else { Subject::Gone }
    }

    /// Whether the message is in the log, and has not expired.
    pub(super) fn has_message(&self) -> bool {
        self.alive().any(|entry| entry.seq == TARGET)
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter().filter(|entry| entry.alive)
    }

    pub(super) fn count(&self, key: u8) -> usize {
        self.alive().filter(|entry| entry.key == key).count()
    }
}
