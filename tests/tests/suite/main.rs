//! The black-box suite: the contract of `docs/` and the wire, row by row, over real sockets against a running stack.
//! The clients and stacks that it uses are in the crate's library, and so is what it takes to run it against something other
//! than `funnelcast-local` (`FUNNELCAST_STACK`).
//!
//! The error code `internal` needs a failure in the stack or behind it, so only tests that cause one cover it.

mod actions;
mod backend_files;
mod budgets;
mod calls;
mod changes;
mod chat;
mod chat_events;
mod connecting;
mod crowds;
mod dead_connections;
mod developing;
mod documents;
mod errors;
mod expiry;
mod files;
mod frames;
mod fuzz;
mod grants;
mod history;
mod house;
mod http;
mod identities;
mod inbox;
mod isolation;
mod joining;
mod killed;
mod large_files;
mod layers;
mod membership;
mod moderation;
mod newest;
mod observing;
mod operating;
mod ordering;
mod presence;
mod publishing;
mod rates;
mod readme;
mod receipts;
mod recovery;
mod refusals;
mod reviewing;
mod revocation;
mod rooms;
mod roster;
mod samples;
mod scene;
mod searching;
mod searching_all;
mod secrets;
mod soak;
mod starting;
mod storage;
mod streams;
mod updates;
mod webhooks;
