//! The messages of one queue. Pure: the time is an argument, and nothing waits here.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::message::{Attributes, Entry, Received, Sent, md5_hex};
use crate::template;

/// The messages of a queue, in the order of their arrival.
pub(super) struct Queue {
    messages: BTreeMap<u64, Message>,
    next: u64,
    visibility_timeout: Duration,
    delay: Duration,
    retention: Duration,
    /// The receives after which a message goes to the dead-letter queue, if there is one.
    receives_max: Option<u32>,
}

/// A message in a queue.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) attributes: Attributes,
    /// Not kept in the journal: after a restart the chain is counted from zero.
    pub(super) trace: Option<String>,
    pub(super) sent_ms: i64,
    pub(super) first_received_ms: Option<i64>,
    pub(super) receives: u32,
    /// The time from which it can be received.
    pub(super) visible_at: Instant,
    /// The time at which it is deleted.
    pub(super) expires_at: Instant,
    /// The newest receipt handle, by which it can be deleted.
    pub(super) receipt: Option<String>,
    /// The ARN of the queue that has given it up. Not kept in the journal.
    pub(super) given_up_by: Option<String>,
}

/// The result of a receive, with the keys of the messages in this queue.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) received: Vec<(u64, Received)>,
    /// Messages that were received too often, and are no longer in this queue.
    pub(super) dead: Vec<(u64, Message)>,
    /// Messages that were older than the queue's retention, and are deleted.
    pub(super) expired: Vec<u64>,
}

/// How many messages there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deletion {
    /// The message had this key.
    Deleted(u64),
    /// The message is deleted, or has been received again since.
    Outdated,
    /// The text is not a receipt handle.
    Invalid,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// The message has this key.
    Changed(u64),
    NotInFlight,
    Invalid,
}

impl Queue {
    /// A queue with these messages, which an earlier run left.
    pub(super) fn new(definition: &template::Queue, messages: BTreeMap<u64, Message>) -> Self {
        Self {
            next: messages.last_key_value().map_or(0, |(last, _)| last + 1),
            messages,
            visibility_timeout: definition.visibility_timeout,
            delay: definition.delay,
            retention: definition.retention,
            receives_max: definition.redrive.as_ref().map(|redrive| redrive.receives_max),
        }
    }

    /// Adds messages after `keep` has kept them; if that fails, none is added.
    pub(super) fn put<E>(
        &mut self,
        entries: Vec<Entry>,
        now: Instant,
        keep: impl FnOnce(&BTreeMap<u64, Message>) -> Result<(), E>,
    ) -> Result<Vec<Sent>, E> {
        let (sent, messages): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|entry| self.message(entry, now)).unzip();
        let messages = (self.next..).zip(messages).collect();
        keep(&messages)?;
        self.next += messages.len() as u64;
        self.messages.extend(messages);
        Ok(sent)
    }

    fn message(&self, entry: Entry, now: Instant) -> (Sent, Message) {
        let sent = Sent {
            id: Uuid::now_v7().to_string(),
            body_md5: md5_hex(&entry.body),
            attributes_md5: entry.attributes.md5(),
        };
        let message = Message {
            id: sent.id.clone(),
            body: entry.body,
            attributes: entry.attributes,
            trace: entry.trace,
            sent_ms: Timestamp::now().as_millisecond(),
            first_received_ms: None,
            receives: 0,
            visible_at: now + entry.delay.unwrap_or(self.delay),
            expires_at: now + self.retention,
            receipt: None,
            given_up_by: None,
        };
        (sent, message)
    }

    /// Adds a message that the queue `from` has given up, with its id and age unchanged. Returns its key in this queue.
    pub(super) fn put_dead(&mut self, mut message: Message, from: &str, now: Instant) -> u64 {
        let age_ms = Timestamp::now().as_millisecond().saturating_sub(message.sent_ms);
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
        message.visible_at = now;
        message.expires_at = now + self.retention.saturating_sub(age);
        message.receipt = None;
        message.given_up_by = Some(from.to_owned());
        let key = self.next;
        self.next += 1;
        self.messages.insert(key, message);
        key
    }

    /// Receives up to `max` visible messages, and hides them for `hidden` or the queue's visibility timeout.
    pub(super) fn receive(&mut self, now: Instant, max: usize, hidden: Option<Duration>) -> Taken {
        let mut taken = Taken::default();
        self.messages.retain(|key, message| {
            let lives = message.expires_at > now;
            if !lives {
                taken.expired.push(*key);
            }
            lives
        });
        let hidden = hidden.unwrap_or(self.visibility_timeout);
        let visible: Vec<u64> = self
            .messages
            .iter()
            .filter(|(_, message)| message.visible_at <= now)
            .map(|(key, _)| *key)
            .collect();
        for key in visible {
            if taken.received.len() == max {
                break;
            }
            let dead = |message: &mut Message| self.receives_max.is_some_and(|max| message.receives >= max);
            if self.messages.get_mut(&key).is_some_and(dead) {
                taken.dead.extend(self.messages.remove_entry(&key));
            } else if let Some(message) = self.messages.get_mut(&key) {
                taken.received.push((key, message.receive(key, now + hidden)));
            }
        }
        taken
    }

    /// The message of this key.
    pub(super) fn get(&self, key: u64) -> Option<&Message> {
        self.messages.get(&key)
    }

    /// The earliest time at which a hidden message becomes visible; `None` if none is hidden.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        self.messages.values().map(|message| message.visible_at).filter(|at| *at > now).min()
    }

    pub(super) fn delete(&mut self, receipt: &str) -> Deletion {
        let Some(key) = key_of(receipt) else { return Deletion::Invalid };
        match self.messages.get(&key) {
            Some(message) if message.receipt.as_deref() == Some(receipt) => {
                self.messages.remove(&key);
                Deletion::Deleted(key)
            }
            _ => Deletion::Outdated,
        }
    }

    /// Removes and returns the message with this receipt handle, if it is the newest one.
    pub(super) fn take(&mut self, receipt: &str) -> Option<(u64, Message)> {
        let key = key_of(receipt)?;
        let is_newest = |message: &Message| message.receipt.as_deref() == Some(receipt);
        self.messages.get(&key).is_some_and(is_newest).then(|| self.messages.remove_entry(&key))?
    }

    pub(super) fn change_visibility(&mut self, receipt: &str, hidden: Duration, now: Instant) -> Visibility {
        let Some(key) = key_of(receipt) else { return Visibility::Invalid };
        match self.messages.get_mut(&key) {
            Some(message) if message.receipt.as_deref() == Some(receipt) && message.visible_at > now => {
                message.visible_at = now + hidden;
                Visibility::Changed(key)
            }
            _ => Visibility::NotInFlight,
        }
    }

    pub(super) fn purge(&mut self) {
        self.messages.clear();
    }

    pub(super) fn counts(&self, now: Instant) -> Counts {
        let mut counts = Counts::default();
        for message in self.messages.values().filter(|message| message.expires_at > now) {
            let count = match (message.visible_at <= now, message.receives) {
                (true, _) => &mut counts.visible,
                (false, 0) => &mut counts.delayed,
                (false, _) => &mut counts.in_flight,
            };
            *count += 1;
        }
        counts
    }
}

impl Message {
    fn receive(&mut self, key: u64, visible_at: Instant) -> Received {
        let receipt = format!("{key}:{}", Uuid::now_v7());
        let first_received_ms =
            *self.first_received_ms.get_or_insert_with(|| Timestamp::now().as_millisecond());
        self.receives += 1;
        self.visible_at = visible_at;
        self.receipt = Some(receipt.clone());
        Received {
            id: self.id.clone(),
            receipt,
            body: self.body.clone(),
            attributes: self.attributes.clone(),
            sent_ms: self.sent_ms,
            first_received_ms,
            receives: self.receives,
            trace: self.trace.clone(),
            given_up_by: self.given_up_by.clone(),
        }
    }
}

/// The key of the message that a receipt handle belongs to.
fn key_of(receipt: &str) -> Option<u64> {
    let (key, nonce) = receipt.split_once(':')?;
    nonce.parse::<Uuid>().ok()?;
    key.parse().ok()
}
