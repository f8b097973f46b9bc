//! Deliveries: events of one channel to all of its members, however many there are.
//!
//! One invocation posts to some thousands of members and hands the rest on through the fan-out queue, with a cursor
//! to where it stopped. In a large channel each shard is served separately and at once. Members whose posts failed
//! are owed the events: the queue delivers to them alone, until the posts succeed or the message is in the
//! dead-letter queue.

use std::time::{Duration, Instant};

use funnelcast_aws::{
    clock::now,
    measure::{self, Tally},
    spending::{self, price},
    table::{
        Member,
        members::{Cursor, MemberRef},
    },
};
use funnelcast_core::{ConnectionId, Error, Seq, UserId, frame::Event, size::json_bytes};
use serde::{Deserialize, Serialize};

use super::{
    frames::{Addressed, Frames},
    posts::{post, post_frames, post_one},
};
use crate::context::Realtime;

/// Channels of up to this many members are posted to before the sender's ack, larger ones by the stream.
pub const DIRECT_MEMBERS_MAX: usize = 50;

/// The most members that one invocation reads and posts to. At 10 ms per post and with [`IN_FLIGHT_MAX`] of them
/// under way, this takes some 300 ms.
///
/// [`IN_FLIGHT_MAX`]: funnelcast_aws::gateway::IN_FLIGHT_MAX
pub const DELIVERY_MEMBERS_MAX: usize = 3_000;
/// After this time no further page is begun. A gateway that throttles is slow, and an invocation that times out
/// halfway would have to be repeated from its start.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(8);
/// The number of members on a page. A shard that has more than this is served separately.
const PAGE_MEMBERS_MAX: usize = 500;
/// The most bytes of events in one delivery, each counted at its size on the wire. Together with `PAGE_MEMBERS_MAX`
/// members that are owed, they stay below the 1 MiB of an SQS message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const DELIVERY_BYTES_MAX: usize = 256 * 1024;
/// The delay before the queue retries failed posts: a throttled gateway has refilled by then.
pub(super) const OWED_DELAY: Duration = Duration::from_secs(2);

/// Events of one channel on their way to some of its members: a message of the fan-out queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The events in the order in which they happened; at least one.
    events: Vec<Addressed>,
    to: Recipients,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Recipients {
    /// All members from this cursor on.
    From(Cursor),
    /// These members, whose posts have failed, as long as they are still members.
    Owed(Vec<MemberRef>),
}

impl Delivery {
    /// A delivery of an event to all members.
    pub fn to_all(event: Event, except: Option<ConnectionId>) -> Self {
        let to = Recipients::From(Cursor::start(&event.channel));
        Self { events: vec![Addressed { event, except }], to }
    }

    /// The fewest deliveries that bring these events to all members: those of one channel together, in the order of
    /// their seqs, up to [`DELIVERY_BYTES_MAX`].
    pub fn together(mut events: Vec<Addressed>) -> Vec<Self> {
        // Stable: events without a seq keep their order.
        events.sort_by_key(|out| (out.event.channel.to_string(), out.event.seq));
        Self::in_order(events)
    }

    /// The fewest deliveries that bring these events to all members in this order. Events of one channel should be
    /// neighbours.
    pub fn in_order(events: Vec<Addressed>) -> Vec<Self> {
        let mut deliveries: Vec<Self> = Vec::new();
        let mut bytes = 0;
        for Addressed { event, except } in events {
            let of_event = json_bytes(&event);
            bytes += of_event;
            match deliveries.last_mut() {
                Some(last)
                    if last.events[0].event.channel == event.channel && bytes <= DELIVERY_BYTES_MAX =>
                {
                    last.events.push(Addressed { event, except });
                }
                _ => {
                    bytes = of_event;
                    deliveries.push(Self::to_all(event, except));
                }
            }
        }
        deliveries
    }
}

/// Makes a delivery. When this returns, every member has been posted to, or is owed the events by the queue.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails, or if the posts to members who were owed the events have
/// failed again. The trigger must then retry the delivery.
pub async fn deliver(realtime: &Realtime, mut delivery: Delivery) -> Result<Tally, Error> {
    let Some(last) = delivery.events.last() else { return Ok(Tally::default()) };
    let (channel, accepted_at) = (last.event.channel.clone(), last.event.at);
    let frames = Frames::of(&delivery.events)?;
    let cursor = match &mut delivery.to {
        Recipients::From(cursor) => cursor.clone(),
        Recipients::Owed(owed_to) => {
            // Read again, because a token may have been renewed, and a member who has left or joined again is owed
            // nothing.
            let members = realtime.table().members_still(&channel, owed_to).await?;
            let tally = post_frames(realtime, &channel, &frames, &members, &mut Vec::new()).await?;
            measure::posted(&tally);
            measure::posted_after(accepted_at);
            let owed = tally.failed;
            return if owed == 0 { Ok(tally) } else { Err(Error::Internal(format!("{owed} posts failed"))) };
        }
    };
    let mut pages = realtime.table().members_from(&channel, cursor).page_size(PAGE_MEMBERS_MAX);
    let (mut tally, mut members_read, begun) = (Tally::default(), 0, Instant::now());
    while let Some(page) = pages.next().await? {
        members_read += page.len();
        // A shard with more than one page is large, and so are the other shards: each becomes a delivery of its own.
        for cursor in pages.leave_other_shards() {
            hand_on(realtime, &delivery, cursor).await?;
        }
        let mut failed = Vec::new();
        tally += post_frames(realtime, &channel, &frames, &page, &mut failed).await?;
        owe(realtime, delivery.events.clone(), &failed).await?;
        let is_enough = members_read >= DELIVERY_MEMBERS_MAX || begun.elapsed() >= DELIVERY_TIME_MAX;
        if is_enough && !pages.cursor().is_end() {
            hand_on(realtime, &delivery, pages.cursor().clone()).await?;
            break;
        }
    }
    measure::posted(&tally);
    measure::posted_after(accepted_at);
    Ok(tally)
}

/// Makes a delivery at the cost of the users who sent its events: the function that accepted the events has already
/// ended.
///
/// # Errors
/// Those of [`deliver`].
pub async fn deliver_for_senders(realtime: &Realtime, delivery: Delivery) -> Result<Tally, Error> {
    let senders = delivery.events.iter().filter_map(|out| Some(out.event.from.as_ref()?.user_id.clone()));
    let senders: Vec<UserId> = senders.filter(|sender| Some(sender) != realtime.agent.as_ref()).collect();
    let (tally, dollars) = spending::counted(Box::pin(deliver(realtime, delivery))).await;
    let share = (dollars + price::INVOCATION) / f64::from(u32::try_from(senders.len()).unwrap_or(u32::MAX));
    for sender in senders {
        realtime.access.rates.charge(&sender, share, now()).await;
    }
    tally
}

async fn hand_on(realtime: &Realtime, delivery: &Delivery, cursor: Cursor) -> Result<(), Error> {
    let (events, to) = (delivery.events.clone(), Recipients::From(cursor));
    realtime.deliveries.send(&Delivery { events, to }, Duration::ZERO).await
}

/// Puts into the queue what members whose posts failed are owed of these events.
pub(super) async fn owe(
    realtime: &Realtime,
    mut events: Vec<Addressed>,
    failed: &[Member],
) -> Result<(), Error> {
    events.retain(Addressed::is_owed);
    let Some(first) = events.first().filter(|_| !failed.is_empty()) else { return Ok(()) };
    tracing::warn!(channel = %first.event.channel, members = failed.len(), "owed by the queue");
    let to = Recipients::Owed(failed.iter().map(Member::reference).collect());
    realtime.deliveries.send(&Delivery { events, to }, OWED_DELAY).await
}

/// Delivers a durable event that is in the log: at once if the channel is small, else by the stream. When this
/// returns, the work is either done or safely stored. `except` is the connection that sent the event.
///
/// # Errors
/// [`Error::Internal`] if the table fails; the event is then in the log, and a retry with its key delivers it.
pub async fn send_or_mark(
    realtime: &Realtime,
    event: &Event,
    seq: Seq,
    except: Option<&ConnectionId>,
) -> Result<Tally, Error> {
    let few = realtime.table().few_members(&event.channel, DIRECT_MEMBERS_MAX).await?;
    let tally = match &few {
        Some(members) => post(realtime, event, members, except).await?,
        None => Tally::default(),
    };
    if few.is_none() || tally.failed > 0 {
        realtime.table().mark_for_delivery(&event.channel, seq, except).await?;
    }
    Ok(tally)
}

/// Delivers events to a small channel at once, and has the queue deliver them to a larger one: 1 read, and 1 message for
/// a larger channel. When this returns, every member has been posted to, or is owed the events by the queue.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub async fn deliver_or_queue(realtime: &Realtime, delivery: Delivery) -> Result<(), Error> {
    let Some(last) = delivery.events.last() else { return Ok(()) };
    let (channel, accepted_at) = (&last.event.channel, last.event.at);
    let Some(members) = realtime.table().few_members(channel, DIRECT_MEMBERS_MAX).await? else {
        return realtime.deliveries.send(&delivery, Duration::ZERO).await;
    };
    let mut failed = Vec::new();
    let tally = post_frames(realtime, channel, &Frames::of(&delivery.events)?, &members, &mut failed).await?;
    measure::posted(&tally);
    measure::posted_after(accepted_at);
    owe(realtime, delivery.events, &failed).await
}

/// Posts an event to those of these members that are live, and puts it into the fan-out queue for those whose posts
/// failed. `except` is a connection that already knows it.
///
/// # Errors
/// [`Error::Internal`] if the event cannot be serialised, or if the queue fails.
pub async fn post_or_owe(
    realtime: &Realtime,
    event: Event,
    members: &[Member],
    except: Option<&ConnectionId>,
) -> Result<Tally, Error> {
    let addressed = Addressed { event, except: except.cloned() };
    let (tally, failed) = post_one(realtime, &addressed, members).await?;
    owe(realtime, vec![addressed], &failed).await?;
    Ok(tally)
}

/// Has `broadcast` retry something that has failed: 1 message of the fan-out queue.
///
/// # Errors
/// [`Error::Internal`] if the queue does not accept the message.
pub async fn try_later(realtime: &Realtime, message: &impl serde::Serialize) -> Result<(), Error> {
    realtime.deliveries.send(message, OWED_DELAY).await
}

#[cfg(test)]
mod tests {
    use funnelcast_core::JoinOrder;

    use super::*;

    fn addressed(channel: &str, event: &str, seq: Option<u64>, bytes: usize) -> Addressed {
        let event = serde_json::json!({"channel": channel, "event": event, "seq": seq, "at": "2026-11-23T10:00:00.123Z",
            "data": "x".repeat(bytes)});
        Addressed { event: serde_json::from_value(event).unwrap(), except: None }
    }

    fn seqs(delivery: &Delivery) -> Vec<u64> {
        delivery.events.iter().map(|out| out.event.seq.unwrap().get()).collect()
    }

    #[test]
    fn events_of_one_channel_are_delivered_together_in_their_order() {
        let chat = |channel, seq| addressed(channel, "chat.message", Some(seq), 10);
        let deliveries = Delivery::together(vec![
            chat("conversation:a", 2),
            chat("conversation:b", 7),
            chat("conversation:a", 1),
            chat("conversation:a", 3),
        ]);
        assert_eq!(deliveries.iter().map(seqs).collect::<Vec<_>>(), [vec![1, 2, 3], vec![7]]);
    }

    #[test]
    fn a_delivery_with_all_its_owed_members_fits_a_message() {
        let events =
            (1..=9).map(|seq| addressed("conversation:a", "chat.message", Some(seq), 60 * 1024)).collect();
        let deliveries = Delivery::together(events);
        assert_eq!(
            deliveries.iter().map(seqs).collect::<Vec<_>>(),
            [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9]]
        );
        let member = MemberRef {
            user: "u".repeat(64).parse().unwrap(),
            connection: "c".repeat(128).parse().unwrap(),
            join: JoinOrder::received_at(now()),
        };
        let addressed = deliveries[0].events.clone();
        let owed = Delivery { events: addressed, to: Recipients::Owed(vec![member; PAGE_MEMBERS_MAX]) };
        let message = serde_json::to_string(&owed).unwrap();
        assert!(message.len() < 1024 * 1024, "{}", message.len());
        let again: Delivery = serde_json::from_str(&message).unwrap();
        assert_eq!(seqs(&again), [1, 2, 3, 4]);
    }

    #[test]
    fn events_that_are_not_stored_are_not_owed() {
        let is_owed = |channel, event, seq| addressed(channel, event, seq, 1).is_owed();
        assert!(!is_owed("conversation:a", "chat.typing", None));
        assert!(is_owed("conversation:a", "chat.message", Some(1)));
        assert!(is_owed("analytics:biz_1", "analytics.update", None));
        assert!(is_owed("conversation:a", "presence.leave", None));
        assert!(is_owed("inbox:biz_1", "inbox.update", None));
        assert!(is_owed("user:ann", "inbox.update", None));
    }
}
