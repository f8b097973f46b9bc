//! Callers: the users whose requests are served, and by what right they may use a channel.

use crate::{
    CompanyId, ConnectionId, Error, Grant, Identity, JoinOrder, Timestamp, grant::Capability,
    moderation::Mute,
};

/// A user who has sent a frame on a WebSocket connection.
#[derive(Debug, Clone)]
pub struct SocketCaller {
    /// The user, as the connection's token names them.
    pub identity: Identity,
    /// The connection.
    pub connection: ConnectionId,
    /// When the connection was opened.
    pub connected_at: Timestamp,
    /// When the frame was received.
    pub now: Timestamp,
    /// The place of this frame among the connection's `join`s and `leave`s, where the frame names none: when API Gateway
    /// received it.
    pub order: JoinOrder,
}

/// A user who has made a request to the HTTP API. Such a request comes on no connection, so it has joined nothing: its
/// caller may do what they could join for.
#[derive(Debug, Clone, Copy)]
pub struct HttpCaller<'a> {
    /// The user, as the request's token names them.
    pub identity: &'a Identity,
    /// The grant for the channel in question, where the request carries one.
    pub grant: Option<&'a Grant>,
    /// When the request was received.
    pub now: Timestamp,
}

/// A user who reads a channel or publishes on it, by either API.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// On a connection, which must have joined the channel.
    Socket(&'a SocketCaller),
    /// By a request of the HTTP API.
    Http(HttpCaller<'a>),
}

impl<'a> Caller<'a> {
    /// The user.
    pub const fn identity(self) -> &'a Identity {
        match self {
            Self::Socket(caller) => &caller.identity,
            Self::Http(caller) => caller.identity,
        }
    }

    /// When the request was received.
    pub const fn now(self) -> Timestamp {
        match self {
            Self::Socket(caller) => caller.now,
            Self::Http(caller) => caller.now,
        }
    }

    /// The connection, which gets the reply and so no copy of what is published on it.
    pub const fn connection(self) -> Option<&'a ConnectionId> {
        match self {
            Self::Socket(caller) => Some(&caller.connection),
            Self::Http(_) => None,
        }
    }
}

/// By what right a user may be a member of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// By their token, or as a participant of the conversation.
    Own,
    /// As one of the team of the conversation's company.
    Team(CompanyId),
    /// By a grant of the app's backend, until it ends.
    Grant(Grant),
}

impl Right {
    /// Checks that this right includes a capability. Only a grant limits what its user may do.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the grant does not include it, or has ended.
    pub fn check(&self, capability: Capability, now: Timestamp) -> Result<(), Error> {
        match self {
            Self::Grant(grant) => check_grant(Some(grant), capability, now),
            Self::Own | Self::Team(_) => Ok(()),
        }
    }
}

/// How a user may be in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// By what right.
    pub right: Right,
    /// Why they may not send there all the same.
    pub mute: Option<Mute>,
}

impl From<Right> for Admission {
    /// By this right, and nothing restricts it.
    fn from(right: Right) -> Self {
        Self { right, mute: None }
    }
}

impl Admission {
    /// Checks that it includes a capability.
    ///
    /// # Errors
    /// Those of [`Right::check`]; [`Error::Muted`] if the capability is to send and the user may not.
    pub fn check(&self, capability: Capability, now: Timestamp) -> Result<(), Error> {
        self.right.check(capability, now)?;
        match capability {
            Capability::Send => Mute::check(self.mute.as_ref(), now),
            Capability::Join => Ok(()),
        }
    }
}

/// Checks that a grant, where there is one, includes a capability.
///
/// # Errors
/// [`Error::Forbidden`] where the grant does not include it, or has ended.
pub fn check_grant(grant: Option<&Grant>, capability: Capability, now: Timestamp) -> Result<(), Error> {
    if grant.is_none_or(|grant| grant.allows(capability, now)) {
        Ok(())
    } else {
        Err(Error::Forbidden("the grant does not allow this"))
    }
}
