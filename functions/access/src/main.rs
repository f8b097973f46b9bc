//! `access`: who may be in which channel, as the app's backend says on the bus: `Conversation` (sets the
//! participants), `Kick` (removes a user), `AccessChanged` (checks a user's role again) and `Moderation` (restricts a user).
//! All take effect on live connections. See [`backend::change_access`].

use funnelcast_aws::{
    arrival::{self, Arrival},
    letters::DeadLetters,
    serve::serve,
};
use funnelcast_core::{Error, Key, bus::AccessEvent, version::Clock};
use funnelcast_realtime::{
    Realtime,
    backend::{self, Taken},
};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// Applies an event.
///
/// # Errors
/// [`Error::Internal`] and [`Error::RateLimited`], which a retry may resolve. A refused event, including one that is
/// older than the present state, is put into the dead-letter queue instead, with the reason.
async fn handle((realtime, letters): &(Realtime, DeadLetters), event: Value) -> Result<(), Error> {
    arrival::handle(letters, event, async |arrival| apply(realtime, arrival).await).await
}

async fn apply(realtime: &Realtime, arrival: Arrival) -> Result<(), Error> {
    let (times, since) = (arrival.times(), arrival.since());
    let event = arrival.event;
    let of = event.detail_type.parse().map_err(|error: Error| error.at("detail-type"))?;
    let detail = AccessEvent::parse(of, event.detail)?;
    let key = event.id.map(Key::try_from).transpose().map_err(|error| error.at("id"))?;
    let taken = Taken { since, at: times.taken_at };
    backend::change_access(realtime, detail, key, (times.sent_at, Clock::Bus), taken).await
}

#[cfg(test)]
mod tests {
    use funnelcast_core::{
        bus::{AccessChanged, Conversation, Kick},
        moderation::{Moderation, RestrictionKind},
    };
    use serde::de::DeserializeOwned;

    use funnelcast_core::Channel;

    use super::*;

    fn sample<T: DeserializeOwned>(json: &str) -> T {
        let arrival: Arrival = serde_json::from_str(json).unwrap();
        Error::parse(arrival.event.detail).unwrap()
    }

    #[test]
    fn the_samples_decode() {
        let conversation: Conversation = sample(include_str!("../../../events/conversation.json"));
        assert!(!conversation.participants.is_empty());
        let kick: Kick = sample(include_str!("../../../events/kick.json"));
        assert!(matches!(kick.channel, Channel::Conversation(_)));
        let changed: AccessChanged = sample(include_str!("../../../events/access-changed.json"));
        assert_eq!(changed.company_id.as_str(), "biz_1");
        let moderation: Moderation = sample(include_str!("../../../events/moderation.json"));
        assert_eq!(moderation.restriction, RestrictionKind::Mute);
    }
}
