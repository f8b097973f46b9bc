//! The table: a single one, on demand, with a string `pk` and `sk`.
//!
//! | item | key | file |
//! |---|---|---|
//! | connection | `USER#u` / `CONN#c` | [`connections`], [`joins`] |
//! | membership | `CH#channel#shard` / `userId#c` | [`members`], [`presence`] |
//! | log | `LOG#channel` / seq, and one `#start` | [`log`], [`recovery`], [`history`], [`search`], `quotes` |
//! | receipts | `READ#channel` / userId | [`receipts`] |
//! | latest value | `LAST#channel` / key | [`latest`] |
//! | call of a conversation | `LAST#channel` / `call` | [`calls`] |
//! | conversation | `CONV#id` / `META`, `CONV#id` / `USER#u` | [`conversations`] |
//! | restrictions of a user | `MOD#conversation` / userId, `MODS#user` / `META` | [`restrictions`] |
//! | last activity of a conversation | `CONV#id` / `ACTIVITY` | [`activity`] |
//! | postings | `FIND#company#beginning` / `time#conversation#seq` | [`postings`] |
//! | file | `FILE#id` / `META` | [`files`] |
//! | erasure of a user | `MODS#user` / `ERASURE` | [`erasure`] |
//! | what members were told of a user | `TOLD#channel` / userId | [`presence`] |
//! | next count broadcast | `COUNT#channel` / `META` | [`presence`] |
//! | rate limits of a user | `RATE#user` / limit | [`rates`] |
//! | role of a user in a company, from Whop | `ROLE#user` / company | [`roles`] |
//! | ticket | `TICKET#sha256` / `META` | [`ticket`] |
//! | outbox | `OUTBOX#channel` / key | [`stream`], [`webhooks`] |
//! | webhook | `HOOK#id` / `META` | [`webhooks`] |
//!
//! The index `byActivity` (`inbox`, `activeAt`) has the conversations of a company and of a user ([`activity`], [`inbox`]), and
//! where else users have left something ([`places`]).
//!
//! No path scans the table. Rows that the TTL has not removed yet are recognised by their time when they are read.
//! Reads that a guarantee depends on are strongly consistent.

pub mod activity;
pub mod calls;
pub mod connections;
pub mod conversations;
pub mod erasure;
pub mod files;
pub mod history;
pub mod inbox;
mod item;
pub mod joins;
mod key;
pub mod latest;
pub mod log;
pub mod members;
pub mod places;
pub mod postings;
pub mod presence;
mod quotes;
pub mod rates;
pub mod receipts;
pub mod recovery;
pub mod restrictions;
pub mod roles;
pub mod search;
pub mod stream;
pub mod ticket;
pub mod webhooks;

pub use self::{
    connections::Connection,
    item::{Table, back_off},
    log::{Append, LogView, Stored, Unquoted},
    members::Member,
    recovery::Recovery,
};

#[cfg(test)]
pub(crate) mod tests;
