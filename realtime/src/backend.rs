//! Events of the app's backend, from the event bus or by HTTP: they are published, or change who may be in a channel.
//!
//! By HTTP the events of a request are applied in their order, channel by channel, and the channels side by side. So a
//! backend that waits for each answer finds its events in the log in the order in which it sent them. That needs one
//! more rule: after an event that failed, the later ones of its channel are not tried, because the backend will repeat
//! the one that failed.

use std::{collections::BTreeMap, time::Duration};

use funnelcast_aws::clock::{self, new_id};
use funnelcast_core::{
    Channel, Error, Key, Seq, Timestamp, Version,
    bus::{AccessChanged, AccessEvent, DetailType},
    frame::ErrorBody,
    http_api::{BackendEvent, PublishResult, Published, Refusal},
    publication::{Publication, Times},
    version::Clock,
};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::{
    context::Realtime,
    conversations::{self, Author},
    deliver::{self, Addressed, Delivery},
    moderation::{self, Moderator},
    publish::{EarlierTry, Keeper, Kept},
    rights,
};

/// The largest difference between the clocks of a backend and of the functions, beside which a retry is recognised.
const BACKEND_SKEW_MAX: Duration = Duration::from_mins(1);
/// How far back an earlier try is looked for, as EventBridge retries for a day. Further back a busy log is long.
const EARLIER_TRY_MAX: Duration = Duration::from_hours(24);
/// How many channels of a request are served side by side.
const CHANNELS_AT_ONCE: usize = 10;
/// The error of an event that was not tried.
const NOT_TRIED: &str = "an earlier event of this channel has failed";

/// Publishes an event from the bus. `since` is when it reached AWS, by a clock that its producer cannot set and that
/// all retries share: an earlier try cannot be further back in the log.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails; a retry may succeed.
pub async fn publish(realtime: &Realtime, publication: Publication, since: Timestamp) -> Result<(), Error> {
    let kept = Keeper::new(realtime.table()).keep(publication, EarlierTry::Since(since)).await?;
    let (channel, seq) = (kept.event.channel.clone(), kept.event.seq.map(Seq::get));
    let tally = deliver::deliver(realtime, Delivery::to_all(kept.event, None)).await?;
    tracing::debug!(%channel, seq, ?tally, "broadcast");
    Ok(())
}

/// When an event reached AWS.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// The earliest time at which an earlier try of it may have been handled; its producer's, if no other is known.
    pub since: Timestamp,
    /// The latest time at which it may have been received.
    pub at: Timestamp,
}

impl Taken {
    /// The latest time to which the event refers: a retry may not know when the first try was received.
    fn of_first_try(self) -> Timestamp {
        self.at.min(self.since + BACKEND_SKEW_MAX)
    }
}

/// Applies an event that concerns access, also to live connections. `sent` is when it was sent, by which clock; a repeat has
/// the same `key`.
///
/// # Errors
/// [`Error::Conflict`] if a newer change of the conversation has been applied already; [`Error::Internal`] and
/// [`Error::RateLimited`], which a retry may resolve.
pub async fn change_access(
    realtime: &Realtime,
    event: AccessEvent,
    key: Option<Key>,
    sent: (Timestamp, Clock),
    taken: Taken,
) -> Result<(), Error> {
    match event {
        AccessEvent::Conversation(detail) => {
            let version = Version::new(detail.revision, detail.timestamp, sent, taken.at);
            conversations::set(realtime, &detail, Author::App, version, key)
                .await
                .map_err(|error| error.within("detail"))
        }
        AccessEvent::Kick(kick) => conversations::kick(realtime, kick, taken.of_first_try()).await,
        AccessEvent::AccessChanged(AccessChanged { user_id, company_id }) => {
            rights::role_changed(realtime, &user_id, &company_id).await
        }
        AccessEvent::Moderation(detail, scope) => {
            let version = Version::new(detail.revision, detail.timestamp, sent, taken.at);
            moderation::moderate(realtime, Moderator::App, &detail, &scope, version, key, taken.at)
                .await
                .map(drop)
        }
    }
}

/// Applies the events of a request by HTTP, of which some may have been refused already. Returns the result of each,
/// in their order.
///
/// It costs what [`publish`] and [`change_access`] cost, except that consecutive events of a channel share the read of
/// the log's end and the posts.
pub async fn apply(
    realtime: &Realtime,
    events: Vec<Result<BackendEvent, Error>>,
    now: Timestamp,
) -> Vec<PublishResult> {
    let mut results: Vec<Option<Outcome>> = Vec::new();
    let mut channels: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for (index, event) in events.into_iter().enumerate() {
        match event.and_then(|event| Task::new(realtime, index, event, now)) {
            Ok((channel, task)) => {
                results.push(None);
                channels.entry(channel).or_default().push(task);
            }
            Err(error) => results.push(Some(Err(error))),
        }
    }
    let mut applied = stream::iter(channels.into_values())
        .map(|tasks| Box::pin(apply_in_order(realtime, tasks, now)))
        .buffer_unordered(CHANNELS_AT_ONCE)
        .boxed(); // as in `post_frames`
    while let Some(outcomes) = applied.next().await {
        for (index, outcome) in outcomes {
            results[index] = Some(outcome);
        }
    }
    drop(applied);
    let missing = || Err(Error::Internal("an event without a result".into()));
    results.into_iter().map(|outcome| to_result(outcome.unwrap_or_else(missing))).collect()
}

type Outcome = Result<Published, Error>;

/// An event that is to be applied.
struct Task {
    /// Its place in the request.
    index: usize,
    key: Option<Key>,
    work: Work,
}

enum Work {
    Publish(Box<Draft>),
    ChangeAccess(AccessEvent, (Timestamp, Clock)),
}

/// An event that is to be published. It has been checked, and is completed when its turn has come: a default `timestamp` is
/// in the order of the log, also where a repeat of the request overlaps with its first try.
struct Draft {
    of: DetailType,
    detail: Value,
    key: Key,
    time: Option<Timestamp>,
    earlier: EarlierTry,
}

impl Draft {
    fn publication(&self, realtime: &Realtime, now: Timestamp) -> Result<Publication, Error> {
        let times = Times { sent_at: self.time.unwrap_or(now), taken_at: now, now };
        let (detail, key) = (self.detail.clone(), self.key.clone());
        Publication::from_backend(self.of, detail, key, realtime.agent.as_ref(), times)
    }
}

impl Task {
    /// Checks an event. Also returns the channel of whose order it is part.
    fn new(
        realtime: &Realtime,
        index: usize,
        BackendEvent { of, detail, key, time }: BackendEvent,
        now: Timestamp,
    ) -> Result<(String, Self), Error> {
        let detail = Value::Object(detail);
        if of.event().is_none() {
            let event = AccessEvent::parse(of, detail)?;
            let channel = match &event {
                AccessEvent::Conversation(detail) => Channel::Conversation(detail.conversation_id.clone()),
                AccessEvent::Kick(kick) => kick.channel.clone(),
                AccessEvent::AccessChanged(changed) => Channel::Company(changed.company_id.clone()),
                AccessEvent::Moderation(_, scope) => scope.channel(),
            };
            let sent = time.map_or((now, Clock::Receipt), |time| (time, Clock::Producer));
            return Ok((channel.to_string(), Self { index, key, work: Work::ChangeAccess(event, sent) }));
        }
        let earlier = match (&key, time) {
            (None, _) => EarlierTry::None,
            (Some(_), Some(time)) => {
                EarlierTry::Since((time.min(now) - BACKEND_SKEW_MAX).max(now - EARLIER_TRY_MAX))
            }
            (Some(_), None) => EarlierTry::Recent,
        };
        let key = key.map_or_else(|| new_id().parse(), Ok)?;
        let draft = Draft { of, detail, key: key.clone(), time, earlier };
        let channel = draft.publication(realtime, now)?.channel.to_string();
        Ok((channel, Self { index, key: Some(key), work: Work::Publish(Box::new(draft)) }))
    }
}

/// Applies the events of one channel, one after another.
async fn apply_in_order(realtime: &Realtime, tasks: Vec<Task>, taken_at: Timestamp) -> Vec<(usize, Outcome)> {
    let mut keeper = Keeper::new(realtime.table());
    let (mut outcomes, mut kept, mut has_failed) = (Vec::new(), Vec::new(), false);
    for Task { index, key, work } in tasks {
        if has_failed {
            outcomes.push((index, Err(Error::Internal(NOT_TRIED.into()))));
            continue;
        }
        let outcome = match work {
            Work::Publish(draft) => {
                let stored =
                    async { keeper.keep(draft.publication(realtime, clock::now())?, draft.earlier).await };
                match stored.await {
                    Ok(event) => {
                        kept.push((index, event));
                        continue;
                    }
                    Err(error) => Err(error),
                }
            }
            Work::ChangeAccess(event, sent) => {
                // Who was a member before the change receives what came before it, and nothing of it afterwards.
                outcomes.extend(deliver_kept(realtime, std::mem::take(&mut kept), Pace::BeforeTheNext).await);
                let taken = Taken { since: sent.0.min(taken_at), at: taken_at };
                let changed = change_access(realtime, event, key.clone(), sent, taken).await;
                changed.map(|()| Published { seq: None, at: clock::now(), key, duplicate: false })
            }
        };
        has_failed = outcome.as_ref().is_err_and(Error::is_retryable);
        outcomes.push((index, outcome));
    }
    outcomes.extend(deliver_kept(realtime, kept, Pace::MayFollow).await);
    outcomes
}

/// When a delivery to a large channel has to be made.
#[derive(Clone, Copy)]
enum Pace {
    /// Now, because the next event changes who the members are.
    BeforeTheNext,
    /// Soon, by the queue.
    MayFollow,
}

/// Delivers events of one channel that are stored, as few frames as possible to each member. The outcome of an event
/// says that it has been or will be delivered.
async fn deliver_kept(realtime: &Realtime, kept: Vec<(usize, Kept)>, pace: Pace) -> Vec<(usize, Outcome)> {
    let events = kept.iter().map(|(_, kept)| Addressed { event: kept.event.clone(), except: None });
    let mut delivered = Ok(());
    for delivery in Delivery::in_order(events.collect()) {
        let made = match pace {
            Pace::BeforeTheNext => deliver::deliver(realtime, delivery.clone()).await.map(drop),
            Pace::MayFollow => deliver::deliver_or_queue(realtime, delivery.clone()).await,
        };
        if let Err(error) = made {
            tracing::error!(%error, "the delivery of the backend's events failed");
            delivered = deliver::try_later(realtime, &delivery).await.and(delivered);
        }
    }
    let outcome = |Kept { event, is_duplicate: duplicate }| {
        delivered.clone()?;
        Ok(Published { seq: event.seq, at: event.at, key: event.key, duplicate })
    };
    kept.into_iter().map(|(index, kept)| (index, outcome(kept))).collect()
}

fn to_result(outcome: Outcome) -> PublishResult {
    match outcome {
        Ok(published) => PublishResult::Published(published),
        Err(error) => {
            // What was refused is in the answer in full; what failed is told to nobody outside.
            match &error {
                Error::Internal(_) => tracing::error!(%error, "an event of the backend failed"),
                refusal => tracing::info!(code = refusal.code(), "an event of the backend was refused"),
            }
            PublishResult::Refused(Refusal { error: ErrorBody::from(&error) })
        }
    }
}
