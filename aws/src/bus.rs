//! The EventBridge bus, on which functions tell each other and the app what has happened.

use aws_sdk_eventbridge::{Client, error::DisplayErrorContext, types::PutEventsRequestEntry};
use funnelcast_core::Error;
use serde_json::Value;

use crate::{config::Config, resource::Resource};

/// The stack's bus, to put events on. What comes off it is an event of Lambda's.
#[derive(Debug)]
pub struct Bus {
    client: Client,
    name: String,
}

/// An event to be put on it.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEvent<'a> {
    /// Who says it.
    pub source: &'a str,
    /// What it is.
    pub detail_type: &'a str,
    /// And all of it.
    pub detail: Value,
}

impl Resource for Bus {
    async fn build(config: &Config) -> Result<Self, Error> {
        let name = Config::need("BUS_NAME", config.bus.as_ref())?.to_owned();
        Ok(Self { client: Client::new(config.sdk.config()?), name })
    }
}

impl Bus {
    /// Puts events on the bus, at most 10: 1 call.
    ///
    /// # Errors
    /// [`Error::Internal`] where the bus does not take all of them; some may be on it then.
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
