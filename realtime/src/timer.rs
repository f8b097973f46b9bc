//! Timers: what must happen later, whether or not a frame arrives by then. Each timer is a delayed message to the
//! `timers` function.

use std::time::Duration;

use funnelcast_aws::{Config, Resource, queue::Queue, table::connections::Departed};
use funnelcast_core::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, Seq, UserId, call::CallId, moderation::Scope,
};
use serde::{Deserialize, Serialize};

/// The longest time that a `join` may be under way, and so the delay of everything that must come after it. It
/// exceeds the timeout of every function that joins (template.yaml).
pub const JOIN_TIME_MAX: Duration = Duration::from_secs(30);

/// A timer. It may fire twice, and late, so its handler reads the table first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Timer {
    /// The lease of a connection or its token may have ended.
    Lease {
        /// The user of the connection.
        user: UserId,
        /// The connection.
        connection: ConnectionId,
    },
    /// The grace of a departed connection is over, or a channel was left while a `join` of it was under way.
    /// Memberships that remain are removed, and a user who has not come back has left.
    Departed(Departed),
    /// The grant by which a connection is in a channel may have ended.
    Grant {
        /// The user of the connection.
        user: UserId,
        /// The connection.
        connection: ConnectionId,
        /// The channel.
        channel: Channel,
    },
    /// Users have joined or left a channel with too many users to name: its members are told the number of users.
    Count(Channel),
    /// The participants of a conversation have changed: members who were joining at the time are checked again.
    Conversation(ConversationId),
    /// A user's role in a company has changed: channels that they were joining at the time are checked again.
    #[serde(rename_all = "camelCase")]
    Role {
        /// The user.
        user: UserId,
        /// The company.
        company: CompanyId,
    },
    /// A user is restricted in another way than before: channels that they were joining at the time are checked again.
    Restriction {
        /// The user.
        user: UserId,
        /// Where the restriction counts.
        scope: Scope,
    },
    /// A call may have rung for too long, or may have lost those who were in it.
    Call {
        /// The conversation.
        conversation: ConversationId,
        /// The call.
        call: CallId,
    },
    /// None of the recipients of a message was connected when it was sent: if none of them has seen it by now, the app's
    /// backend is told.
    Unanswered {
        /// The conversation.
        conversation: ConversationId,
        /// The message.
        seq: Seq,
    },
}

/// The timer queue. A delayed message costs nothing while it waits, survives every crash, and needs no index to be
/// found again.
#[derive(Debug)]
pub struct Timers(Queue);

impl Resource for Timers {
    /// Opens a socket as well, for a function that sets a timer in each invocation.
    async fn build(config: &Config) -> Result<Self, Error> {
        let timers = Self::new(config)?;
        Queue::open(config).await;
        Ok(timers)
    }
}

impl Timers {
    /// Returns the queue without opening a socket.
    ///
    /// # Errors
    /// [`Error::Internal`] if the configuration lacks the queue.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Queue::of_timers(config).map(Self)
    }

    /// Sets a timer that fires after `delay`, which is at most 15 minutes and is rounded up to whole seconds: 1
    /// message.
    ///
    /// # Errors
    /// [`Error::Internal`] if the queue does not accept the message.
    pub async fn set(&self, timer: &Timer, delay: Duration) -> Result<(), Error> {
        self.0.send(timer, delay).await
    }
}
