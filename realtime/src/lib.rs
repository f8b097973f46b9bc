//! What the product does: each operation once, whether a WebSocket frame, an HTTP request, the bus, the stream or a timer asks
//! for it. Functions decode, make one call into this crate, and encode.
//!
//! # Layout
//! - [`action`]: a function of the WebSocket API, from a frame to its reply
//! - [`context`]: what the operations work with
//! - [`tokens`], [`whop`]: whose tokens count, and what Whop says of its users
//! - [`access`], [`rates`]: who may use a channel, and how much they may do
//! - [`gate`]: who may open a connection
//! - [`membership`]: connections open, join, leave and end; [`departures`]: what follows when one has ended
//! - [`publish`]: events into the log and to the members
//! - [`mod@deliver`]: posts to the members of a channel
//! - [`presence`]: telling members which users are there
//! - [`history`], [`receipts`]: what was said, and how far it was read
//! - [`conversations`], [`revoke`]: who may be in a channel changes, and whoever may not be is taken out
//! - [`timer`]: what must happen later
//!
//! A module uses those below it alone: `membership` and `publish` use `presence`, that uses `deliver`, and all use `access`.

pub mod access;
pub mod action;
pub mod context;
pub mod conversations;
pub mod deliver;
pub mod departures;
pub mod gate;
pub mod history;
pub mod membership;
pub mod presence;
pub mod publish;
pub mod rates;
pub mod receipts;
pub mod revoke;
#[cfg(test)]
mod tests;
pub mod timer;
pub mod tokens;
mod web;
pub mod whop;

pub use action::serve_action;
pub use context::Realtime;
