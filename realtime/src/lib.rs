//! What the product does. Each operation is implemented once, whether a WebSocket frame, an HTTP request, the event
//! bus, the table's stream or a timer triggers it. Functions decode, make one call into this crate, and encode.
//!
//! # Layout
//! - [`action`]: runs a function of the WebSocket API, from a frame to its reply
//! - [`context`]: the resources that the operations work with
//! - [`tokens`], [`whop`]: which tokens are valid, and which roles Whop's users have
//! - [`access`], [`rates`]: who may use a channel, and how much a user may do
//! - [`gate`]: who may open a connection
//! - [`membership`]: connections open, join, leave and end; [`departures`]: the cleanup after a connection has ended
//! - [`publish`]: events into the log and to the members; [`review`]: the app's own function, which is asked before
//! - [`mod@deliver`]: posts to the members of a channel
//! - [`presence`]: tells members which users are in their channel
//! - [`digest`], [`inbox`]: what is new in each conversation, and how much of it is unread; [`chat_events`]: what the app's
//!   backend hears of it
//! - [`history`], [`mod@search`], [`receipts`]: what was said, and up to where it was read
//! - [`calls`], [`ice`]: who is in the call of a conversation, and the servers by which browsers find a way to one another
//! - [`files`]: who may bring and read files
//! - [`conversations`], [`moderation`], [`rights`], [`mutes`], [`revoke`]: access to a channel changes, and members who have
//!   lost it are removed, or may not send
//! - [`backend`]: what the app's backend says, on the event bus or by HTTP
//! - [`erase`](mod@erase), [`export`]: everything of a user, or of a conversation, for an operator
//! - [`timer`]: what must happen later
//!
//! A module only uses modules that are below it: `membership` and `publish` use `presence`, which uses `deliver`, and
//! all of them use `access`.

pub mod access;
pub mod action;
pub mod backend;
pub mod calls;
pub mod chat_events;
pub mod context;
pub mod conversations;
pub mod deliver;
pub mod departures;
pub mod digest;
pub mod erase;
pub mod export;
pub mod files;
pub mod gate;
pub mod history;
pub mod ice;
pub mod inbox;
pub mod membership;
pub mod moderation;
pub mod mutes;
pub mod presence;
pub mod publish;
pub mod rates;
pub mod receipts;
pub mod review;
pub mod revoke;
pub mod rights;
pub mod search;
#[cfg(test)]
mod tests;
pub mod timer;
pub mod tokens;
mod web;
pub mod whop;

pub use action::serve_action;
pub use context::Realtime;
