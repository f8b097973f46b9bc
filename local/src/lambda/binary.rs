//! A function's binary on disk, and when a build of it may be started.
//!
//! A binary is replaced while the stack runs: by cargo, which links elsewhere and then puts a new file in the place of the
//! old one, or by a tool that copies over it. So a build is known by its inode, length and modification time, and a file
//! that was written a moment ago is not started, as it may still be incomplete.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep};

use super::error::InvokeError;
use crate::{file_version::FileVersion, template::Function};

/// How long a file must have stayed unchanged to count as complete.
const UNCHANGED_MIN: Duration = Duration::from_millis(200);
/// How long an invocation waits for a binary that is still being written.
const UNFINISHED_MAX: Duration = Duration::from_secs(10);
/// How long an invocation waits for a binary that is missing, which it is for a moment while it is replaced.
const MISSING_MAX: Duration = Duration::from_secs(2);
/// The pause between two looks at a binary that is missing.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The file that a function's processes run.
#[derive(Debug)]
pub(super) struct Binary {
    path: PathBuf,
}

/// What a look at the file finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// There is no file: it is being replaced, or was cleaned away.
    Missing,
    /// The file may be incomplete for this much longer.
    Unfinished(Duration),
    Complete(FileVersion),
}

impl Binary {
    /// Finds the binary of `function` in `directory`: `{name}` (cargo's layout) or `{name}/bootstrap` (cargo-lambda's).
    pub(super) fn find(directory: &Path, function: &Function) -> anyhow::Result<Self> {
        let plain = directory.join(&function.name);
        for candidate in [&plain, &plain.join("bootstrap")] {
            if candidate.is_file() {
                let path = candidate.canonicalize();
                let path = path.with_context(|| format!("cannot use {}", candidate.display()))?;
                return Ok(Self { path });
            }
        }
        let (id, plain) = (&function.id, plain.display());
        bail!(
            "{id}: neither {plain} nor {plain}/bootstrap exists; build the functions first, or set --bin-dir"
        )
    }

    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The build that is in place now; `None` if the file is missing or may be incomplete.
    pub(super) fn version(&self) -> Option<FileVersion> {
        match self.look() {
            Found::Complete(version) => Some(version),
            Found::Missing | Found::Unfinished(_) => None,
        }
    }

    /// Whether there is no file at present.
    pub(super) fn is_missing(&self) -> bool {
        self.look() == Found::Missing
    }

    /// Waits until the file is complete, and returns its version.
    pub(super) async fn complete(&self) -> Result<FileVersion, InvokeError> {
        let since = Instant::now();
        loop {
            let (pause, wait_max, state) = match self.look() {
                Found::Complete(version) => return Ok(version),
                Found::Missing => (LOOK_INTERVAL, MISSING_MAX, "missing; build the function"),
                Found::Unfinished(pause) => (pause, UNFINISHED_MAX, "still being written"),
            };
            if since.elapsed() >= wait_max {
                let message = format!("cannot start {}: it is {state}", self.path.display());
                return Err(InvokeError::Start(message));
            }
            sleep(pause).await;
        }
    }

    fn look(&self) -> Found {
        let Ok(version) = FileVersion::of(&self.path) else { return Found::Missing };
        match SystemTime::now().duration_since(version.modified) {
            Ok(age) if age < UNCHANGED_MIN => Found::Unfinished(UNCHANGED_MIN.saturating_sub(age)),
            // A time in the future is a clock that was set back, and says nothing.
            _ => Found::Complete(version),
        }
    }
}
