//! Calls: voice and video between the members of a conversation.
//!
//! Sound and pictures go from browser to browser. The server only knows who is in the call, and which of two who do the same at
//! once comes first. A conversation has one live call at most; [`CallState`] decides what changes it.
//!
//! # Layout
//! - `snapshot`: a call as clients see it
//! - `state`: a call as the server keeps it, and its changes
//! - `ice`: the servers by which browsers find a way to one another

mod ice;
pub(crate) mod snapshot;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    ice::{IceQuery, IceReply, IceServer, IceUrl},
    snapshot::{
        CALL_USERS_LISTED_MAX, CALL_USERS_MAX, Call, CallId, CallMedia, CallOutcome, CallPart, CallReason,
        CallRecord, CallStage, CallTimes, CallUser, PeerId,
    },
    state::{Binding, CallState, Change, NewCall, Peer, Refusal},
};
