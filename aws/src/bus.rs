//! The EventBridge bus, on which functions tell each other and the app what has happened.

use aws_sdk_eventbridge::{Client, error::DisplayErrorContext, types::PutEventsRequestEntry};
use funnelcast_core::Error;
use serde_json::Value;

use crate::{
    config::Config,
    resource::Resource,
    spending::{self, price},
};

/// The most events of one call, and the most bytes of all of them.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const EVENTS_MAX: usize = 10;
const BYTES_MAX: usize = 256 * 1024;

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
    /// Puts events on the bus: 1 call for each 10 of them.
    ///
    /// # Errors
    /// [`Error::Internal`] if the bus does not accept all of them; some may be on it all the same.
    pub async fn put(&self, events: &[BusEvent<'_>]) -> Result<(), Error> {
        let entries = events.iter().map(|event| {
            let entry = PutEventsRequestEntry::builder().event_bus_name(&self.name).source(event.source);
            entry.detail_type(event.detail_type).detail(event.detail.to_string()).build()
        });
        for entries in calls(entries.collect()) {
            let bytes = entries.iter().map(|entry| bytes(entry).div_ceil(price::BUS_EVENT_BYTES));
            spending::add(
                price::BUS_EVENT * f64::from(u32::try_from(bytes.sum::<usize>()).unwrap_or(u32::MAX)),
            );
            self.put_some(entries).await?;
        }
        Ok(())
    }

    async fn put_some(&self, entries: Vec<PutEventsRequestEntry>) -> Result<(), Error> {
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        let answer =
            answer.map_err(|error| Error::Internal(format!("PutEvents: {}", DisplayErrorContext(&error))))?;
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            None => Ok(()),
            Some(code) => Err(Error::Internal(format!("PutEvents refused an event: {code}"))),
        }
    }
}

/// The entries in as few calls as they fit into, in their order.
fn calls(entries: Vec<PutEventsRequestEntry>) -> Vec<Vec<PutEventsRequestEntry>> {
    let (mut calls, mut bytes_so_far) = (Vec::<Vec<_>>::new(), 0);
    for entry in entries {
        let bytes = bytes(&entry);
        let fits = |call: &&mut Vec<_>| call.len() < EVENTS_MAX && bytes_so_far + bytes <= BYTES_MAX;
        if let Some(call) = calls.last_mut().filter(fits) {
            call.push(entry);
        } else {
            calls.push(vec![entry]);
            bytes_so_far = 0;
        }
        bytes_so_far += bytes;
    }
    calls
}

/// The size of an entry without a time, as EventBridge counts it.
fn bytes(entry: &PutEventsRequestEntry) -> usize {
    [entry.source(), entry.detail_type(), entry.detail()].into_iter().flatten().map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_above_the_limits() {
        let entry =
            |bytes: usize| PutEventsRequestEntry::builder().source("s").detail("x".repeat(bytes - 1)).build();
        let sizes = |entries: Vec<usize>| -> Vec<Vec<usize>> {
            let calls = calls(entries.into_iter().map(entry).collect());
            calls.iter().map(|call| call.iter().map(bytes).collect()).collect()
        };
        assert_eq!(sizes(vec![]), Vec::<Vec<usize>>::new());
        assert_eq!(sizes(vec![5; 21]), [vec![5; 10], vec![5; 10], vec![5]]);
        let third = BYTES_MAX / 3;
        assert_eq!(sizes(vec![third, third, third, 2, third]), [vec![third; 3], vec![2, third]]);
    }
}
