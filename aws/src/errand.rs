//! What is to be looked after later: messages to the `sweep` function, which come out of their queue after a delay.
//!
//! A delayed message is a timer that costs nothing while nobody is connected, survives every crash, and needs no index
//! to be found again. It may come twice, and late: whoever takes it looks at the table first.

use std::time::Duration;

use funnelcast_core::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, Timestamp, UserId, identity::Name,
};
use serde::{Deserialize, Serialize};

use crate::{Config, Resource, queue::Queue, store::connections::ChannelJoin};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Errand {
    /// This connection's lease may have ended.
    Lease {
        /// Whose it is.
        user: UserId,
        /// Which.
        connection: ConnectionId,
    },
    /// The connection of these memberships ended some seconds ago, or they were left while their `join` was still under
    /// way: what is there of them is to be removed, and a user who is not back has gone.
    Left(Lost),
    /// The grant by which this connection is in a channel may have ended.
    Grant {
        /// Whose it is.
        user: UserId,
        /// Which.
        connection: ConnectionId,
        /// Where.
        channel: Channel,
    },
    /// In this channel users have come or gone, and there are too many to name.
    Count(Channel),
    /// Who may be in a conversation has changed: whoever was just joining must be looked at again.
    Conversation(ConversationId),
    /// What a user is to a company has changed: the same for them.
    #[serde(rename_all = "camelCase")]
    Team {
        /// Who.
        user: UserId,
        /// To whom.
        company: CompanyId,
    },
}

/// The longest that a `join` may be under way, and so the delay of whatever must come after it: more than the timeout of
/// every function that joins (template.yaml).
pub const JOIN_TIME_MAX: Duration = Duration::from_secs(30);

/// A connection that is gone, and what it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lost {
    /// Which.
    pub connection: ConnectionId,
    /// Whose it was.
    pub user: UserId,
    /// What to call them.
    pub name: Name,
    /// What it had joined, and by which `join`.
    pub channels: Vec<ChannelJoin>,
    /// Since when it is gone.
    pub at: Timestamp,
}

/// The queue of them.
#[derive(Debug)]
pub struct Errands(Queue);

impl Resource for Errands {
    /// For a function that puts one in each time: with a socket.
    async fn build(config: &Config) -> Result<Self, Error> {
        let errands = Self::new(config)?;
        config.sdk.open("sqs").await;
        Ok(errands)
    }
}

impl Errands {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        Queue::of_errands(config).map(Self)
    }

    /// Has an errand done after `delay`, at most 15 minutes; in whole seconds, rounded up.
    ///
    /// # Errors
    /// [`Error::Internal`] where the queue does not take it.
    pub async fn put(&self, errand: &Errand, delay: Duration) -> Result<(), Error> {
        self.0.send(errand, delay).await
    }
}
