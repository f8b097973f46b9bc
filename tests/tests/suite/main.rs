//! The black-box suite: the contract of `docs/` and the wire, row by row, over real sockets against a running stack.
//! How it is driven is in the crate's library; what runs it against something else than `funnelcast-local` is there
//! too (`FUNNELCAST_STACK`).
//!
//! Not reachable from outside yet, and so not covered: the error codes `rate_limited` (no action answers with it), and
//! `internal` (it needs a fault inside).

mod actions;
mod budgets;
mod chat;
mod connecting;
mod dead_connections;
mod errors;
mod expiry;
mod frames;
mod fuzz;
mod history;
mod house;
mod isolation;
mod joining;
mod ordering;
mod publishing;
mod receipts;
mod recovery;
mod revocation;
mod roster;
mod scene;
mod streams;
mod updates;
