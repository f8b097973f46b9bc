//! What every function shares: the only crate that names an AWS SDK.
//!
//! # Layout
//! - [`mod@serve`]: from Lambda's event to a handler's typed arguments, and from its result to an answer
//! - [`config`]: the environment, read once
//! - [`store`]: the table; its one implementation is DynamoDB
//! - [`gateway`]: posts to connections
//! - [`Issuers`]: whose tokens count
//! - [`fanout`]: the two together: events to all members of a channel, and what is done about the dead
//! - [`errand`]: what is to be looked after later
//! - [`mod@measure`]: what operators are to see; [`spending`]: what an invocation costs
//! - [`bus`], [`queue`]: what one function has to say to another; [`Arrival`]: an event that comes off the bus
//! - [`letters`]: what was refused or given up
//!
//! No SDK type leaves this crate, and no decision about who may do what is made in it (that is
//! [`funnelcast_core::policy`]).

mod arrival;
pub mod bus;
pub mod config;
pub mod errand;
pub mod fanout;
pub mod gateway;
mod issuers;
pub mod letters;
mod logging;
pub mod measure;
mod pool;
pub mod queue;
mod sdk;
mod sdk_http;
mod secrets;
pub mod serve;
#[cfg(test)]
mod served;
pub mod spending;
pub mod store;
mod trace;
mod web;
mod whop;

use std::time::{SystemTime, UNIX_EPOCH};

pub use arrival::Arrival;
pub use bus::Bus;
pub use config::Config;
pub use fanout::Fanout;
use funnelcast_core::{Error, Timestamp};
pub use issuers::Issuers;
pub use letters::DeadLetters;
pub use sdk::Sdk;
pub use secrets::WebhookSecrets;
pub use serve::{Caller, EventType, serve, serve_action, serve_http, serve_route};
pub use store::Store;

/// What a function works with, made once a process, in the init phase. A handler's first argument says which one
/// it needs, and so what it can touch.
pub trait Resource: Sized {
    /// Makes it.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks something; the process then ends before its first event.
    fn build(config: &Config) -> impl Future<Output = Result<Self, Error>>;

    /// The table, where it has one: only then a connection's token can have been renewed.
    fn store(&self) -> Option<&Store> {
        None
    }
}

impl Resource for () {
    async fn build(_: &Config) -> Result<Self, Error> {
        Ok(())
    }
}

impl<A: Resource, B: Resource> Resource for (A, B) {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok((A::build(config).await?, B::build(config).await?))
    }
}

/// The clock. `core` has none, so that all of it can be tested at any time.
pub fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A new id that nobody else has: a UUID of version 7 (RFC 9562), so that later ones sort behind earlier ones.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
