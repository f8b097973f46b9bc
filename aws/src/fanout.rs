//! One event to all members of a channel. A dead member never fails the rest: it is removed, and they are served.

use std::ops::AddAssign;

use bytes::Bytes;
use funnelcast_core::{
    Channel, ConnectionId, Error, Seq,
    event::{AccessRevoked, EventName, MESSAGE_BYTES_MAX},
    frame::Event,
    text::Text,
};
use futures_util::{StreamExt, stream};
use serde_json::value::to_raw_value;

use crate::{
    Config, Resource, Store,
    config::sdk_config,
    gateway::{Delivery, Gateway, IN_FLIGHT_MAX},
    now,
    store::Member,
};

/// Channels of up to this many members are posted to before the sender's ack; larger ones by the stream.
pub const DIRECT_MEMBERS_MAX: usize = 50;

/// What became of an event's posts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Taken by the gateway.
    pub sent: usize,
    /// Found dead, and removed.
    pub gone: usize,
    /// Still owed.
    pub failed: usize,
}

impl Tally {
    /// Refuses a tally with posts that are still owed, so that whoever brought the event brings it again.
    ///
    /// # Errors
    /// [`Error::Internal`] with their number.
    pub fn none_owed(self) -> Result<(), Error> {
        if self.failed == 0 {
            Ok(())
        } else {
            Err(Error::Internal(format!("{} of the posts failed", self.failed)))
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.gone += other.gone;
        self.failed += other.failed;
    }
}

/// The table and the gateway together.
#[derive(Debug)]
pub struct Fanout {
    /// The table.
    pub store: Store,
    gateway: Gateway,
}

impl Resource for Fanout {
    async fn build(config: &Config) -> Result<Self, Error> {
        let sdk = sdk_config().await; // one for both: so are its credentials
        Ok(Self { store: Store::new(config, &sdk)?, gateway: Gateway::new(config, &sdk)? })
    }

    fn store(&self) -> Option<&Store> {
        Some(&self.store)
    }
}

impl Fanout {
    /// Sends a durable event that is in the log already, now where the channel is small, else by the stream: in
    /// either case the work is done or safely kept when this returns.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails; the event is then in the log, and a retry of its key sends it.
    pub async fn send_or_relay(
        &self,
        event: &Event,
        seq: Seq,
        sender: &ConnectionId,
    ) -> Result<Tally, Error> {
        let mut pages = self.store.members(&event.channel).page_size(DIRECT_MEMBERS_MAX + 1);
        let first = pages.next().await?.unwrap_or_default();
        if first.len() > DIRECT_MEMBERS_MAX || !pages.is_done() {
            self.store.mark_for_relay(&event.channel, seq, sender).await?;
            return Ok(Tally::default());
        }
        let tally = self.post(event, &first, Some(sender)).await?;
        if tally.failed > 0 {
            self.store.mark_for_relay(&event.channel, seq, sender).await?;
        }
        Ok(tally)
    }

    /// Sends an event to all members, page by page; `except` is the connection that it came from.
    ///
    /// # Errors
    /// [`Error::Internal`] where the members cannot be read.
    pub async fn send_to_all(&self, event: &Event, except: Option<&ConnectionId>) -> Result<Tally, Error> {
        let mut pages = self.store.members(&event.channel);
        let mut tally = Tally::default();
        while let Some(page) = pages.next().await? {
            tally += self.post(event, &page, except).await?;
        }
        Ok(tally)
    }

    /// Posts an event to these members, [`IN_FLIGHT_MAX`] at a time.
    ///
    /// # Errors
    /// [`Error::Internal`] where the event cannot be written as JSON.
    pub async fn post(
        &self,
        event: &Event,
        members: &[Member],
        except: Option<&ConnectionId>,
    ) -> Result<Tally, Error> {
        let frame =
            Bytes::from(serde_json::to_vec(event).map_err(|error| Error::internal("an event", &error))?);
        let deliveries: Vec<Delivery> =
            stream::iter(members.iter().filter(|m| Some(&m.connection) != except))
                .map(|member| self.post_to_member(event, member, frame.clone()))
                .buffer_unordered(IN_FLIGHT_MAX)
                .collect()
                .await;
        let count = |of| deliveries.iter().filter(|delivery| **delivery == of).count();
        Ok(Tally {
            sent: count(Delivery::Sent),
            gone: count(Delivery::Gone),
            failed: count(Delivery::Failed),
        })
    }

    /// Takes members out of a channel, and tells each of them why. A crash before the last is mended by a retry, which
    /// finds those who are still in it.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table fails. A post that fails is only logged: who does not hear of it hears
    /// nothing else of the channel either.
    pub async fn revoke(
        &self,
        channel: &Channel,
        members: &[Member],
        reason: &Text<MESSAGE_BYTES_MAX>,
    ) -> Result<(), Error> {
        for member in members {
            self.store.remove_membership(&member.user, &member.connection, channel).await?;
            let revoked = AccessRevoked { user_id: member.user.clone(), reason: reason.clone() };
            let event = Event {
                channel: channel.clone(),
                event: EventName::AccessRevoked,
                seq: None,
                at: now(),
                from: None,
                key: None,
                data: to_raw_value(&revoked).map_err(|error| Error::internal("a revocation", &error))?,
            };
            self.post(&event, std::slice::from_ref(member), None).await?;
            tracing::info!(%channel, user = %member.user, connection = %member.connection, "access revoked");
        }
        Ok(())
    }

    async fn post_to_member(&self, event: &Event, member: &Member, frame: Bytes) -> Delivery {
        let delivery = self.gateway.post(&member.connection, frame).await;
        if delivery == Delivery::Gone
            && let Err(error) = self.remove(member, &event.channel).await
        {
            // The next post's 410 or the TTL will mend it.
            tracing::warn!(connection = %member.connection, %error, "a dead connection could not be removed");
        }
        delivery
    }

    /// Removes a dead RECIPIENT with all its memberships; the one that led to it too, where its connection's own row
    /// is gone already.
    async fn remove(&self, member: &Member, channel: &Channel) -> Result<(), Error> {
        let connection = self.store.take_connection(&member.connection).await?;
        let mut channels = connection.map(|row| row.channels).unwrap_or_default();
        if !channels.contains(channel) {
            channels.push(channel.clone());
        }
        self.store.remove_memberships(&member.user, &member.connection, &channels).await
    }
}
