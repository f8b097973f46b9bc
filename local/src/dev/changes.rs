//! Files that a running stack cannot reload: its template, its parameters, and this program. When one of them changes, the
//! stack is started again. A function's binary is reloaded where the function runs.

use std::{path::PathBuf, time::Duration};

use tokio::time::{Interval, interval};

use crate::file_version::FileVersion;

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(500);

/// A file, and the version of it that was seen last.
struct Watched {
    path: PathBuf,
    /// `None` if there was no file to read.
    version: Option<FileVersion>,
    /// Whether it has changed since the look before, and may still be changing.
    is_changing: bool,
}

impl Watched {
    fn new(path: PathBuf) -> Self {
        let version = FileVersion::of(&path).ok();
        Self { path, version, is_changing: false }
    }

    /// Whether there is another version of the file than the last time, which has stayed for one look. A file that is
    /// missing is one that is just being replaced.
    fn changed(&mut self) -> bool {
        let Ok(version) = FileVersion::of(&self.path) else { return false };
        let is_new = self.version.replace(version) != Some(version);
        let has_changed = self.is_changing && !is_new;
        self.is_changing = is_new;
        has_changed
    }
}

/// Looks at files again and again.
pub(super) struct Changes {
    files: Vec<Watched>,
    ticks: Interval,
}

impl Changes {
    /// Watches these files, which need not exist yet.
    pub(super) fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().map(Watched::new).collect(), ticks: interval(INTERVAL) }
    }

    /// Waits for the next change, and returns the file's path.
    pub(super) async fn next(&mut self) -> PathBuf {
        loop {
            self.ticks.tick().await;
            // Each file is looked at, so that two that change at once are both known.
            let changed: Vec<_> =
                self.files.iter_mut().filter_map(|file| file.changed().then(|| file.path.clone())).collect();
            if let Some(path) = changed.into_iter().next() {
                return path;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_change_is_noticed_once_and_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("template.yaml");
        fs::write(&path, "a").unwrap();
        let mut file = Watched::new(path.clone());
        assert!(!file.changed() && !file.changed());
        fs::write(&path, "ab").unwrap();
        assert!(!file.changed(), "it may still be changing");
        assert!(file.changed() && !file.changed());
        fs::remove_file(&path).unwrap();
        assert!(!file.changed());
        fs::write(&path, "abc").unwrap();
        assert!(!file.changed() && file.changed() && !file.changed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_may_appear_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("funnelcast.yaml");
        let mut changes = Changes::of([path.clone()]);
        fs::write(&path, "Stage: dev").unwrap();
        assert_eq!(changes.next().await, path);
    }
}
