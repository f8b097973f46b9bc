//! The parts from which the black-box suite is built: a running stack, users with their tokens, a reference client on a real
//! WebSocket, and the app's backend, which uses the AWS SDKs.
//!
//! They depend on none of the product's crates and know only the wire. So the same suite runs against `funnelcast-local` (the
//! default, which is started once in a test process), an emulator, or a stack on AWS (`FUNNELCAST_STACK`). A test never sleeps
//! for a fixed time: it waits for the thing itself, within [`PATIENCE`].
//!
//! # Layout
//! - `stack`: starts or finds the stack, and knows its addresses
//! - `user`: users, companies, roles and tokens
//! - `issuer`: signs tokens as other issuers than the dev one; `outside`: servers outside the stack that it calls
//! - `client`: the reference client; `handshake`: how it connects, or is refused
//! - `http`: requests to the HTTP API, whose answers are checked against its document
//! - `files`: files, as a client uploads and reads them; `objects`: the bucket of files, by presigned URLs
//! - `backend`: events on the bus, conversations, dead letters, `@connections`
//! - `crowd`: a channel with any number of members; [`gateway`]: the gateway that counts what they are posted
//! - `operator`: the operator's commands; `developer`: `dev` in a project of its own
//! - `local`: what only a local stack has; `usage`: what it has counted, for the budgets
//! - [`samples`]: every function invoked with its samples, on a local stack or by SAM
//! - [`soak`]: random traffic under faults, and the check that every guarantee held
//! - `wire`: the shapes of JSON on the wire, and functions that read it

mod backend;
mod client;
mod crowd;
mod developer;
mod files;
pub mod gateway;
mod handshake;
mod http;
mod issuer;
mod local;
mod objects;
mod operator;
mod outside;
pub mod samples;
pub mod soak;
mod stack;
mod usage;
mod user;
mod wire;

use std::time::Duration;

pub use backend::{Backend, Delivery, SOURCE, time_from_now};
pub use client::Client;
pub use crowd::{Crowd, Heard, haunt, put_unreadable_message};
pub use developer::Project;
pub use files::{Upload, file_draft, sha256};
pub use handshake::{Handshake, Outcome};
pub use http::{Answer, Fetched, HttpRequest, fetch};
pub use issuer::Signer;
pub use objects::Answered;
pub use operator::Operated;
pub use outside::{Asked, Outside};
pub use stack::{Stack, memory_peak};
pub use usage::{Cost, Invoked, Usage};
pub use user::{Role, User, unique};
pub use wire::{Refusal, events, is_timestamp, sequence, shape};

/// How long anything may take before a test gives up on it. This includes a cold start on a loaded machine, and the 10 s that a
/// user may be without a connection before the others are told.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The pause between two checks of something that changes by itself.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Calls `attempt` until it returns a value, at most for [`PATIENCE`]. `what` names the value in the error.
pub async fn eventually<T>(
    what: &str,
    mut attempt: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut looks = tokio::time::interval(POLL_INTERVAL);
    loop {
        looks.tick().await;
        if let Some(value) = attempt().await? {
            return Ok(value);
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
    }
}
