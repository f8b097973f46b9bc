//! What the black-box suite drives the product with: a running stack, users with their tokens, a reference client
//! on a real WebSocket, and the app's backend by the AWS SDKs.
//!
//! It depends on none of the product's crates and knows only the wire, so that the same suite runs against
//! `funnelcast-local` (the default; it is started once a test process), an emulator, or a stack on AWS
//! (`FUNNELCAST_STACK`). It never sleeps for a fixed time: it waits for the thing itself, within [`PATIENCE`].
//!
//! # Layout
//! - `stack`: starts or finds the stack, and knows its addresses
//! - `user`: users, companies, roles and tokens
//! - `client`: the reference client; `handshake`: how it connects, and how it is refused
//! - `backend`: events on the bus, conversations, dead letters, `@connections`
//! - `usage`: what a local stack has counted, for the budgets
//! - `wire`: shapes and small readers of JSON

mod backend;
mod client;
mod handshake;
mod stack;
mod usage;
mod user;
mod wire;

use std::time::Duration;

pub use backend::{Backend, Delivery, SOURCE};
pub use client::Client;
pub use handshake::{Handshake, Outcome};
pub use stack::Stack;
pub use usage::{Cost, Usage};
pub use user::{Role, User, unique};
pub use wire::{Refusal, events, is_timestamp, sequence, shape};

/// How long anything may take before a test gives up on it: a cold function on a loaded machine included.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two looks at something that changes by itself.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Calls `attempt` until it gives a value, at most for [`PATIENCE`]; `what` names it in the error.
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
