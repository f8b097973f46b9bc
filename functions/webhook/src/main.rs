//! `webhook`: what Whop tells the app, from its request to the bus.
//!
//! Two triggers. A request of Whop's is verified, put into a queue, and answered: nothing else, as Whop waits 5 seconds.
//! A message of that queue is dealt with once: those whom `notifications.json` names are notified, access that may have
//! changed is looked at again, and all of it goes on the bus for whoever else wants it.
//!
//! Never: an answer that says why a request was refused, or a log line with anything that was not checked.
//!
//! # Layout
//! - `signature`: whether it is Whop's (Standard Webhooks)
//! - `intake`: the request
//! - `envelope`, `outgoing`: the message, and what is done about it
//! - `notifications`: what users are told, which the file says

mod envelope;
mod intake;
mod notifications;
mod outgoing;
mod signature;

use funnelcast_aws::{
    Config, Resource, Table, bus::Bus, letters::DeadLetters, queue::Queue, secrets::WebhookSecrets,
    serve::serve,
};
use funnelcast_core::{Error, Key};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use notifications::Notifications;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// Whose webhooks count, where they are kept, and where they go.
#[derive(Debug)]
struct Webhooks {
    secrets: WebhookSecrets,
    queue: Queue,
    letters: DeadLetters,
    table: Table,
    bus: Bus,
    event_source: String,
    notifications: Notifications,
}

impl Resource for Webhooks {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            secrets: WebhookSecrets::build(config).await?,
            queue: Queue::of_webhooks(config)?,
            letters: DeadLetters::build(config).await?,
            table: Table::build(config).await?,
            bus: Bus::build(config).await?,
            event_source: Config::need("EVENT_SOURCE", config.event_source.as_ref())?.to_owned(),
            notifications: Notifications::from_file()?,
        })
    }
}

/// A webhook that has been verified; a message of the queue.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Received {
    /// What a repeat is known by.
    id: Key,
    /// As it came.
    body: String,
}

/// Takes a request, or a batch of the queue.
///
/// # Errors
/// [`Error::BadRequest`] where it is neither. A request's failures are in its answer, a batch's in the batch's.
async fn handle(webhooks: &Webhooks, event: Value) -> Result<Value, Error> {
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:sqs") => to_answer(outgoing::handle(webhooks, Error::parse(event)?).await),
        _ => to_answer(intake::handle(webhooks, Error::parse(event)?).await),
    }
}

fn to_answer(answer: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(|error| Error::internal("the answer", &error))
}
