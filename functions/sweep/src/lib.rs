//! `sweep`: what has to be looked after some time later, whether or not anybody says a word by then.
//!
//! Each is a delayed message of one queue: a connection's lease or its token may have ended; the grace of a connection that
//! has ended is over; a grant may have ended; a channel too large to name its users is to be told their number; a `join` that
//! was under way while somebody lost access must be over. All of them look at the table first, so one that comes twice, or
//! late, does no harm.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use funnelcast_aws::{
    Config, DeadLetters, Fanout, Resource, config::Lease, errand::Errand, letters::Source, now, queue,
    store::connections::Removal,
};
use funnelcast_core::{ConnectionId, Error, UserId};

/// The table, the gateway, and how long a lease is.
#[derive(Debug)]
pub struct Sweeper {
    fanout: Fanout,
    lease: Lease,
    letters: DeadLetters,
}

impl Resource for Sweeper {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (fanout, letters) = (Fanout::build(config).await?, DeadLetters::build(config).await?);
        Ok(Self { fanout, lease: config.lease, letters })
    }
}

/// Runs the errands of the batch.
///
/// # Errors
/// None: the failures are in the answer.
pub async fn handle(sweeper: &Sweeper, batch: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let run = async |errand, _| run(sweeper, errand).await;
    Ok(queue::deal_with(&sweeper.letters, Source::Timers, batch, run).await)
}

async fn run(sweeper: &Sweeper, errand: Errand) -> Result<(), Error> {
    match errand {
        Errand::Lease { user, connection } => look_at_lease(sweeper, user, connection).await,
        Errand::Left(lost) => sweeper.fanout.end_lost(&lost).await,
        Errand::Grant { user, connection, channel } => {
            sweeper.fanout.end_grant(&user, &connection, &channel).await
        }
        Errand::Count(channel) => sweeper.fanout.tell_count(&channel).await,
        Errand::Conversation(conversation) => sweeper.fanout.check_conversation(&conversation).await,
        Errand::Team { user, company } => sweeper.fanout.check_team(&user, &company).await,
    }
}

/// Removes a connection whose lease or whose token has ended, or looks again when it may have. One read, and one write or one
/// message.
///
/// Not every sign of life is in the table: to write each down would cost a write a frame, so only `ping` is. API Gateway
/// knows when a message last went over the connection, and is asked before one is taken for dead.
async fn look_at_lease(
    Sweeper { fanout, lease, .. }: &Sweeper,
    user: UserId,
    id: ConnectionId,
) -> Result<(), Error> {
    let Some(connection) = fanout.store.connection(&user, &id).await? else { return Ok(()) };
    let now = now();
    let mut ends_at = (connection.seen_at + lease.length()).min(connection.expires_at);
    if ends_at <= now && now < connection.expires_at {
        let active_at = fanout.gateway.last_active(&id).await?;
        let active_until = active_at.map_or(ends_at, |at| at + lease.length());
        ends_at = ends_at.max(active_until).min(connection.expires_at);
    }
    if now < ends_at {
        return fanout.errands.put(&Errand::Lease { user, connection: id }, ends_at.since(now)).await;
    }
    match fanout.store.remove_unchanged_connection(&connection).await? {
        Removal::Done => {
            tracing::debug!(connection = %id, %user, "a lease has ended");
            // It may be up all the same, and only silent: then it is to know that it hears nothing any more.
            fanout.gateway.close(&id).await
        }
        // Heard of meanwhile, or gone.
        Removal::NothingThere => {
            fanout.errands.put(&Errand::Lease { user, connection: id }, Duration::ZERO).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_errands() {
        for (sample, kind) in [
            (include_str!("../../../events/sweep-lease.json"), "Lease"),
            (include_str!("../../../events/sweep-left.json"), "Left"),
            (include_str!("../../../events/sweep-grant.json"), "Grant"),
            (include_str!("../../../events/sweep-count.json"), "Count"),
            (include_str!("../../../events/sweep-conversation.json"), "Conversation"),
            (include_str!("../../../events/sweep-team.json"), "Team"),
        ] {
            let batch: SqsEvent = serde_json::from_str(sample).unwrap();
            let errand: Errand = queue::decode(&batch.records[0]).unwrap();
            assert!(format!("{errand:?}").starts_with(kind), "{errand:?}");
        }
    }
}
