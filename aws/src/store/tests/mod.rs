//! The store against a real DynamoDB engine, in this process: a table of its own for every test.
//!
//! Time passes by [`Table::let_pass`], which makes everything in a log so much older, and what has expired is removed
//! by [`Table::sweep`] alone. So each test says whether the TTL has been there yet, and none of them waits.

mod append;
mod connections;
mod conversations;
mod grants;
mod interleavings;
mod joins;
mod keys;
mod limits;
mod reading;
mod recover;
mod restart;
pub(crate) mod teams;
mod tickets;
mod webhooks;
mod wire;

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_sdk_dynamodb::{
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        StreamSpecification, StreamViewType, TimeToLiveSpecification,
    },
};
use dynoxide::Database;
use funnelcast_core::{
    CompanyId, Identity, JoinOrder, Seq, Timestamp, UserId, Version, event::EventName, frame::Sender,
    identity::CompaniesBy, policy::Lane, publication::Publication, version::Clock,
};
use serde_json::{json, value::to_raw_value};

use self::wire::Wire;
use super::{
    conversations::{Conversation, ConversationChange},
    log::{Known, is_marker},
    *,
};
use crate::{Caller, now};

const TABLE: &str = "items";
/// How long the tests' conversations are kept.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// After this long all that was there has expired.
const EXPIRY: Duration = RETENTION.saturating_add(Duration::from_hours(1));

/// A store over a table of its own, and what a test does to it beside using it.
pub(crate) struct Table {
    pub(crate) store: Store,
    database: Database,
    pub(crate) wire: Wire,
}

impl Deref for Table {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Table {
    /// An empty table, as template.yaml has it, in an engine on a free port.
    pub(crate) async fn new() -> Self {
        let database = Database::memory().unwrap();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_with_shutdown(
            listener,
            database.clone(),
            std::future::pending(),
        ));
        let wire = Wire::default();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::standard())
            .interceptor(wire.clone())
            .build();
        let store = Store {
            client: Client::from_conf(config),
            table: TABLE.to_owned(),
            conversation_retention: Some(RETENTION),
            rates: rate::Rates::new(0.5),
            passes: access::Passes::default(),
            teams: Teams::Unknown,
        };
        create(&store.client).await;
        Self { store, database, wire }
    }

    /// Sends as `send` does: looks back, appends.
    async fn send(&self, publication: &Publication, known: Known) -> Sent {
        let view = self.look_back(&publication.channel, known).await.unwrap();
        Sent::of(self.append(view, publication).await.unwrap())
    }

    /// Sends so many messages, one after the other.
    async fn fill(&self, messages: u64) {
        for _ in 0..messages {
            assert!(matches!(self.send(&message("filler"), Known::Nothing).await, Sent::New(_)));
        }
    }

    /// Makes all of the log, its marker too, so much older.
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

    /// What the TTL does to all that has expired. Returns how many items went.
    async fn sweep(&self) -> usize {
        let database = self.database.clone();
        tokio::task::spawn_blocking(move || database.sweep_ttl()).await.unwrap().unwrap()
    }

    /// The items of the log that are there, expired or not, and its marker.
    async fn log_items(&self) -> Vec<Item> {
        let query = self.query(key::log(&channel())).into_paginator().items().send();
        query.collect::<Result<Vec<_>, _>>().await.unwrap()
    }

    /// The seqs of the log that are there, expired or not.
    async fn seqs(&self) -> Vec<u64> {
        let items = self.log_items().await.into_iter().filter(|item| !is_marker(item));
        items.map(|item| log::stored(item).unwrap().seq.get()).collect()
    }

    /// What `recover` says, in short: whether it is whole, the seqs, and the head.
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

/// What an append came to, to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sent {
    New(u64),
    Duplicate(u64),
}

impl Sent {
    fn of(append: Append) -> Self {
        match append {
            Append::New(seq) => Self::New(seq.get()),
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

/// One try to say something: as `send` makes it, with a message id that no other try has.
fn try_of(user: &str, key: &str, content: &str) -> Publication {
    let data = json!({ "id": format!("msg_{}", unique()), "conversationId": "c1", "type": "user",
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
        data: to_raw_value(&data).unwrap(),
    }
}

/// Sets whose a conversation is and who takes part, now.
pub(crate) fn set(company: &str, participants: impl IntoIterator<Item = UserId>) -> ConversationChange {
    let to =
        Conversation { company: company.parse().unwrap(), participants: participants.into_iter().collect() };
    let version = Version { revision: None, at: now(), ahead_ms: 0, clock: Clock::Receipt };
    ConversationChange { to: Some(to), version, key: None, keep_log: false }
}

/// A user on a connection, which the table does not know yet.
pub(crate) fn caller(user: &str, connection: &str) -> Caller {
    let now = now();
    Caller {
        identity: Identity {
            user: user.parse().unwrap(),
            name: "Ann".to_owned().try_into().unwrap(),
            companies: vec![],
            companies_by: CompaniesBy::Token,
            expires_at: now + Duration::from_hours(1),
        },
        connection: connection.parse().unwrap(),
        connected_at: now,
        now,
        order: JoinOrder::FIRST,
    }
}

async fn create(client: &Client) {
    let mut create = client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()
                .unwrap(),
        );
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        create = create
            .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build().unwrap())
            .key_schema(key.build().unwrap());
    }
    create.send().await.unwrap();
    let ttl = TimeToLiveSpecification::builder().attribute_name("ttl").enabled(true).build().unwrap();
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl).send().await.unwrap();
}
