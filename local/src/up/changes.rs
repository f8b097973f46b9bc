//! Files that a running stack cannot reload: its template, and its own binary. When one of them changes, the log says that
//! a restart is needed. A function's binary is reloaded where the function runs.

use std::{path::PathBuf, time::Duration};

use tokio::time::interval;

use crate::file_version::FileVersion;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(1);

/// A file, and the version of it that was seen last.
struct Watched {
    path: PathBuf,
    /// `None` if there was no file to read.
    version: Option<FileVersion>,
}

impl Watched {
    fn new(path: PathBuf) -> Self {
        let version = FileVersion::of(&path).ok();
        Self { path, version }
    }

    /// Whether there is another version of the file than the last time. A file that is missing is one that is just being
    /// replaced.
    fn changed(&mut self) -> bool {
        let Ok(version) = FileVersion::of(&self.path) else { return false };
        self.version.replace(version) != Some(version)
    }
}

/// Watches the template at `template` and this program's binary, for ever.
pub(super) async fn watch(template: PathBuf) {
    let own_binary = std::env::current_exe().ok();
    let mut files: Vec<_> = std::iter::once(template).chain(own_binary).map(Watched::new).collect();
    let mut ticks = interval(INTERVAL);
    loop {
        ticks.tick().await;
        for file in files.iter_mut().filter_map(|file| file.changed().then_some(&file.path)) {
            tracing::warn!("{} has changed; restart the stack to apply the change", file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_change_is_noticed_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("template.yaml");
        fs::write(&path, "a").unwrap();
        let mut file = Watched::new(path.clone());
        assert!(!file.changed());
        fs::write(&path, "ab").unwrap();
        assert!(file.changed() && !file.changed());
        fs::remove_file(&path).unwrap();
        assert!(!file.changed());
        fs::write(&path, "abc").unwrap();
        assert!(file.changed() && !file.changed());
    }
}
