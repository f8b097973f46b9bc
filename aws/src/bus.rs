//! The EventBridge bus, on which functions tell each other and the app what has happened.

use aws_sdk_eventbridge::{Client, error::DisplayErrorContext, types::PutEventsRequestEntry};
use funnelcast_core::Error;
use serde_json::Value;

use crate::{config::Config, resource::Resource};

/// The stack's bus, for putting events. Events from the bus reach a function as its input.
#[derive(Debug)]
pub struct Bus {
    client: Client,
    name: String,
}

/// An event to put on the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEvent<'a> {
    /// The `source`: the system that the event comes from.
    pub source: &'a str,
    /// The `detail-type`: the name of the event.
    pub detail_type: &'a str,
    /// The `detail`: the payload.
    pub detail: Value,
}

impl Resource for Bus {
    async fn build(config: &Config) -> Result<Self, Error> {
        let name = Config::need("BUS_NAME", config.bus.as_ref())?.to_owned();
        Ok(Self { client: Client::new(config.sdk.config()?), name })
    }
}

impl Bus {
    /// Puts at most 10 events on the bus: 1 call.
    ///
    /// # Errors
    /// [`Error::Internal`] if the bus does not accept all of them; some may be on it all the same.
    pub async fn put(&self, events: &[BusEvent<'_>]) -> Result<(), Error> {
        let entries = events.iter().map(|event| {
            let entry = PutEventsRequestEntry::builder().event_bus_name(&self.name).source(event.source);
            entry.detail_type(event.detail_type).detail(event.detail.to_string()).build()
        });
        let answer = self.client.put_events().set_entries(Some(entries.collect())).send().await;
        let answer =
            answer.map_err(|error| Error::Internal(format!("PutEvents: {}", DisplayErrorContext(&error))))?;
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            None => Ok(()),
            Some(code) => Err(Error::Internal(format!("PutEvents refused an event: {code}"))),
        }
    }
}
