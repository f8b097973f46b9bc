//! One queue's messages. Pure: the time is an argument, and nobody waits here.

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
    /// Receives after which a message is dead, where there is a queue for the dead.
    receives_max: Option<u32>,
}

/// A message in a queue.
pub(super) struct Message {
    id: String,
    body: String,
    attributes: Attributes,
    sent_ms: i64,
    first_received_ms: Option<i64>,
    receives: u32,
    /// Not to be received before.
    visible_at: Instant,
    /// Gone from here on.
    expires_at: Instant,
    /// The newest handle, by which it can be deleted.
    receipt: Option<String>,
}

/// What a receive found.
pub(super) struct Taken {
    pub(super) received: Vec<Received>,
    /// Received too often: these are no longer in this queue.
    pub(super) dead: Vec<Message>,
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
    Deleted,
    /// The message is gone, or was received again since.
    Outdated,
    /// Not a handle at all.
    Invalid,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    Changed,
    NotInFlight,
    Invalid,
}

impl Queue {
    pub(super) fn new(definition: &template::Queue) -> Self {
        Self {
            messages: BTreeMap::new(),
            next: 0,
            visibility_timeout: definition.visibility_timeout,
            delay: definition.delay,
            retention: definition.retention,
            receives_max: definition.redrive.as_ref().map(|redrive| redrive.receives_max),
        }
    }

    pub(super) fn put(&mut self, entry: Entry, now: Instant) -> Sent {
        let sent = Sent {
            id: Uuid::now_v7().to_string(),
            body_md5: md5_hex(&entry.body),
            attributes_md5: entry.attributes.md5(),
        };
        let message = Message {
            id: sent.id.clone(),
            body: entry.body,
            attributes: entry.attributes,
            sent_ms: Timestamp::now().as_millisecond(),
            first_received_ms: None,
            receives: 0,
            visible_at: now + entry.delay.unwrap_or(self.delay),
            expires_at: now + self.retention,
            receipt: None,
        };
        self.insert(message);
        sent
    }

    /// Takes in what another queue gave up: the same message, of the same age.
    pub(super) fn put_dead(&mut self, mut message: Message, now: Instant) {
        message.visible_at = now;
        message.receipt = None;
        self.insert(message);
    }

    fn insert(&mut self, message: Message) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    /// Takes up to `max` visible messages and hides them for `hidden`, or else for the queue's visibility
    /// timeout.
    pub(super) fn receive(&mut self, now: Instant, max: usize, hidden: Option<Duration>) -> Taken {
        self.messages.retain(|_, message| message.expires_at > now);
        let hidden = hidden.unwrap_or(self.visibility_timeout);
        let mut taken = Taken { received: Vec::new(), dead: Vec::new() };
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
                taken.dead.extend(self.messages.remove(&key));
            } else if let Some(message) = self.messages.get_mut(&key) {
                taken.received.push(message.receive(key, now + hidden));
            }
        }
        taken
    }

    /// When a hidden message will be visible, at the earliest; `None` where none is hidden.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        self.messages.values().map(|message| message.visible_at).filter(|at| *at > now).min()
    }

    pub(super) fn delete(&mut self, receipt: &str) -> Deletion {
        let Some(key) = key_of(receipt) else { return Deletion::Invalid };
        match self.messages.get(&key) {
            Some(message) if message.receipt.as_deref() == Some(receipt) => {
                self.messages.remove(&key);
                Deletion::Deleted
            }
            _ => Deletion::Outdated,
        }
    }

    pub(super) fn change_visibility(&mut self, receipt: &str, hidden: Duration, now: Instant) -> Visibility {
        let Some(key) = key_of(receipt) else { return Visibility::Invalid };
        match self.messages.get_mut(&key) {
            Some(message) if message.receipt.as_deref() == Some(receipt) && message.visible_at > now => {
                message.visible_at = now + hidden;
                Visibility::Changed
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
        }
    }
}

/// The message that a receipt handle is of.
fn key_of(receipt: &str) -> Option<u64> {
    let (key, nonce) = receipt.split_once(':')?;
    nonce.parse::<Uuid>().ok()?;
    key.parse().ok()
}
