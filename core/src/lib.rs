//! The contract of funnelcast as types: what travels on the wire, who may do what, and what can go wrong.
//!
//! Everything here is pure: no I/O, no clock, no environment, no AWS crate. Text from outside becomes one of
//! these types at the edge, or an [`Error`] that the caller may see; behind the edge nobody checks again.
//!
//! # Layout
//! - [`channel`], [`policy`]: the channels, and the one table that says who may join, publish and read what
//! - [`action`], [`frame`]: what a client sends, and what it gets back
//! - [`event`], [`publication`]: the payloads, and how a client's or the backend's word becomes one
//! - [`version`]: which of two changes is the newer
//! - [`grant`]: what the app's backend opens for one user on one channel
//! - [`json`]: what comes from outside, as plain data
//! - [`caller`]: who sends a request, and by what right they may use a channel
//! - [`identity`], [`id`], [`time`], [`text`]: the values that the rest is made of
//! - [`size`]: how large they are on the wire
//! - [`error`]: the one error type, with its wire codes

pub mod action;
pub mod caller;
pub mod channel;
pub mod error;
pub mod event;
pub mod frame;
pub mod grant;
pub mod id;
pub mod identity;
pub mod json;
mod order;
mod parse;
pub mod policy;
pub mod publication;
#[cfg(feature = "schema")]
pub mod schema;
pub mod size;
pub mod text;
pub mod time;
pub mod version;

pub use caller::{Caller, HttpCaller, Right, SocketCaller};
pub use channel::Channel;
pub use error::Error;
pub use grant::Grant;
pub use id::{CompanyId, ConnectionId, ConversationId, FunnelId, Key, RequestId, ResourceId, Seq, UserId};
pub use identity::Identity;
pub use order::JoinOrder;
pub use time::Timestamp;
pub use version::Version;
