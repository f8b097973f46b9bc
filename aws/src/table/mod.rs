//! The table: one, on demand, with a string `pk` and `sk`.
//!
//! | item | key | file |
//! |---|---|---|
//! | connection | `USER#u` / `CONN#c` | [`connections`], [`joins`] |
//! | membership | `CH#channel#shard` / `userId#c` | [`members`], [`presence`] |
//! | log | `LOG#channel` / seq, and one `#start` | [`log`], [`recovery`], [`history`] |
//! | receipts | `READ#channel` / userId | [`receipts`] |
//! | latest | `LAST#channel` / key | [`latest`] |
//! | conversation | `CONV#id` / `META`, `CONV#id` / `USER#u` | [`conversations`] |
//! | what members were told of a user | `TOLD#channel` / userId | [`presence`] |
//! | presence's pace | `COUNT#channel` / `META` | [`presence`] |
//! | what a user does, and costs | `RATE#user` / limit | [`rates`] |
//! | what a user is to a company, by Whop | `TEAM#user` / company | [`roles`] |
//! | ticket | `TICKET#sha256` / `META` | [`ticket`] |
//! | outbox | `OUTBOX#channel` / key | [`stream`], [`webhooks`] |
//! | webhook | `HOOK#id` / `META` | [`webhooks`] |
//!
//! There is no scan on any path. Rows that the TTL has not removed yet are recognised by their time, by whoever
//! reads them. Reads that a guarantee rests on are strongly consistent.

pub mod connections;
pub mod conversations;
pub mod history;
mod item;
pub mod joins;
mod key;
pub mod latest;
pub mod log;
pub mod members;
pub mod presence;
pub mod rates;
pub mod receipts;
pub mod recovery;
pub mod roles;
mod search;
pub mod stream;
pub mod ticket;
pub mod webhooks;

pub use self::{
    connections::Connection,
    item::{Table, back_off},
    log::{Append, LogView, Stored},
    members::Member,
    recovery::Recovery,
};

#[cfg(test)]
pub(crate) mod tests;
