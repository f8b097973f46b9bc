//! Callers who have recently passed the check of a channel in this process.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use funnelcast_core::{Caller, Channel, ConnectionId, UserId};

/// How many passes a process remembers. Beyond that it forgets all of them, and the next check of each caller comes
/// first again.
const PASSES_MAX: usize = 10_000;

/// The callers who have passed the check of a channel. They are checked again while the read is under way; all others
/// are checked before it. So nothing is read for an unauthorised caller, and an authorised one does not wait for the
/// check and the read in turn.
///
/// A pass never decides what a caller may do.
#[derive(Debug, Default)]
pub(super) struct Passes(Mutex<HashSet<Pass>>);

type Pass = (UserId, Option<ConnectionId>, Channel);

/// When a caller passed the check of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// In this request.
    Now,
    /// In an earlier request to this process. They must be checked again before they receive anything.
    Before,
}

impl Passes {
    pub(super) fn has(&self, caller: Caller<'_>, channel: &Channel) -> bool {
        self.with(|passes| passes.contains(&pass(caller, channel)))
    }

    pub(super) fn remember(&self, caller: Caller<'_>, channel: &Channel) {
        self.with(|passes| {
            if passes.len() >= PASSES_MAX {
                passes.clear();
            }
            passes.insert(pass(caller, channel));
        });
    }

    pub(super) fn forget(&self, caller: Caller<'_>, channel: &Channel) {
        self.with(|passes| passes.remove(&pass(caller, channel)));
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashSet<Pass>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn pass(caller: Caller<'_>, channel: &Channel) -> Pass {
    (caller.identity().user.clone(), caller.connection().cloned(), channel.clone())
}
