//! The soak: random traffic of many devices and a backend, from one seed, while `funnelcast-local` injects faults;
//! then it is quiet, and everything that was promised must have held.
//!
//! The devices use the shipped TypeScript client: workers of Node run it, several clients each, and report what its
//! callbacks were given, what became of its promises, and the frames on its sockets. So a guarantee is checked where an app
//! has it, and what the server has done is known from the wire, whatever the client made of it.
//!
//! A run records what each device did and saw and what was there at the end ([`record`]); whether the guarantees held
//! is told from the record alone ([`verify`]). A guarantee is one of section "Guarantees" of the design: an ack means
//! kept, exactly once and in order, recovery is whole or says so, no ghosts, poison blocks nobody, no leak.
//!
//! A message is to be what the changes in its log make of it, and the same for all who heard everything: what they heard, with
//! the changes applied as they came, is what `history` gives in the end.
//!
//! Who is muted or banned sends nothing from when that was answered until it is lifted. The backend hears of each message and
//! each change, as it is in a log, and of nothing else. A search over all conversations of a company finds what their logs have.
//!
//! Each call that was started ends in its log, once, and rings for nobody in the end: a client without a browser rings, accepts and
//! hangs up as any other, and finds no media.
//!
//! A member without a break is to have been posted to, each time: so what a client heals by `history` is seen all the
//! same. What is told of who is there is to be the roster. Who was put out hears nothing more. What was accepted survives
//! the stack's sudden end.
//!
//! # Layout
//! - [`plan`]: the run and what follows from its seed; `part`: what can be left out; [`world`]: who is there, and who may hear what
//! - `device`: a user's app, and what passes on its client's sockets; `worker`: the processes in which the clients run;
//!   `settings`: who a device is; `operations`: what users do; `words`: what messages say; `issuer`: their tokens
//! - `publisher`: what the backend says; `manager`: whom it lets in and puts out; `moderator`: whom it mutes and bans;
//!   `listener`: what it hears of conversations; `chaos`: what happens to processes; `audit`: what is there at the end
//! - [`record`], [`verify`], [`report`]: what happened, whether it may, and how it is told
//! - `run`: the order of it all

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

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// All connect and join; no faults yet.
    Gathering,
    /// Faults, and all that users and the backend do.
    Storm,
    /// No faults; everybody sees to it that all of their own is settled, and looks around who is there.
    Quiet,
    /// The backend says something on every channel, and everybody in every conversation.
    RollCall,
    /// Nobody does anything but stay and listen, and look around.
    Still,
    /// Nothing happens any more.
    Over,
}

impl Phase {
    /// Whether the storm is over.
    const fn is_quiet(self) -> bool {
        matches!(self, Self::Quiet | Self::RollCall | Self::Still)
    }
}
