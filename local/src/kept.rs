//! The folder `.funnelcast` of a project: keys that are made once and kept, and where its stack is running.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// The folder, relative to the project's.
const FOLDER: &str = ".funnelcast";
/// Keeps all of the folder out of git, in whatever project it is.
const GITIGNORE: &str = "*\n";

/// The path of the file `name` in the folder of the project `project`.
pub(crate) fn path(project: &Path, name: &str) -> PathBuf {
    project.join(FOLDER).join(name)
}

/// Creates the folder of `project`, unless there is one.
pub(crate) fn create_folder(project: &Path) -> std::io::Result<()> {
    let folder = project.join(FOLDER);
    if !folder.is_dir() {
        fs::create_dir(&folder)?; // not above it: a project is a folder that exists
        fs::write(folder.join(".gitignore"), GITIGNORE)?;
    }
    Ok(())
}

/// The line in the file `name` of `project`, or the one that `new` makes, which is kept there, readable by its owner only.
///
/// If two processes create it at once, they agree on one: the file appears complete, and the process that comes second
/// reads it.
pub(crate) fn read_or_create(
    project: &Path,
    name: &str,
    new: impl FnOnce() -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let path = path(project, name);
    let unusable = || format!("cannot use {}", path.display());
    let read = || fs::read_to_string(&path).map(|text| text.trim().to_owned());
    match read() {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(unusable),
        Err(_) => create_folder(project).with_context(unusable)?,
    }
    let text = new()?;
    let mut file = tempfile::NamedTempFile::new_in(project.join(FOLDER)).with_context(unusable)?;
    writeln!(file, "{text}").with_context(unusable)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(text),
        Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => read().with_context(unusable),
        Err(failed) => Err(failed.error).with_context(unusable),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_created_once_and_for_its_owner_only() {
        let project = tempfile::tempdir().unwrap();
        let get = |text: &str| read_or_create(project.path(), "key", || Ok(text.to_owned())).unwrap();
        assert_eq!((get("first"), get("second")), ("first".to_owned(), "first".to_owned()));
        let mode = fs::metadata(path(project.path(), "key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_to_string(path(project.path(), ".gitignore")).unwrap(), "*\n");
    }
}
