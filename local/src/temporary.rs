//! Temporary folders, each named after the process that it belongs to, so that a later run removes those of killed ones.

use std::{fs, path::Path};

use anyhow::Context as _;
use tempfile::TempDir;

/// The process id follows, by which a later run recognises the folder of a killed one.
const PREFIX: &str = "funnelcast-local-";

/// Creates a folder in `parent`, which is removed when it is dropped. Removes those of runs that were killed.
pub(crate) fn folder_in(parent: &Path) -> anyhow::Result<TempDir> {
    remove_left_over(parent);
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent);
    folder.with_context(|| format!("cannot create a temporary folder in {}", parent.display()))
}

/// Removes the folders of runs that were killed, which on a RAM disk would take memory until the next boot, and elsewhere
/// space for ever.
fn remove_left_over(parent: &Path) {
    // Without /proc it is unknown which processes exist, so nothing is removed.
    if !Path::new("/proc/self").exists() {
        return;
    }
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let Some(owner) = owner.and_then(|owner| owner.parse::<u32>().ok()) else { continue };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            // Another run may be removing the same one.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_killed_run_is_removed_and_that_of_a_running_one_is_not() {
        let parent = tempfile::tempdir().unwrap();
        // Greater than any process id of Linux.
        let dead = parent.path().join(format!("{PREFIX}4294967295-x"));
        let other = parent.path().join("other");
        for path in [&dead, &other] {
            fs::create_dir(path).unwrap();
        }
        let first = folder_in(parent.path()).unwrap();
        let second = folder_in(parent.path()).unwrap();
        assert!(!dead.exists());
        assert!(first.path().exists() && second.path().exists() && other.exists());
    }
}
