//! Events from the EventBridge bus, with the time at which EventBridge received them.
//!
//! The event's own `time` is set by its producer: with `datetime.now()` in a local time zone it is hours off. So the
//! rules of the template wrap each event, by an [input transformer], as `{"event": .., "ingestionTime": ..}`. No
//! producer can set the ingestion time, and all retries of the event carry the same one, whether EventBridge or
//! Lambda retries it.
//!
//! For an event that is not wrapped, like the samples in `events/`, or whose ingestion time cannot be parsed, only
//! the producer's time is known.
//!
//! [input transformer]: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html

use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use funnelcast_core::{Error, Timestamp, json::Plain, publication::Times};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::{
    clock::now,
    letters::{DeadLetters, Source, Undone},
};

/// How much later than a time in whole seconds the actual time may be.
const SECOND_END: Duration = Duration::from_millis(999);

/// An event from the bus, and when EventBridge received it.
#[derive(Debug)]
pub struct Arrival {
    /// The event as its producer put it.
    pub event: EventBridgeEvent<Value>,
    ingested_at: Option<Timestamp>,
}

impl Arrival {
    /// The earliest time at which an earlier try of the same event may have been handled. It depends on no producer's
    /// clock, if EventBridge has said when it received the event.
    pub fn since(&self) -> Timestamp {
        let now = now();
        self.ingested_at.or_else(|| self.said_at()).unwrap_or(now).min(now)
    }

    /// The times of the event: when its producer sent it; the latest moment at which it may have been received; and
    /// now.
    pub fn times(&self) -> Times {
        let now = now();
        let taken_at = self.ingested_at.map_or(now, |at| if is_whole(at) { at + SECOND_END } else { at });
        Times { sent_at: self.said_at().unwrap_or(taken_at), taken_at: taken_at.min(now), now }
    }

    /// The event itself, without the wrapping of the template's rules.
    fn unwrapped(input: &Value) -> &Value {
        input.get("event").filter(|event| event.is_object()).unwrap_or(input)
    }

    fn said_at(&self) -> Option<Timestamp> {
        self.event.time.map(|time| Timestamp::from_millis(time.timestamp_millis()))
    }
}

/// Handles an event from the bus, either as it is or wrapped as `event` by a rule's input transformer. A refused
/// event is put into the dead-letter queue at once, and counts as handled.
///
/// # Errors
/// Errors that a retry may resolve: Lambda then retries, and finally puts the event with the error into the
/// dead-letter queue itself.
pub async fn handle(
    letters: &DeadLetters,
    input: Value,
    handler: impl AsyncFn(Arrival) -> Result<(), Error>,
) -> Result<(), Error> {
    let result = async { handler(Error::parse(input.clone())?).await };
    match result.await {
        Err(error) if !error.is_retryable() => {
            let item = Arrival::unwrapped(&input);
            let id = item["id"].as_str().unwrap_or_default();
            letters.put(&Undone { source: Source::Bus, id, item, tries: 1, error: &error }).await
        }
        outcome => outcome,
    }
}

/// Whether a time is in whole seconds: emulators write those, and AWS does not document its precision.
const fn is_whole(at: Timestamp) -> bool {
    at.as_secs() * 1_000 == at.as_millis()
}

impl<'de> Deserialize<'de> for Arrival {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Plain(mut value) = Plain::deserialize(deserializer)?;
        let wrapped = value.get_mut("event").filter(|event| event.is_object()).map(Value::take);
        let ingested_at = value.get("ingestionTime").and_then(Value::as_str).and_then(|at| at.parse().ok());
        let mut event = wrapped.unwrap_or(value);
        let detail = event.get_mut("detail").map(Value::take).unwrap_or_default();
        let mut event: EventBridgeEvent<Value> = serde_json::from_value(event).map_err(D::Error::custom)?;
        event.detail = detail;
        Ok(Self { event, ingested_at })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TAKEN: &str = "2025-11-23T10:00:00Z";

    fn arrival(time: &str, ingestion_time: Option<&str>) -> Arrival {
        let event =
            json!({"id": "1", "detail-type": "T", "source": "s", "time": time, "detail": {"event": {}}});
        let event = match ingestion_time {
            Some(time) => json!({"event": event, "ingestionTime": time}),
            None => event,
        };
        serde_json::from_value(event).unwrap()
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn the_time_of_eventbridge_overrides_the_producers() {
        for producers in ["2025-11-23T12:00:00Z", "2025-11-20T00:00:00Z", TAKEN] {
            let arrival = arrival(producers, Some(TAKEN));
            assert_eq!(arrival.since(), at(TAKEN), "{producers}");
            let Times { sent_at, taken_at, .. } = arrival.times();
            assert_eq!((sent_at, taken_at), (at(producers), at("2025-11-23T10:00:00.999Z")));
            assert_eq!(arrival.event.detail, json!({"event": {}}));
        }
        let exact = arrival(TAKEN, Some("2025-11-23T10:00:00.120Z"));
        assert_eq!(exact.times().taken_at, at("2025-11-23T10:00:00.120Z"));
    }

    #[test]
    fn without_it_the_producers_time_counts_but_never_in_the_future() {
        for ingestion_time in [None, Some("<aws.events.event.ingestion-time>")] {
            assert_eq!(arrival(TAKEN, ingestion_time).since(), at(TAKEN));
            let ahead = arrival("2999-01-01T00:00:00Z", ingestion_time);
            assert!(ahead.since() <= now() && ahead.times().taken_at <= now());
        }
    }
}
