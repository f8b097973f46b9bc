//! `webhook`: what Whop tells the app, from the request to the bus.
//!
//! There are two triggers. A request from Whop is verified, put into a queue, and answered; nothing else happens,
//! because Whop waits 5 seconds. A message of that queue is processed once: the users that `notifications.json` names
//! are notified, access that may have changed is checked again, and the whole webhook is put on the bus for other
//! consumers.
//!
//! No response says why a request was refused, and no log line contains anything unverified.
//!
//! # Layout
//! - `signature`: whether a request is Whop's (Standard Webhooks)
//! - `intake`: the request
//! - `envelope`, `outgoing`: the message, and how it is processed
//! - `notifications`: what users are told, as the file says

mod envelope;
mod intake;
mod notifications;
mod outgoing;
mod signature;

use funnelcast_aws::{
    Config, Resource, Setting, Table, bus::Bus, letters::DeadLetters, queue::Queue, secrets::WebhookSecrets,
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

/// The secrets of webhooks, where webhooks are stored, and where they are sent.
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
            event_source: Setting::EVENT_SOURCE.need(config.event_source.as_ref())?.to_owned(),
            notifications: Notifications::from_file()?,
        })
    }
}

/// A webhook that has been verified: a message of the queue.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Received {
    /// The id, by which a repeat is recognised.
    id: Key,
    /// The body as it was sent.
    body: String,
}

/// Handles a request, or a batch from the queue.
///
/// # Errors
/// [`Error::BadRequest`] if it is neither. The failure of a request is in its response, those of a batch in the
/// response of the batch.
async fn handle(webhooks: &Webhooks, event: Value) -> Result<Value, Error> {
    match event.pointer("/Records/0/eventSource").and_then(Value::as_str) {
        Some("aws:sqs") => to_answer(outgoing::handle(webhooks, Error::parse(event)?).await),
        _ => to_answer(intake::handle(webhooks, Error::parse(event)?).await),
    }
}

fn to_answer(answer: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(|error| Error::internal("the answer", &error))
}
