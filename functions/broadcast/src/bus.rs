//! Events from the bus.

use funnelcast_aws::arrival::Arrival;
use funnelcast_core::{Error, Key, Seq, publication::Publication};
use funnelcast_realtime::{
    Realtime,
    deliver::{self, Delivery},
    publish,
};

/// Publishes an event. EventBridge received all retries of it at the same time, so the log is read back to that time.
pub(crate) async fn handle(realtime: &Realtime, arrival: Arrival) -> Result<(), Error> {
    let (since, times) = (arrival.since(), arrival.times());
    let event = arrival.event;
    let id = Key::try_from(event.id.unwrap_or_default()).map_err(|error| error.at("id"))?;
    let publication =
        Publication::from_backend(&event.detail_type, event.detail, id, realtime.agent.as_ref(), times)?;
    let event = publish::keep(realtime.table(), publication, since).await?;
    let (channel, seq) = (event.channel.clone(), event.seq.map(Seq::get));
    let tally = deliver::deliver(realtime, Delivery::to_all(event, None)).await?;
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
            let arrival: Arrival = serde_json::from_str(sample).unwrap();
            let times = arrival.times();
            let event = arrival.event;
            let id = event.id.unwrap().parse().unwrap();
            let publication =
                Publication::from_backend(&event.detail_type, event.detail, id, None, times).unwrap();
            assert!(publication.channel.to_string().starts_with(channel), "{}", publication.channel);
        }
    }
}
