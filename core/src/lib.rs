//! The contract of funnelcast as types: what travels on the wire, who may do what, and what can go wrong.
//!
//! This crate is pure: no I/O, no clock, no environment, no AWS crate. Input is parsed into these types at the edge, or refused
//! with an [`Error`] that the caller may see; code behind the edge does not validate again.
//!
//! The client's TypeScript types and limits, docs/openapi.yaml, docs/asyncapi.yaml and docs/schemas are generated from these
//! types (`make types`).
//!
//! # Layout
//! - [`channel`], [`policy`]: the channels, and the one table of who may join, publish and read what
//! - [`action`], [`frame`]: the frames of the WebSocket, from the client and to it
//! - [`http_api`]: the operations of the HTTP API
//! - [`bus`]: the events that the app's backend puts on the event bus; [`chat_event`]: those that it hears
//! - [`event`], [`publication`]: the payloads, and how a client's draft or a backend's detail becomes one
//! - [`inbox`]: the last message of a conversation, and what a user has not read of it
//! - [`call`]: calls, and what changes them
//! - [`moderation`]: users who may not send, or not be there
//! - [`message`]: chat messages as they are stored, and what changes make of them
//! - [`erasure`]: what is left of events once a user has been erased
//! - [`review`]: what the app's own function is asked before a message is kept
//! - [`version`]: which of two changes is newer
//! - [`grant`]: access to one channel for one user, given by the app's backend
//! - [`json`]: untrusted JSON as plain data
//! - [`caller`]: who makes a request, and by what right they use a channel
//! - [`identity`], [`id`], [`time`], [`text`]: the values that the rest is made of
//! - [`fold`]: texts in the form in which a search compares them
//! - [`size`]: sizes on the wire
//! - [`error`]: the one error type, with its wire codes

#[macro_use]
mod limit;

pub mod action;
pub mod bus;
pub mod call;
pub mod caller;
pub mod channel;
pub mod chat_event;
pub mod erasure;
pub mod error;
pub mod event;
pub mod file;
pub mod fold;
pub mod frame;
pub mod grant;
pub mod http_api;
pub mod id;
pub mod identity;
pub mod inbox;
pub mod json;
pub mod message;
pub mod moderation;
mod order;
mod parse;
pub mod policy;
pub mod publication;
pub mod review;
#[cfg(feature = "schema")]
pub mod schema;
pub mod size;
pub mod text;
pub mod time;
pub mod version;
#[cfg(feature = "schema")]
mod wire_type;

pub use caller::{Admission, Caller, HttpCaller, Right, SocketCaller};
pub use channel::Channel;
pub use error::Error;
pub use grant::Grant;
pub use id::{
    CompanyId, ConnectionId, ConversationId, ExperienceId, FileId, FunnelId, Key, RequestId, ResourceId,
    RoomId, Seq, UserId,
};
pub use identity::Identity;
pub use order::JoinOrder;
pub use time::Timestamp;
pub use version::Version;
