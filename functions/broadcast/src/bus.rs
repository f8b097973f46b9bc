//! An event of the bus.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use funnelcast_aws::{Fanout, fanout::Delivery, now};
use funnelcast_core::{Error, Key, Seq, Timestamp, publication::Publication};
use serde_json::Value;

/// Publishes it. Its time is when the backend put it; a retry has the same one, so the log is read back to there.
pub(crate) async fn handle(fanout: &Fanout, event: EventBridgeEvent<Value>) -> Result<(), Error> {
    let id = Key::try_from(event.id.unwrap_or_default()).map_err(|error| error.at("id"))?;
    let since = event.time.map_or_else(now, |time| Timestamp::from_millis(time.timestamp_millis()));
    let publication =
        Publication::from_backend(&event.detail_type, event.detail, id, fanout.agent.as_ref(), since, now())?;
    let event = crate::keep(fanout, publication, since).await?;
    let (channel, seq) = (event.channel.clone(), event.seq.map(Seq::get));
    let tally = fanout.deliver(Delivery::to_all(event, None)).await?;
    tracing::debug!(%channel, seq, ?tally, "broadcast");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_a_publication() {
        for (sample, channel) in [
            (include_str!("../../../events/funnel-update.json"), "funnel_updates:"),
            (include_str!("../../../events/resource-update.json"), "resource_updates:"),
            (include_str!("../../../events/analytics-update.json"), "analytics:"),
            (include_str!("../../../events/system-notification.json"), "system"),
            (include_str!("../../../events/user-notification.json"), "user:"),
            (include_str!("../../../events/chat-message.json"), "conversation:"),
        ] {
            let event: EventBridgeEvent<Value> = serde_json::from_str(sample).unwrap();
            let id = event.id.unwrap().parse().unwrap();
            let publication =
                Publication::from_backend(&event.detail_type, event.detail, id, None, now(), now()).unwrap();
            assert!(publication.channel.to_string().starts_with(channel), "{}", publication.channel);
        }
    }
}
