//! Events from the bus.

use funnelcast_aws::arrival::Arrival;
use funnelcast_core::{Error, Key, publication::Publication};
use funnelcast_realtime::{Realtime, backend};

/// Publishes an event. EventBridge received all retries of it at the same time, so the log is read back to that time.
pub(crate) async fn handle(realtime: &Realtime, arrival: Arrival) -> Result<(), Error> {
    let since = arrival.since();
    backend::publish(realtime, publication(realtime, arrival)?, since).await
}

fn publication(realtime: &Realtime, arrival: Arrival) -> Result<Publication, Error> {
    let times = arrival.times();
    let event = arrival.event;
    let of = event.detail_type.parse().map_err(|error: Error| error.at("detail-type"))?;
    let id = Key::try_from(event.id.unwrap_or_default()).map_err(|error| error.at("id"))?;
    Publication::from_backend(of, event.detail, id, realtime.agent.as_ref(), times)
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
            (include_str!("../../../events/app-event.json"), "experience:"),
            (include_str!("../../../events/app-signal.json"), "room:"),
        ] {
            let arrival: Arrival = serde_json::from_str(sample).unwrap();
            let times = arrival.times();
            let event = arrival.event;
            let id = event.id.unwrap().parse().unwrap();
            let of = event.detail_type.parse().unwrap();
            let publication = Publication::from_backend(of, event.detail, id, None, times).unwrap();
            assert!(publication.channel.to_string().starts_with(channel), "{}", publication.channel);
        }
    }
}
