//! The soak: random traffic of many devices and a backend, from one seed, while `funnelcast-local` injects faults;
//! then it is quiet, and everything that was promised must have held.
//!
//! A run records what each device did and saw and what was there at the end ([`record`]); whether the guarantees held
//! is told from the record alone ([`verify`]). A guarantee is one of section "Guarantees" of the design: an ack means
//! kept, exactly once and in order, recovery is whole or says so, no ghosts, poison blocks nobody, no leak.
//!
//! # Layout
//! - [`plan`]: the run and what follows from its seed; `world`: who is there, and who may hear what
//! - `device`: a client on a socket; `session`: what a careful client does with the wire; `operations`: what users do
//! - `publisher`: the backend; `audit`: what is there at the end
//! - [`record`], [`verify`], [`report`]: what happened, whether it may, and how it is told
//! - `run`: the order of it all

mod audit;
mod device;
mod operations;
pub mod plan;
mod publisher;
pub mod record;
pub mod report;
mod run;
mod session;
pub mod verify;
pub mod world;

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
    /// No faults; everybody sees to it that all of his own is settled, and looks around who is there.
    Quiet,
    /// Nobody does anything but stay and listen.
    Still,
    /// Nothing happens any more.
    Over,
}
