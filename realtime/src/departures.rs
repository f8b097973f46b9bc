//! Departures: the cleanup after a connection has ended.

use funnelcast_aws::{
    gateway::IN_FLIGHT_MAX,
    table::{
        connections::{ChannelJoin, Departed},
        members::DEPARTURE_GRACE,
    },
};
use funnelcast_core::Error;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{context::Realtime, timer::Timer};

/// Cleans up after a connection that has ended. On presence channels its memberships stay for [`DEPARTURE_GRACE`],
/// marked as departed, and the other members are told after that.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn note(realtime: &Realtime, mut departed: Departed) -> Result<(), Error> {
    let is_seen = |joined: &ChannelJoin| joined.channel.kind().policy().presence;
    let (seen, unseen) = departed.channels.into_iter().partition::<Vec<_>, _>(is_seen);
    realtime.table().remove_memberships(&departed.user, &departed.connection, &unseen).await?;
    if seen.is_empty() {
        return Ok(());
    }
    let departures = seen
        .iter()
        .map(|join| realtime.table().note_departure(&departed.user, &departed.connection, join, departed.at));
    let departures = stream::iter(departures).buffer_unordered(IN_FLIGHT_MAX).boxed(); // as in `post_frames`
    departures.try_collect::<()>().await?;
    departed.channels = seen;
    realtime.timers.set(&Timer::Departed(departed), DEPARTURE_GRACE).await
}
