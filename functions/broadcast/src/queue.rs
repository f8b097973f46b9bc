//! Batches from the fan-out queue: deliveries that an invocation did not finish, deliveries that are owed to members,
//! and records of the stream that failed.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use funnelcast_aws::{batch, letters::Source};
use funnelcast_realtime::deliver::{self, Delivery};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    Broadcaster,
    stream::{self, Again},
};

/// Handles the messages of a batch.
pub(crate) async fn handle(broadcaster: &Broadcaster, event: SqsEvent) -> SqsBatchResponse {
    let Broadcaster { realtime, letters } = broadcaster;
    batch::handle(letters, Source::Deliveries, event, async |message, this_try| match message {
        Message::Record(again) => stream::again(broadcaster, again, this_try).await,
        Message::Delivery(delivery) => {
            let tally = deliver::deliver_for_senders(realtime, delivery).await?;
            tracing::debug!(?tally, "delivered");
            Ok(())
        }
    })
    .await
}

/// A message of the fan-out queue.
#[derive(Debug)]
enum Message {
    Delivery(Delivery),
    Record(Again),
}

/// Tries each variant in turn, because an untagged enum cannot contain a payload that is kept in its serialised form.
impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let message = Box::<RawValue>::deserialize(deserializer)?;
        if let Ok(again) = serde_json::from_str(message.get()) {
            return Ok(Self::Record(again));
        }
        serde_json::from_str(message.get()).map(Self::Delivery).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_deliveries() {
        for sample in [
            include_str!("../../../events/broadcast-delivery.json"),
            include_str!("../../../events/broadcast-owed.json"),
        ] {
            let batch: SqsEvent = serde_json::from_str(sample).unwrap();
            let message = batch::decode(&batch.records[0]).unwrap();
            assert!(matches!(message, Message::Delivery(_)));
        }
    }

    #[test]
    fn a_retried_record_is_parsed() {
        let batch: serde_json::Value =
            serde_json::from_str(include_str!("../../../events/stream-outbox.json")).unwrap();
        let again = serde_json::to_string(&Again { record: batch["Records"][0].clone() }).unwrap();
        assert!(matches!(serde_json::from_str(&again).unwrap(), Message::Record(_)));
    }
}
