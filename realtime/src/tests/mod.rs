//! The operations against a real DynamoDB engine in this process, and a gateway that records what is posted.

mod backend;
mod calls;
mod ending;
mod erasing;
mod files;
mod grants;
mod inbox;
mod moderation;
mod presence;
mod rates;
mod replies;
mod revoking;
mod rights;
mod roles;
mod searching;

use std::{ops::Deref, time::Duration};

use funnelcast_aws::{
    Config, Resource, Table,
    clock::now,
    table::conversations::{Conversation, ConversationChange},
};
use funnelcast_core::{
    Channel, Error, Identity, Right, SocketCaller, Timestamp, UserId, Version, identity::CompaniesBy,
    version::Clock,
};
use funnelcast_testing::{self as testing, engine::Engine, gateway::Stub};

use crate::{access::Access, context::Realtime};

/// The variables of a function with this engine and this gateway. No test uses the queues.
fn config(engine: &Engine, gateway: Option<&Stub>) -> Config {
    let config = Config::from_lookup(|name| match name {
        "MANAGEMENT_ENDPOINT" => gateway.map(Stub::url).or_else(|| Some("http://127.0.0.1:1/dev".to_owned())),
        "SEARCH" => Some("on".to_owned()),
        "DELIVERY_QUEUE_URL" | "TIMER_QUEUE_URL" => Some("http://127.0.0.1:1/".to_owned()),
        name => engine.variable(name),
    });
    config.unwrap()
}

/// An [`Access`] over a table of its own.
struct TestAccess {
    access: Access,
    engine: Engine,
}

impl Deref for TestAccess {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl TestAccess {
    async fn new() -> Self {
        let engine = Engine::start().await;
        let access = Box::pin(Access::build(&config(&engine, None))).await.unwrap();
        Self { access, engine }
    }
}

/// A [`Realtime`] over a table of its own.
pub(crate) struct TestRealtime {
    realtime: Realtime,
    engine: Engine,
}

impl Deref for TestRealtime {
    type Target = Realtime;

    fn deref(&self) -> &Realtime {
        &self.realtime
    }
}

impl TestRealtime {
    pub(crate) async fn new(gateway: &Stub) -> Self {
        let engine = Engine::start().await;
        Self { realtime: realtime(&engine, gateway).await, engine }
    }
}

async fn realtime(engine: &Engine, gateway: &Stub) -> Realtime {
    Box::pin(Realtime::build(&config(engine, Some(gateway)))).await.unwrap()
}

fn channel() -> Channel {
    "conversation:c1".parse().unwrap()
}

/// Sets the company and the participants of a conversation, as of now.
fn set(company: &str, participants: impl IntoIterator<Item = UserId>) -> ConversationChange {
    let to = Conversation {
        company: company.parse().unwrap(),
        participants: participants.into_iter().collect(),
        title: None,
    };
    let version = Version { revision: None, at: now(), ahead_ms: 0, clock: Clock::Receipt };
    ConversationChange { to: Some(to), version, key: None, keep_log: false }
}

/// A user on a connection that the table does not know yet.
fn caller(user: &str, connection: &str) -> SocketCaller {
    testing::caller(user, connection, now())
}

/// The right of their own that a user has, asked as when members are checked again.
async fn own_right(
    access: &Access,
    identity: &Identity,
    channel: &Channel,
    now: Timestamp,
) -> Result<Right, Error> {
    let own = access.entitlement(identity, channel, now).await?;
    own.or_grant(None, now)
        .map(|admission| admission.right)
        .ok_or(Error::Forbidden("they have no right of their own"))
}

/// Whether the caller's connection is a live member of a channel.
async fn is_member(table: &Table, caller: &SocketCaller, channel: &Channel) -> bool {
    let member = table.membership(&caller.identity.user, &caller.connection, channel).await.unwrap();
    member.is_some_and(|member| member.is_live(caller.now))
}
