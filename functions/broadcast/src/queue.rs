//! A batch of the fan-out queue: deliveries that an invocation did not finish, and members who are owed one.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use funnelcast_aws::{Fanout, fanout::Delivery, queue};

/// Makes the deliveries of the batch.
pub(crate) async fn handle(fanout: &Fanout, batch: SqsEvent) -> SqsBatchResponse {
    queue::deal_with(batch, "a delivery", async |delivery: Delivery| {
        let tally = fanout.deliver(delivery).await?;
        tracing::debug!(?tally, "delivered");
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_deliveries() {
        for sample in [
            include_str!("../../../events/broadcast-rest.json"),
            include_str!("../../../events/broadcast-owed.json"),
        ] {
            let batch: SqsEvent = serde_json::from_str(sample).unwrap();
            queue::decode::<Delivery>(&batch.records[0]).unwrap();
        }
    }
}
