//! Timers: what must happen later, whether or not anybody sends a frame by then. Each is a delayed message to the `timers`
//! function.

use std::time::Duration;

use funnelcast_aws::{Config, Resource, queue::Queue, table::connections::Departed};
use funnelcast_core::{Channel, CompanyId, ConnectionId, ConversationId, Error, UserId};
use serde::{Deserialize, Serialize};

/// The longest that a `join` may be under way, and so the delay of whatever must come after it: more than the timeout of
/// every function that joins (template.yaml).
pub const JOIN_TIME_MAX: Duration = Duration::from_secs(30);

/// A timer. It may fire twice, and late: whoever handles it looks at the table first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Timer {
    /// The lease of a connection, or its token, may have ended.
    Lease {
        /// The connection's user.
        user: UserId,
        /// The connection.
        connection: ConnectionId,
    },
    /// The grace of a departed connection is over, or a channel was left while a `join` of it was under way: what is still
    /// there of these memberships is to be removed, and a user who is not back has left.
    Departed(Departed),
    /// The grant by which a connection is in a channel may have ended.
    Grant {
        /// The connection's user.
        user: UserId,
        /// The connection.
        connection: ConnectionId,
        /// The channel.
        channel: Channel,
    },
    /// Users have joined or left a channel that has too many to name: its members are told their number.
    Count(Channel),
    /// The participants of a conversation have changed: whoever was just joining is to be checked again.
    Conversation(ConversationId),
    /// A user's role in a company has changed: whatever they were just joining is to be checked again.
    #[serde(rename_all = "camelCase")]
    Role {
        /// The user.
        user: UserId,
        /// The company.
        company: CompanyId,
    },
}

/// The queue of timers. A delayed message costs nothing while it waits, survives every crash, and needs no index to be found
/// again.
#[derive(Debug)]
pub struct Timers(Queue);

impl Resource for Timers {
    /// With an open socket, for a function that sets a timer in each invocation.
    async fn build(config: &Config) -> Result<Self, Error> {
        let timers = Self::new(config)?;
        Queue::open(config).await;
        Ok(timers)
    }
}

impl Timers {
    /// Without an open socket.
    ///
    /// # Errors
    /// [`Error::Internal`] where the configuration lacks the queue.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Queue::of_timers(config).map(Self)
    }

    /// Sets a timer that fires after `delay`, at most 15 minutes; in whole seconds, rounded up: 1 message.
    ///
    /// # Errors
    /// [`Error::Internal`] where the queue does not take it.
    pub async fn set(&self, timer: &Timer, delay: Duration) -> Result<(), Error> {
        self.0.send(timer, delay).await
    }
}
