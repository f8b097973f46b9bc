//! Memberships: connections open, join channels, leave them, and end.
//!
//! # Layout
//! - [`connection`]: how a connection opens, is renewed, and is found to have ended
//! - [`mod@join`]: how a membership begins
//! - [`mod@leave`]: how a membership ends

pub mod connection;
pub mod join;
pub mod leave;
