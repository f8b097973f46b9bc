//! Events to the members of a channel. A dead member never fails the rest: it is removed, and they are served.
//!
//! # Layout
//! - here: the table, the gateway and the queues together; posting to some members
//! - [`delivery`]: posting to all members of a channel of any size, part by part
//! - [`presence`]: telling them who comes and goes
//! - [`access`]: taking out of channels whoever may not be in them any more

pub mod access;
pub mod delivery;
mod frames;
pub mod presence;
#[cfg(test)]
mod tests;

use std::ops::AddAssign;

use funnelcast_core::{Channel, ConnectionId, Error, Seq, UserId, frame::Event};
use futures_util::{StreamExt, stream};

use crate::{
    Config, Resource, Store,
    errand::{Errands, Lost},
    gateway::{Delivered, Gateway, IN_FLIGHT_MAX},
    measure, now,
    queue::Queue,
    store::{Member, connections::Removal},
};
pub use delivery::{Delivery, Outgoing};
use frames::Frames;

/// Channels of up to this many members are posted to before the sender's ack; larger ones by the stream.
pub const DIRECT_MEMBERS_MAX: usize = 50;

/// What became of some posts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Members who have got all of it.
    pub sent: usize,
    /// Members found dead, and removed.
    pub gone: usize,
    /// Members who will not get some of it, as it is too large.
    pub refused: usize,
    /// Members who have not got it yet.
    pub failed: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.gone += other.gone;
        self.refused += other.refused;
        self.failed += other.failed;
    }
}

/// The table, the gateway, and the queues for what cannot be done at once.
#[derive(Debug)]
pub struct Fanout {
    /// The table.
    pub store: Store,
    /// The gateway.
    pub gateway: Gateway,
    /// What is to be looked after later.
    pub errands: Errands,
    /// The user who speaks for the app, where it has one.
    pub agent: Option<UserId>,
    /// What is left to post.
    rest: Queue,
}

impl Resource for Fanout {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (store, gateway) = tokio::try_join!(Store::build(config), Gateway::build(config))?;
        Ok(Self {
            store,
            gateway,
            errands: Errands::new(config)?,
            agent: config.agent.clone(),
            rest: Queue::of_fanout(config)?,
        })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

impl Fanout {
    /// Sends a durable event that is in the log already, now where the channel is small, else by the stream: in
    /// either case the work is done or safely kept when this returns. `except` is the connection that it came from.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails; the event is then in the log, and a retry of its key sends it.
    pub async fn send_or_relay(
        &self,
        event: &Event,
        seq: Seq,
        except: Option<&ConnectionId>,
    ) -> Result<Tally, Error> {
        let few = self.store.few_members(&event.channel, DIRECT_MEMBERS_MAX).await?;
        let tally = match &few {
            Some(members) => self.post(event, members, except).await?,
            None => Tally::default(),
        };
        if few.is_none() || tally.failed > 0 {
            self.store.mark_for_relay(&event.channel, seq, except).await?;
        }
        Ok(tally)
    }

    /// Has `broadcast` try something again that has failed now: 1 message of the fan-out queue.
    ///
    /// # Errors
    /// [`Error::Internal`] where the queue does not take it.
    pub async fn try_later(&self, message: &impl serde::Serialize) -> Result<(), Error> {
        self.rest.send(message, delivery::OWED_DELAY).await
    }

    /// Posts an event to those of these members who hear, [`IN_FLIGHT_MAX`] at a time; `except` is the connection that
    /// it came from.
    ///
    /// # Errors
    /// [`Error::Internal`] where the event cannot be written as JSON.
    pub async fn post(
        &self,
        event: &Event,
        members: &[Member],
        except: Option<&ConnectionId>,
    ) -> Result<Tally, Error> {
        let outgoing = Outgoing { event: event.clone(), except: except.cloned() };
        self.post_one(&outgoing, members).await.map(|(tally, _)| tally)
    }

    /// Posts an event to those of these members who hear, and has the fan-out queue bring it to those whose posts failed;
    /// `except` is a connection that knows it.
    ///
    /// # Errors
    /// [`Error::Internal`] where the event cannot be written as JSON, or the queue fails.
    async fn post_or_owe(
        &self,
        event: Event,
        members: &[Member],
        except: Option<&ConnectionId>,
    ) -> Result<Tally, Error> {
        let outgoing = Outgoing { event, except: except.cloned() };
        let (tally, failed) = self.post_one(&outgoing, members).await?;
        self.owe(vec![outgoing], &failed).await?;
        Ok(tally)
    }

    /// Posts one event, and gives the members whose posts failed.
    async fn post_one(&self, outgoing: &Outgoing, members: &[Member]) -> Result<(Tally, Vec<Member>), Error> {
        let frames = Frames::of(std::slice::from_ref(outgoing))?;
        let mut failed = Vec::new();
        let tally = self.post_frames(&outgoing.event.channel, &frames, members, &mut failed).await?;
        measure::posted(&tally);
        Ok((tally, failed))
    }

    /// Posts frames, and puts the members whose posts failed into `failed`.
    async fn post_frames(
        &self,
        channel: &Channel,
        frames: &Frames,
        members: &[Member],
        failed: &mut Vec<Member>,
    ) -> Result<Tally, Error> {
        let now = now();
        let posts = members.iter().filter(|member| member.hears(now)).filter_map(|member| {
            let frames = frames.to(&member.connection);
            (!frames.is_empty()).then_some((member, frames))
        });
        let mut posts = stream::iter(posts)
            .map(async |(member, frames)| {
                let mut delivered = Delivered::Sent;
                for frame in frames {
                    match self.gateway.post(&member.connection, frame).await {
                        Delivered::Sent => {}
                        Delivered::TooLarge => delivered = Delivered::TooLarge, // the next one may not be
                        other => return (member, other),
                    }
                }
                (member, delivered)
            })
            .buffer_unordered(IN_FLIGHT_MAX)
            .boxed(); // else the compiler does not see that it is `Send` (rust-lang/rust#102211), which `http` needs
        let mut tally = Tally::default();
        let mut dead = Vec::new();
        while let Some((member, delivered)) = posts.next().await {
            match delivered {
                Delivered::Sent => tally.sent += 1,
                Delivered::Gone => dead.push(member),
                Delivered::TooLarge => tally.refused += 1,
                Delivered::Failed => failed.push(member.clone()),
            }
        }
        drop(posts);
        tally.gone = dead.len();
        tally.failed = failed.len();
        self.bury(channel, &dead).await;
        Ok(tally)
    }

    /// Removes dead RECIPIENTS. What fails here is only logged: the next post's 410 finds them again.
    async fn bury(&self, channel: &Channel, dead: &[&Member]) {
        let burials = dead.iter().map(async |member| {
            if let Err(error) = self.remove_dead(member, channel).await {
                tracing::warn!(connection = %member.connection, %error, "a dead connection could not be removed");
            }
        });
        let burials = stream::iter(burials).buffer_unordered(IN_FLIGHT_MAX).boxed(); // as above
        burials.collect::<()>().await;
    }

    /// Removes a dead connection; the stream of the table brings the rest. Where it was gone already, there may be
    /// nobody to clean up the membership that led to it: one written while the connection ended.
    async fn remove_dead(&self, member: &Member, channel: &Channel) -> Result<(), Error> {
        match self.store.remove_connection(&member.user, &member.connection).await? {
            Removal::Done => Ok(()),
            Removal::NothingThere => {
                let channels = vec![member.join(channel)];
                let Member { user, name, connection, .. } = member.clone();
                self.lose(Lost { connection, user, name, channels, at: now() }).await
            }
        }
    }
}
