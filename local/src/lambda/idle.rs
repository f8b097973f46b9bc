//! The processes of a function that wait for work, all of which run the newest build of its binary.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::process::Process;
use crate::file_version::FileVersion;

/// The idle processes. Dropping a process kills it.
#[derive(Default)]
pub(super) struct IdleProcesses {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The newest build that was seen.
    build: Option<FileVersion>,
    /// Each with the time from which it is idle. The one that was used last is at the end and is taken first, so that the
    /// others grow old.
    processes: Vec<(Process, Instant)>,
}

/// Whether a build is the one that was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Build {
    Unchanged,
    /// There was none before.
    First,
    /// It has replaced another one.
    Replaced,
}

impl IdleProcesses {
    /// Notes that `build` is in place. If it has replaced another one, the idle processes of the old build are ended;
    /// those that are busy finish their invocation.
    pub(super) fn run(&self, build: FileVersion) -> Build {
        let mut state = self.lock();
        if state.build == Some(build) {
            return Build::Unchanged;
        }
        state.processes.clear();
        if state.build.replace(build).is_some() { Build::Replaced } else { Build::First }
    }

    /// Whether there is no process.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().processes.is_empty()
    }

    /// Takes a process that is still alive, if there is one.
    pub(super) fn take(&self) -> Option<Process> {
        let mut state = self.lock();
        while let Some((process, _)) = state.processes.pop() {
            if process.is_alive() {
                return Some(process);
            }
        }
        None
    }

    /// Keeps a process, unless it has ended or runs an old build.
    pub(super) fn keep(&self, process: Process) {
        let mut state = self.lock();
        if process.is_alive() && state.build == Some(process.build) {
            state.processes.push((process, Instant::now()));
        }
    }

    /// Ends the processes that have been idle for longer than `idle_max`.
    pub(super) fn end_older_than(&self, idle_max: Duration) {
        self.lock().processes.retain(|(process, since)| process.is_alive() && since.elapsed() < idle_max);
    }

    /// Ends all processes.
    pub(super) fn end_all(&self) {
        self.lock().processes.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
