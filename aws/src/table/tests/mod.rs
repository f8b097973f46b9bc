//! The table against a real DynamoDB engine in this process, with a table of its own for every test.
//!
//! Time passes by [`TestTable::let_pass`], which makes everything in a log older, and expired items are only removed
//! by [`Engine::remove_expired`]. So each test says whether the TTL has been applied yet, and none of them waits.

mod append;
mod calls;
mod changes;
mod connections;
mod conversations;
mod files;
mod inbox;
mod interleavings;
mod joins;
mod keys;
mod limits;
mod reading;
mod recover;
mod restart;
mod tickets;
mod webhooks;

use std::{
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{
    Channel, CompanyId, Error, Identity, JoinOrder, Right, Seq, SocketCaller, Timestamp, UserId, Version,
    event::EventName,
    frame::Sender,
    policy::Lane,
    publication::{Effect, Publication, References},
    version::Clock,
};
use funnelcast_testing::{
    self as testing,
    engine::{Engine, TABLE},
};
use serde_json::{json, value::to_raw_value};

use super::{
    conversations::{Conversation, ConversationChange},
    item::*,
    log::{Known, is_marker},
    *,
};
use crate::{clock::now, config::Config, resource::Resource};

/// How long the conversations of these tests are kept.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// After this time, all present events have expired.
const EXPIRY: Duration = RETENTION.saturating_add(Duration::from_hours(1));

/// A table of its own, and what a test does to it besides using it.
pub(crate) struct TestTable {
    table: Table,
    pub(crate) engine: Engine,
}

impl Deref for TestTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

impl TestTable {
    /// An empty table in an engine of its own.
    pub(crate) async fn new() -> Self {
        let engine = Engine::start().await;
        let config = Config::from_lookup(|name| match name {
            "CONVERSATION_RETENTION_DAYS" => Some("7".to_owned()),
            name => engine.variable(name),
        });
        let table = Table::build(&config.unwrap()).await.unwrap();
        Self { table, engine }
    }

    /// Sends as `send` does: looks back, then appends.
    async fn send(&self, publication: &Publication, known: Known) -> Sent {
        let mut view = self.look_back(&publication.channel, known).await.unwrap();
        Sent::of(self.append(&mut view, publication).await.unwrap())
    }

    /// Sends this many messages, one after the other.
    async fn fill(&self, messages: u64) {
        for _ in 0..messages {
            assert!(matches!(self.send(&message("filler"), Known::Nothing).await, Sent::New(_)));
        }
    }

    /// Makes all of the log, including its marker, this much older.
    async fn let_pass(&self, time: Duration) {
        for mut item in self.log_items().await {
            let millis = time.as_millis();
            for (attribute, time) in [("at", millis), ("keptAt", millis), ("ttl", u128::from(time.as_secs()))]
            {
                if let Some(AttributeValue::N(number)) = item.get_mut(attribute) {
                    let older = number.parse::<i64>().unwrap() - i64::try_from(time).unwrap();
                    *number = older.to_string();
                }
            }
            self.put(item).await;
        }
    }

    /// All items of the log, expired or not, and its marker.
    async fn log_items(&self) -> Vec<Item> {
        let query = self.query(key::log(&channel())).into_paginator().items().send();
        query.collect::<Result<Vec<_>, _>>().await.unwrap()
    }

    /// All seqs of the log, expired or not.
    async fn seqs(&self) -> Vec<u64> {
        let items = self.log_items().await.into_iter().filter(|item| !is_marker(item));
        items.map(|item| log::stored(item).unwrap().seq.get()).collect()
    }

    /// The result of `recover` in short: whether it is complete, the seqs, and the head.
    async fn recover_seqs(&self, since: u64) -> (bool, Vec<u64>, u64) {
        let recovery = self.recover(&channel(), Some(seq(since))).await.unwrap();
        (recovery.recovered, seqs_of(&recovery.events), recovery.head.get())
    }

    async fn head_seq(&self) -> u64 {
        self.recover(&channel(), None).await.unwrap().head.get()
    }

    async fn put(&self, item: Item) {
        self.client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }

    async fn delete_event(&self, number: u64) {
        let [pk, sk] = [key::log(&channel()), key::seq(seq(number))].map(AttributeValue::S);
        let delete = self.client.delete_item().table_name(TABLE).key("pk", pk).key("sk", sk);
        delete.send().await.unwrap();
    }
}

/// The outcome of an append, for comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sent {
    New(u64),
    Duplicate(u64),
}

impl Sent {
    fn of(append: Append) -> Self {
        match append {
            Append::New(stored) => Self::New(stored.seq.get()),
            Append::Duplicate(stored) => Self::Duplicate(stored.seq.get()),
        }
    }

    fn seq(self) -> u64 {
        match self {
            Self::New(seq) | Self::Duplicate(seq) => seq,
        }
    }
}

fn channel() -> Channel {
    "conversation:c1".parse().unwrap()
}

fn seq(number: u64) -> Seq {
    number.try_into().unwrap()
}

fn seqs_of(events: &[funnelcast_core::frame::Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq.unwrap().get()).collect()
}

fn base(number: u64) -> Known {
    Known::Base(seq(number))
}

/// A number that no other call has returned.
fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One try of a chat message of `user_1`, with a key of its own.
fn message(content: &str) -> Publication {
    try_of("user_1", &format!("key_{}", unique()), content)
}

/// One try of a send, as `send` makes it, with a message id that no other try has.
fn try_of(user: &str, key: &str, content: &str) -> Publication {
    let data = json!({ "id": format!("msg_{}", unique()), "conversationId": "c1", "type": "user", "timestamp": now(),
                       "content": content, "isRead": false, "userId": user });
    Publication {
        channel: channel(),
        event: EventName::ChatMessage,
        lane: Lane::Durable,
        at: now(),
        happened_at: now(),
        ahead_ms: 0,
        from: Some(Sender { user_id: user.parse().unwrap(), name: "Ann".to_owned().try_into().unwrap() }),
        key: Some(key.parse().unwrap()),
        latest_key: None,
        to: None,
        effect: Effect::Message(References::default()),
        data: to_raw_value(&data).unwrap(),
    }
}

/// Sets the company and the participants of a conversation, as of now.
pub(crate) fn set(company: &str, participants: impl IntoIterator<Item = UserId>) -> ConversationChange {
    let to = Conversation {
        company: company.parse().unwrap(),
        participants: participants.into_iter().collect(),
        title: None,
    };
    let version = Version { revision: None, at: now(), ahead_ms: 0, clock: Clock::Receipt };
    ConversationChange { to: Some(to), version, key: None, keep_log: false }
}

/// A user on a connection that the table does not know yet.
pub(crate) fn caller(user: &str, connection: &str) -> SocketCaller {
    testing::caller(user, connection, now())
}
