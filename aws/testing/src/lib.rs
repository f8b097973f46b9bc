//! What the unit tests of `funnelcast-aws` and `funnelcast-realtime` run against, each on a free port of this
//! machine.
//!
//! # Layout
//! - [`caller()`]: a user on a connection
//! - [`engine`]: a DynamoDB engine with an empty table, behind a proxy that counts requests and injects faults
//! - [`gateway`]: a management API of WebSocket connections that answers as the test says
//! - [`interleavings`]: the steps of two operations, in every order
//! - [`server`]: any other HTTP server, such as Whop's
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "this crate is for tests, whose failures are panics"
)]

mod callers;
pub mod engine;
pub mod gateway;
pub mod interleavings;
pub mod server;

pub use callers::caller;
