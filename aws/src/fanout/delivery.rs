//! Events of one channel to all of its members, however many they are.
//!
//! One invocation posts to some thousands; it hands the rest on by the fan-out queue, with the place where it stopped.
//! Of a large channel the shards go their own ways at once, side by side. Members whose posts failed are owed them:
//! the queue brings them again, alone, until they are done or lie in the dead letters.

use std::time::{Duration, Instant};

use funnelcast_core::{
    ConnectionId, Error, UserId, event::EventName, frame::Event, policy::Lane, size::json_bytes,
};
use serde::{Deserialize, Serialize};

use super::{Fanout, Frames, Tally};
use crate::{
    measure, now,
    spending::{self, price},
    store::{
        Member,
        members::{Cursor, MemberRef},
    },
};

/// The most members that one invocation reads and posts to: with 10 ms a post and [`IN_FLIGHT_MAX`] under way some
/// 300 ms.
///
/// [`IN_FLIGHT_MAX`]: crate::gateway::IN_FLIGHT_MAX
pub const DELIVERY_MEMBERS_MAX: usize = 3_000;
/// After this long no further page is begun: a gateway that throttles takes its time, and an invocation that were ended
/// in the middle would have to be made again from its beginning.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(8);
/// The members of a page. A shard with more of them than this is worked on by itself.
const PAGE_MEMBERS_MAX: usize = 500;
/// The most bytes of events in one delivery, each as large as it is on the wire: with `PAGE_MEMBERS_MAX` members owed beside them they stay below the
/// 1 MiB of an SQS message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
pub const DELIVERY_BYTES_MAX: usize = 256 * 1024;
/// Before posts that failed are tried again by the queue: a throttled gateway has refilled by then.
pub(super) const OWED_DELAY: Duration = Duration::from_secs(2);

/// An event on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// What.
    pub event: Event,
    /// The connection that it came from: it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<ConnectionId>,
}

/// Events of one channel on their way to some of its members; a message of the fan-out queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// In the order in which they happened; at least one.
    outgoing: Vec<Outgoing>,
    to: Recipients,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Recipients {
    /// All from this place on.
    From(Cursor),
    /// These, whose posts have failed; as far as they are members then.
    Owed(Vec<MemberRef>),
}

impl Delivery {
    /// An event to all members.
    pub fn to_all(event: Event, except: Option<ConnectionId>) -> Self {
        let to = Recipients::From(Cursor::start(&event.channel));
        Self { outgoing: vec![Outgoing { event, except }], to }
    }

    /// As few deliveries as there can be of these events to all members: those of one channel together, in the order
    /// of their seqs, up to [`DELIVERY_BYTES_MAX`].
    pub fn together(mut outgoing: Vec<Outgoing>) -> Vec<Self> {
        outgoing.sort_by_key(|out| (out.event.channel.to_string(), out.event.seq)); // stable: what has no seq stays
        let mut deliveries: Vec<Self> = Vec::new();
        let mut bytes = 0;
        for Outgoing { event, except } in outgoing {
            let of_event = json_bytes(&event);
            bytes += of_event;
            match deliveries.last_mut() {
                Some(last)
                    if last.outgoing[0].event.channel == event.channel && bytes <= DELIVERY_BYTES_MAX =>
                {
                    last.outgoing.push(Outgoing { event, except });
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

impl Outgoing {
    /// Whether a member whose post failed is owed it: what the log or the latest values keep, and presence, of which the
    /// later event counts whenever it comes. Anything else is worth nothing later.
    fn is_owed(&self) -> bool {
        let Event { channel, event, .. } = &self.event;
        let is_presence =
            matches!(event, EventName::PresenceJoin | EventName::PresenceUpdate | EventName::PresenceLeave);
        is_presence || !matches!(channel.kind().policy().lane(*event), None | Some(Lane::Ephemeral))
    }
}

impl Fanout {
    /// Makes a delivery: when this returns, every member has been posted to, or is owed it by the queue.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails, or where those to whom it was owed have not got it now
    /// either; whoever brought it is to bring it again.
    pub async fn deliver(&self, mut delivery: Delivery) -> Result<Tally, Error> {
        let Some(last) = delivery.outgoing.last() else { return Ok(Tally::default()) };
        let (channel, accepted_at) = (last.event.channel.clone(), last.event.at);
        let frames = Frames::of(&delivery.outgoing)?;
        let cursor = match &mut delivery.to {
            Recipients::From(cursor) => cursor.clone(),
            Recipients::Owed(owed_to) => {
                // As they are now: a token may have been renewed, and whoever has left, or joined again, is owed nothing.
                let members = self.store.members_still(&channel, owed_to).await?;
                let tally = self.post_frames(&channel, &frames, &members, &mut Vec::new()).await?;
                measure::posted(&tally);
                measure::posted_after(accepted_at);
                let owed = tally.failed;
                return if owed == 0 {
                    Ok(tally)
                } else {
                    Err(Error::Internal(format!("{owed} posts failed")))
                };
            }
        };
        let mut pages = self.store.members_from(&channel, cursor).page_size(PAGE_MEMBERS_MAX);
        let (mut tally, mut members_read, begun) = (Tally::default(), 0, Instant::now());
        while let Some(page) = pages.next().await? {
            members_read += page.len();
            // A shard of more than a page is a large one, and so are its sisters: they go their own ways.
            for cursor in pages.leave_other_shards() {
                self.hand_on(&delivery, cursor).await?;
            }
            let mut failed = Vec::new();
            tally += self.post_frames(&channel, &frames, &page, &mut failed).await?;
            self.owe(delivery.outgoing.clone(), &failed).await?;
            let is_enough = members_read >= DELIVERY_MEMBERS_MAX || begun.elapsed() >= DELIVERY_TIME_MAX;
            if is_enough && !pages.cursor().is_end() {
                self.hand_on(&delivery, pages.cursor().clone()).await?;
                break;
            }
        }
        measure::posted(&tally);
        measure::posted_after(accepted_at);
        Ok(tally)
    }

    /// Makes a delivery at the cost of the users whose events these are: the function that took them from them is done.
    ///
    /// # Errors
    /// Those of [`deliver`](Self::deliver).
    pub async fn deliver_for_senders(&self, delivery: Delivery) -> Result<Tally, Error> {
        let senders =
            delivery.outgoing.iter().filter_map(|out| Some(out.event.from.as_ref()?.user_id.clone()));
        let senders: Vec<UserId> = senders.filter(|sender| Some(sender) != self.agent.as_ref()).collect();
        let (tally, dollars) = spending::counted(Box::pin(self.deliver(delivery))).await;
        let share =
            (dollars + price::INVOCATION) / f64::from(u32::try_from(senders.len()).unwrap_or(u32::MAX));
        for sender in senders {
            self.store.charge(&sender, share, now()).await;
        }
        tally
    }

    async fn hand_on(&self, delivery: &Delivery, cursor: Cursor) -> Result<(), Error> {
        let (outgoing, to) = (delivery.outgoing.clone(), Recipients::From(cursor));
        self.rest.send(&Delivery { outgoing, to }, Duration::ZERO).await
    }

    /// Has the queue bring to members whose posts failed what they are owed of these events.
    pub(super) async fn owe(&self, mut outgoing: Vec<Outgoing>, failed: &[Member]) -> Result<(), Error> {
        outgoing.retain(Outgoing::is_owed);
        let Some(first) = outgoing.first().filter(|_| !failed.is_empty()) else { return Ok(()) };
        tracing::warn!(channel = %first.event.channel, members = failed.len(), "owed by the queue");
        let to = Recipients::Owed(failed.iter().map(Member::reference).collect());
        self.rest.send(&Delivery { outgoing, to }, OWED_DELAY).await
    }
}

#[cfg(test)]
mod tests {
    use funnelcast_core::JoinOrder;

    use super::*;

    fn outgoing(channel: &str, event: &str, seq: Option<u64>, bytes: usize) -> Outgoing {
        let event = serde_json::json!({"channel": channel, "event": event, "seq": seq, "at": "2026-11-23T10:00:00.123Z",
            "data": "x".repeat(bytes)});
        Outgoing { event: serde_json::from_value(event).unwrap(), except: None }
    }

    fn seqs(delivery: &Delivery) -> Vec<u64> {
        delivery.outgoing.iter().map(|out| out.event.seq.unwrap().get()).collect()
    }

    #[test]
    fn what_is_of_one_channel_goes_together_in_its_order() {
        let chat = |channel, seq| outgoing(channel, "chat.message", Some(seq), 10);
        let deliveries = Delivery::together(vec![
            chat("conversation:a", 2),
            chat("conversation:b", 7),
            chat("conversation:a", 1),
            chat("conversation:a", 3),
        ]);
        assert_eq!(deliveries.iter().map(seqs).collect::<Vec<_>>(), [vec![1, 2, 3], vec![7]]);
    }

    #[test]
    fn a_delivery_and_all_that_may_be_owed_of_it_fit_a_message() {
        let events =
            (1..=9).map(|seq| outgoing("conversation:a", "chat.message", Some(seq), 60 * 1024)).collect();
        let deliveries = Delivery::together(events);
        assert_eq!(
            deliveries.iter().map(seqs).collect::<Vec<_>>(),
            [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9]]
        );
        let member = MemberRef {
            user: "u".repeat(64).parse().unwrap(),
            connection: "c".repeat(128).parse().unwrap(),
            join: JoinOrder::received_at(crate::now()),
        };
        let outgoing = deliveries[0].outgoing.clone();
        let owed = Delivery { outgoing, to: Recipients::Owed(vec![member; PAGE_MEMBERS_MAX]) };
        let message = serde_json::to_string(&owed).unwrap();
        assert!(message.len() < 1024 * 1024, "{}", message.len());
        let again: Delivery = serde_json::from_str(&message).unwrap();
        assert_eq!(seqs(&again), [1, 2, 3, 4]);
    }

    #[test]
    fn what_nobody_keeps_is_owed_to_nobody() {
        let is_owed = |channel, event, seq| outgoing(channel, event, seq, 1).is_owed();
        assert!(!is_owed("conversation:a", "chat.typing", None));
        assert!(is_owed("conversation:a", "chat.message", Some(1)));
        assert!(is_owed("analytics:biz_1", "analytics.update", None));
        assert!(is_owed("conversation:a", "presence.leave", None));
    }
}
