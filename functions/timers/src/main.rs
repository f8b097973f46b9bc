//! `timers`: what must happen later, whether or not a frame arrives by then. See [`funnelcast_realtime::timer`]. A
//! timer may fire twice, or late: its handler reads the table first.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use funnelcast_aws::{
    Config, Resource, batch,
    config::Lease,
    letters::{DeadLetters, Source},
    serve::serve,
};
use funnelcast_core::Error;
use funnelcast_realtime::{
    Realtime, calls,
    chat_events::ChatEvents,
    membership::{connection, leave},
    presence, revoke, rights,
    timer::Timer,
};

struct Resources {
    realtime: Realtime,
    chat_events: Option<ChatEvents>,
    lease: Lease,
    letters: DeadLetters,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (realtime, chat_events, letters) =
            tokio::try_join!(Realtime::build(config), ChatEvents::build(config), DeadLetters::build(config))?;
        Ok(Self { realtime, chat_events, lease: config.lease, letters })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// Handles the timers of a batch. The response lists those that failed.
async fn handle(resources: &Resources, event: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let fire = async |timer, _| fire(resources, timer).await;
    Ok(batch::handle(&resources.letters, Source::Timers, event, fire).await)
}

async fn fire(Resources { realtime, chat_events, lease, .. }: &Resources, timer: Timer) -> Result<(), Error> {
    match timer {
        Timer::Lease { user, connection } => {
            connection::check_lease(realtime, *lease, user, connection).await
        }
        Timer::Departed(departed) => leave::end_departed(realtime, &departed).await,
        Timer::Grant { user, connection, channel } => {
            revoke::end_grant(realtime, &user, &connection, &channel).await
        }
        Timer::Count(channel) => presence::tell_count(realtime, &channel).await,
        Timer::Call { conversation, call } => calls::check(realtime, &conversation, &call).await,
        Timer::Conversation(conversation) => rights::check_conversation(realtime, &conversation).await,
        Timer::Role { user, company } => rights::check_role(realtime, &user, &company).await,
        Timer::Restriction { user, scope } => rights::check_restriction(realtime, &user, &scope).await,
        // Without a bus, the backend has been told to hear no more since the timer was set.
        Timer::Unanswered { conversation, seq } => match chat_events {
            Some(chat_events) => chat_events.check_unanswered(realtime, &conversation, seq).await,
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_timers() {
        for (sample, kind) in [
            (include_str!("../../../events/timers-lease.json"), "Lease"),
            (include_str!("../../../events/timers-departed.json"), "Departed"),
            (include_str!("../../../events/timers-grant.json"), "Grant"),
            (include_str!("../../../events/timers-count.json"), "Count"),
            (include_str!("../../../events/timers-conversation.json"), "Conversation"),
            (include_str!("../../../events/timers-role.json"), "Role"),
            (include_str!("../../../events/timers-restriction.json"), "Restriction"),
            (include_str!("../../../events/timers-call.json"), "Call"),
            (include_str!("../../../events/timers-unanswered.json"), "Unanswered"),
        ] {
            let event: SqsEvent = serde_json::from_str(sample).unwrap();
            let timer: Timer = batch::decode(&event.records[0]).unwrap();
            assert!(format!("{timer:?}").starts_with(kind), "{timer:?}");
        }
    }
}
