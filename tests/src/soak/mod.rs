//! The soak: many devices and a backend make random traffic from one seed while `funnelcast-local` injects faults. Then the
//! faults stop, and every guarantee must have held.
//!
//! The devices use the shipped TypeScript client. Worker processes of Node run it, several clients in each, and report what its
//! callbacks received, how its promises were settled, and the frames on its sockets. So a guarantee is checked where an app
//! relies on it, and the frames show what the server did, whatever the client made of it.
//!
//! A run records what each device did and saw, and what the stack contained at the end ([`record`]). Whether the guarantees held
//! is judged from the record alone ([`verify`]). They are those of the README's section "What it guarantees", and these:
//!
//! - A message equals what the changes in its log make of it. Devices that heard everything show the same conversation: what they
//!   heard, with the changes applied in the order heard, equals what `history` returns at the end.
//! - A muted or banned user sends nothing, from the answer to that request until the restriction is lifted.
//! - The backend hears of every message and every change as it is in a log, and of nothing else.
//! - A search over all conversations of a company finds what their logs contain.
//! - Each call that was started is in its log once when it has ended, and in the end rings for nobody. A client without a browser
//!   rings, accepts and hangs up like any other, but finds no media.
//! - A member whose membership had no break was posted every event. So a gap that a client closes by `history` is noticed too.
//! - The presence that members were told equals the roster.
//! - A removed user hears nothing more.
//! - What was accepted survives a sudden end of the stack.
//!
//! # Layout
//! - [`plan`]: a run, and what follows from its seed; `part`: what can be left out; [`world`]: the users, and who may hear what
//! - `device`: a user's app, and what passes on its client's sockets; `worker`: the processes in which the clients run;
//!   `settings`: what identifies a device; `operations`: what users do; `words`: the texts of messages; `issuer`: the users'
//!   tokens
//! - `publisher`: what the backend publishes; `manager`: whom it lets in and removes; `moderator`: whom it mutes and bans;
//!   `listener`: what it hears of conversations; `chaos`: faults of processes; `audit`: what the stack contains at the end
//! - [`record`], [`verify`], [`report`]: what happened, whether it was allowed, and how it is reported
//! - `run`: the order of a run

mod audit;
mod chaos;
mod device;
mod issuer;
mod listener;
mod manager;
mod moderator;
mod operations;
mod part;
pub mod plan;
mod publisher;
pub mod record;
pub mod report;
mod run;
mod settings;
pub mod verify;
mod words;
mod worker;
pub mod world;

pub use part::Part;
pub use plan::Plan;
pub use report::Report;
pub use run::run;

/// The phase of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// All devices connect and join; there are no faults yet.
    Gathering,
    /// Faults are injected, while users and the backend act.
    Storm,
    /// There are no faults. Every device finishes what it has begun, and asks who is present.
    Quiet,
    /// The backend publishes something on every channel, and every user sends in every conversation.
    RollCall,
    /// Devices only stay connected, listen, and ask who is present.
    Still,
    /// The run has ended.
    Over,
}

impl Phase {
    /// Whether the storm is over.
    const fn is_quiet(self) -> bool {
        matches!(self, Self::Quiet | Self::RollCall | Self::Still)
    }
}
