//! Who has passed the check of a channel in this process lately.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use funnelcast_core::{Caller, Channel, ConnectionId, UserId};

/// The most passes that a process remembers: of more it forgets all, and the next check comes first again.
const PASSES_MAX: usize = 10_000;

/// Who has passed the check of a channel: they are checked while what they want is being read, all others before it. So nothing
/// is read for a stranger, and nobody who may read waits for the two one after the other.
///
/// It never decides who may do what.
#[derive(Debug, Default)]
pub(super) struct Passes(Mutex<HashSet<Pass>>);

type Pass = (UserId, Option<ConnectionId>, Channel);

/// When a caller passed the check of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Just now.
    Now,
    /// By an earlier request to this process: they are to be checked again before they are told anything.
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
