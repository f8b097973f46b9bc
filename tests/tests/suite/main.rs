//! The black-box suite: the contract of `docs/` and the wire, row by row, over real sockets against a running stack.
//! How it is driven is in the crate's library; what runs it against something else than `funnelcast-local` is there
//! too (`FUNNELCAST_STACK`).
//!
//! Not reachable from outside, and so not covered: the error code `internal`, which needs a fault inside.

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
